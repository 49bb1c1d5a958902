"""One function for each thing this service does: load, decide, save, in one transaction."""
