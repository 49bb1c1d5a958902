"""What administrators and operators reach by HTTP, beside MCP: `/v1/…`, with the same bearer credentials."""

from fastapi import APIRouter

from mcp_gateway.api import audit, deadletters, keys

router = APIRouter(prefix="/v1")
for part in (keys, audit, deadletters):
    router.include_router(part.router)
