"""Codecs: convert values to text and back, verify that nothing was lost, and explain refusals."""
