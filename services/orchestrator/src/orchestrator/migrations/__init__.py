"""The history of this schema."""
