"""Who may use the bus: the authority that signs it, and credentials for workers and services."""
