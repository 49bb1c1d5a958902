"""What arrives by HTTP: parse, do, answer."""
