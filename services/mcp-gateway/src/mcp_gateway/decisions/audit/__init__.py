"""What the audit log says, and how its entries hang together."""
