"""Decide which worker sets a share up, which workers wait, and which one cleans up."""
