"""Rules: which questions they fit, what they do, what they would have done, and their life."""
