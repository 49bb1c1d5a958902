"""The sidecar in which an agent and its commands run."""
