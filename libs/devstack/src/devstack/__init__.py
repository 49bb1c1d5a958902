"""The whole system on one machine, and the mews command line."""
