"""Store one run's state on one machine: its directory, membership, locks and share journals."""
