"""Tasks, attempts, workers, scheduling, leases and commands."""
