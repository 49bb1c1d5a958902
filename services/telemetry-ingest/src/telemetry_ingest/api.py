"""The read side over HTTP: the log by page or as a whole, a task's tail, and the tail as it grows."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import AwareDatetime

from contracts.base import EventId, Page, TaskId, WorkerId
from contracts.events import EVENT_TYPES
from contracts.events.reporting import StreamType
from contracts.telemetry import LogMarks, StoredEvent, Tail
from servicekit.paging import PageCursor, PageLimit, decode_cursor, invalid_cursor, page
from telemetry_ingest import handlers
from telemetry_ingest.decisions.filtering import filter_of
from telemetry_ingest.domain import EventFilter
from telemetry_ingest.errors import Stopping, UnknownType
from telemetry_ingest.ports import EventLog, LiveTail

MAX_TAIL = 1_000
Moment = AwareDatetime | None
Types = Annotated[list[str], Query(description="Stream types and event kinds alike; none: all.")]

router = APIRouter(prefix="/v1")
whole_log = APIRouter(prefix="/v1/log")


class NdjsonResponse(StreamingResponse):
    """Lines of JSON, as they come."""

    media_type = "application/x-ndjson"


@router.get("/events", response_model_exclude_none=True)
async def events(
    request: Request,
    task_id: TaskId | None = None,
    worker_id: WorkerId | None = None,
    kind: Annotated[list[str], Query()] = [],  # noqa: B006
    stream_type: Annotated[list[StreamType], Query()] = [],  # noqa: B006
    since: Moment = None,
    until: Moment = None,
    order: Literal["asc", "desc"] = "asc",
    cursor: PageCursor = None,
    limit: PageLimit = 50,
) -> Page[StoredEvent]:
    """Events of the log, in the order of their ids, which is that of their making."""
    wanted = EventFilter(task_id, worker_id, tuple(_known_kinds(kind)), tuple(stream_type))
    rows = await _log(request).page(
        wanted,
        since=since,
        until=until,
        after=_after(cursor),
        limit=limit + 1,
        descending=order == "desc",
    )
    return page(rows, limit, lambda row: (row.event.event_id,), lambda row: row)


@whole_log.get("/events", response_class=NdjsonResponse)
async def log_events(
    request: Request, after: EventId | None = None, since: Moment = None, until: Moment = None
) -> NdjsonResponse:
    """All that workers reported and asked: a LoggedEvent a line, in order of the ids, beyond the id `after`."""
    return NdjsonResponse(_unless_stopping(request, _log(request).export_events(after, since, until)))


@whole_log.get("/decided", response_class=NdjsonResponse)
async def log_decided(
    request: Request, after: EventId | None = None, since: Moment = None, until: Moment = None
) -> NdjsonResponse:
    """All that services decided: a LoggedDecision a line, in order of the ids, beyond the id `after`."""
    return NdjsonResponse(_unless_stopping(request, _log(request).export_decided(after, since, until)))


@whole_log.get("/marks", response_model_exclude_none=True)
async def log_marks(request: Request) -> LogMarks:
    """Which batches are in the log: whoever asks first and exports then finds all of them."""
    return await _log(request).marks()


@router.get("/tasks/{task_id}/tail", response_model_exclude_none=True)
async def tail(
    request: Request,
    task_id: TaskId,
    last_n: Annotated[int, Query(ge=1, le=MAX_TAIL)] = 20,
    types: Types = [],  # noqa: B006
) -> Tail:
    """The last entries of a task, oldest first."""
    return await handlers.read_tail(task_id, types, last_n, _log(request), _tail(request))


def wanted_entries(task_id: TaskId, types: Types = []) -> EventFilter:  # noqa: B006
    """FastAPI dependency: the filter of a task's tail, refused before the answer has begun."""
    return filter_of(task_id, types)


@router.get("/tasks/{task_id}/live", response_class=EventSourceResponse)
async def live(
    request: Request,
    wanted: Annotated[EventFilter, Depends(wanted_entries)],
    last_event_id: Annotated[str, Header(pattern=r"^(\$|\d+-\d+)$")] = "$",
) -> AsyncGenerator[ServerSentEvent]:
    """The tail as it grows, as server-sent events; `Last-Event-ID` resumes, `0-0` begins with what is kept."""
    stopping: asyncio.Event = request.app.state.stopping
    wait_ms: int = request.app.state.live_wait_ms
    async for item_id, entries in _tail(request).follow(wanted, last_event_id, wait_ms):
        if stopping.is_set():
            return
        for entry in entries:
            yield ServerSentEvent(raw_data=entry.to_json().decode(), event=entry.kind, id=item_id)
        if not entries:
            yield ServerSentEvent(comment="alive", id=item_id)


async def _unless_stopping(request: Request, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The pieces that are not empty. When this process stops the answer breaks off, so that it looks like no whole."""
    stopping: asyncio.Event = request.app.state.stopping
    async for piece in pieces:
        if stopping.is_set():
            raise Stopping("the export was cut off since the service stops; go on with `after` = the last event_id")
        if piece:
            yield piece


def _after(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    try:
        return str(UUID(decode_cursor(cursor, 1)[0]))
    except (AttributeError, TypeError, ValueError) as error:
        raise invalid_cursor() from error


def _known_kinds(kinds: list[str]) -> list[str]:
    for kind in kinds:
        if kind not in EVENT_TYPES:
            raise UnknownType(f"kind: {kind!r} is no event kind; allowed: {', '.join(sorted(EVENT_TYPES))}")
    return kinds


def _log(request: Request) -> EventLog:
    return request.app.state.log


def _tail(request: Request) -> LiveTail:
    return request.app.state.tail
