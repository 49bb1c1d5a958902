"""Questions, answers, resource and collaboration requests."""
