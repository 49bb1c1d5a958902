"""`mews demo`: from nothing to an audited project, through the same doors as everybody."""
