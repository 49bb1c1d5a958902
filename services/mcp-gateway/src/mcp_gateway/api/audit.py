"""The audit log."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from contracts.access import Role
from contracts.audit import AuditEntry, AuditHead, AuditOutcome, AuditSource, AuditVerification
from contracts.base import Name, Page, TaskId, UtcTime
from mcp_gateway.api.roles import require_role
from mcp_gateway.decisions.audit.rendering import entry_view, head_view, parse_head
from mcp_gateway.domain.audit import AuditQuery
from mcp_gateway.domain.principals import Principal
from mcp_gateway.errors import NotFound
from mcp_gateway.handlers.audit.verifying import PART, verify_part
from mcp_gateway.ports import AuditReader
from servicekit.paging import PageCursor, PageLimit, decode_cursor, invalid_cursor, page

router = APIRouter(prefix="/audit")

Admin = Annotated[Principal, require_role(Role.admin)]
LARGEST = 2**63 - 1
Written = Annotated[str, Query(description="An end of the chain as `seq:hash`.", max_length=100)]
MOST_KNOWN = 100


@router.get("", response_model_exclude_none=True)
async def list_entries(
    request: Request,
    _: Admin,
    since: UtcTime | None = None,
    until: UtcTime | None = None,
    principal: Name | None = None,
    action: Name | None = None,
    outcome: AuditOutcome | None = None,
    source: AuditSource | None = None,
    task_id: TaskId | None = None,
    cursor: PageCursor = None,
    limit: PageLimit = 50,
) -> Page[AuditEntry]:
    """Entries, newest first, by when they were recorded, who, what, what came of it, and which task."""
    query = AuditQuery(since, until, principal, action, outcome, source, task_id)
    rows = await _reader(request).page(query, _before(cursor), limit + 1)
    return page(rows, limit, lambda link: (link.seq,), entry_view)


@router.get("/head")
async def get_head(request: Request, _: Admin) -> AuditHead:
    """The end of the chain, to be kept elsewhere."""
    return head_view(await _reader(request).head())


@router.get("/verification", response_model_exclude_none=True)
async def verify(
    request: Request,
    _: Admin,
    after: Written | None = None,
    known: Annotated[list[Written] | None, Query(max_length=MOST_KNOWN)] = None,
    limit: Annotated[int, Query(ge=1, le=PART, description="How many entries to verify at most.")] = PART,
) -> AuditVerification:
    """Verify the chain from the oldest entry on, or from `after` on; `known`: ends that were kept elsewhere."""
    heads = [parse_head(one) for one in known or []]
    return await verify_part(_reader(request), parse_head(after) if after else None, heads, limit)


@router.get("/{seq}", response_model_exclude_none=True)
async def get_entry(request: Request, _: Admin, seq: Annotated[int, Path(ge=1, le=LARGEST)]) -> AuditEntry:
    """One entry."""
    link = await _reader(request).entry(seq)
    if link is None:
        raise NotFound(f"no audit entry {seq}; GET /v1/audit/head tells the last one")
    return entry_view(link)


def _before(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    (seq,) = decode_cursor(cursor, 1)
    if not isinstance(seq, int) or not 0 < seq <= LARGEST:
        raise invalid_cursor()
    return seq


def _reader(request: Request) -> AuditReader:
    return request.app.state.audit
