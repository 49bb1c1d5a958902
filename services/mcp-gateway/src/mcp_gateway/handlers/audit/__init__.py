"""The audit log at work: entries are gathered, written together, read and verified."""
