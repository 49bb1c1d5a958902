"""The MCP server for agents: its tools, over HTTP on loopback and over stdio."""
