"""The only SQL of the gateway."""

from mcp_gateway.store.audit import PostgresAuditReader, PostgresAuditWriter
from mcp_gateway.store.deadletters import OwnDeadLetters
from mcp_gateway.store.keys import PostgresKeys

__all__ = ["OwnDeadLetters", "PostgresAuditReader", "PostgresAuditWriter", "PostgresKeys"]
