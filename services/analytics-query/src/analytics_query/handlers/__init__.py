"""One function for each thing this service does."""
