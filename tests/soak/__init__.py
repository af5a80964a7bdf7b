"""The soak test: random suites under real workers that fail, crash and receive signals, judged by their logs."""
