"""Entries of the live tail in text."""

from contracts.telemetry import TailEntry
from mcp_gateway.domain.outputs import Streams
from mcp_gateway.mcp.text.layout import lines_below


def viewed(streams: Streams) -> str:
    """After `view_realtime_streams`."""
    if not streams.entries:
        return f"Task {streams.task_id} has no such entries yet."
    lines = [f"Task {streams.task_id} Streams (last {len(streams.entries)}):"]
    lines += [f"  {entry.occurred_at:%H:%M:%S} {entry_line(entry)}" for entry in streams.entries]
    return "\n".join(lines)


def entry_line(entry: TailEntry) -> str:
    """`[thinking] Considering …`."""
    stale = " (stale)" if entry.stale else ""
    return f"[{entry.stream_type or entry.kind}] {lines_below(entry.content, ' ' * 6)}{stale}"
