"""Soak: random suites under real workers that fail, die and are signalled, judged from what their fixtures log."""
