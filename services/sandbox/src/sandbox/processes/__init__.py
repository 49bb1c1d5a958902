"""Processes: how they are started, limited, watched, heard and ended."""
