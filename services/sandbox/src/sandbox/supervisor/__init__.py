"""What stands between the sandbox and one command: a process of its own, written with the standard library alone."""
