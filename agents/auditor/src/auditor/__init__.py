"""The default agent: audits a Python repository and reports through the worker's MCP tools."""
