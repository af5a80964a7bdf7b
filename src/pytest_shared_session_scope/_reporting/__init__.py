"""Render the outcome of a run: terminal summary, JSON, trace, leftovers of earlier runs, waiting line."""
