"""SQL of the audit log."""

from mcp_gateway.store.audit.reading import PostgresAuditReader
from mcp_gateway.store.audit.writing import PostgresAuditWriter

__all__ = ["PostgresAuditReader", "PostgresAuditWriter"]
