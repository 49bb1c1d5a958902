"""What the projections are made of: figures that add up, and the names they have."""
