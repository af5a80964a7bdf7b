"""Render what a run shared: terminal summary, JSON, trace, leftovers of earlier runs, the waiting line."""
