"""What the worker-agent decides: pure functions, a file each."""
