"""Whoever runs the workers: a cluster, or the supervisor of this machine. Each is imported only where it is used."""
