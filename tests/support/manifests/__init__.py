"""Kubernetes manifests as data, and what must be true of them: pure functions that return complaints."""
