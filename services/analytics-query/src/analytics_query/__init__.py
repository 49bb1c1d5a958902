"""Projections of the events, and every report made from them."""
