"""Translate pytest's and xdist's events into calls of the engine, by role: controller or worker."""
