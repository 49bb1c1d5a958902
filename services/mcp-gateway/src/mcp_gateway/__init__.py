"""The manager's MCP endpoint: tools, resources, authentication."""
