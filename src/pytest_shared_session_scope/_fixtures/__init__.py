"""Shared fixtures as users write them: decorators, annotations, validation, and the three styles of functions."""
