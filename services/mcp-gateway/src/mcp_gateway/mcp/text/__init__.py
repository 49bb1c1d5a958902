"""The answers as text that a person can read as it is."""
