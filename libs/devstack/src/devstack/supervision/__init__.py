"""Start many processes in the right order, keep them running, and stop them all."""
