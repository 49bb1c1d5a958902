"""The schema of the test service."""
