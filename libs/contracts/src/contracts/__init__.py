"""Everything that crosses a process border, said once, as frozen Pydantic models.

One class is the MCP input schema of a tool, the body of its event on the bus and the stored row.
This package imports pydantic alone, so that a client in another repository can depend on it.
"""
