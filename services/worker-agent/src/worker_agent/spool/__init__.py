"""What is to be published, on disk until the broker has it."""
