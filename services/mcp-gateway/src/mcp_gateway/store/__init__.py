"""The only SQL of the gateway."""

from mcp_gateway.store.keys import PostgresKeys

__all__ = ["PostgresKeys"]
