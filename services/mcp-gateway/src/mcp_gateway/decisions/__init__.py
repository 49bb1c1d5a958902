"""What the gateway decides, as pure functions that return values."""
