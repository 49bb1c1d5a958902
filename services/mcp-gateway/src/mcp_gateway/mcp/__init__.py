"""The MCP surface: one table of tools, one of resources, and the server that both protocol eras reach."""
