"""The manager's MCP endpoint.

Serves the manager's tools and resources over streamable HTTP, in both protocol eras and without sessions, so that any
replica serves any request. Owns who may call; owns no task, event or question: those it asks the other services for.
"""
