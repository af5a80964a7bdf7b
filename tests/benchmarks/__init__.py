"""Benchmarks of shared fixtures, described in README.md. They print figures and assert nothing."""
