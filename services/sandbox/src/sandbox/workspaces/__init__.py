"""Workspaces: the folders in which attempts work, where they come from, and what was changed in them."""
