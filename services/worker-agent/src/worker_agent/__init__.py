"""One worker: takes tasks, runs an agent, serves its MCP tools."""
