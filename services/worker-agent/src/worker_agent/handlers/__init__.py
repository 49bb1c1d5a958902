"""What the worker-agent does: assignments, attempts, reports, questions and commands."""
