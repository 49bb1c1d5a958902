"""Verify the chain, part by part."""

from collections.abc import AsyncGenerator, Sequence

from contracts.audit import AuditBreak, AuditVerification
from mcp_gateway.decisions.audit.rendering import head_view
from mcp_gateway.decisions.audit.verifying import judge
from mcp_gateway.domain.audit import Head
from mcp_gateway.ports import AuditReader

PART = 5_000


async def verify_part(
    reader: AuditReader, after: Head | None, known: Sequence[Head], limit: int = PART
) -> AuditVerification:
    """Verify at most `limit` entries behind `after`; from the oldest on, if it is None."""
    part = await reader.part(after.seq if after else 0, limit)
    judged = judge(part, after, known)
    broken = judged.broken
    return AuditVerification(
        first_seq=part.links[0].seq if part.links else 0,
        entries=judged.entries,
        head=head_view(judged.reached),
        complete=broken is not None or part.is_last,
        broken=AuditBreak(seq=broken.seq, reason=broken.reason) if broken else None,
    )


async def verify_all(reader: AuditReader, known: Sequence[Head]) -> AsyncGenerator[AuditVerification]:
    """Verify the whole chain; the last part says how it ended."""
    after: Head | None = None
    while True:
        found = await verify_part(reader, after, known)
        yield found
        if found.complete:
            return
        after = Head(found.head.seq, bytes.fromhex(found.head.hash), found.head.recorded_at)
