"""What goes into the tools, what comes out of them, and who calls."""
