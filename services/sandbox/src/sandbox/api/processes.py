"""Endpoints of processes."""

import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Query, Response, status
from fastapi.responses import StreamingResponse

from contracts.base import Page
from contracts.sandbox import (
    OUTPUT_MEDIA_TYPE,
    EndReason,
    LimitChange,
    OutputEnd,
    Process,
    ProcessId,
    ProcessStart,
    ProcessUsage,
    SignalRequest,
    StdinWrite,
    StreamName,
    WorkspaceName,
)
from sandbox.api.document import answers_with
from sandbox.api.services import LARGEST_PAGE, MB, ServicesOf
from sandbox.processes.past import Past
from sandbox.processes.run import Run

LONGEST_WAIT_MS = 600_000

router = APIRouter(prefix="/v1/processes")

Milliseconds = Annotated[int, Query(ge=0, le=LONGEST_WAIT_MS)]


@router.post("", responses={201: {"model": Process}})
async def start(asked: ProcessStart, services: ServicesOf, response: Response) -> Process:
    """Start a process, or find the one of this id."""
    run, new = await services.processes.start(asked, services.workspaces.find(asked.workspace))
    response.status_code = status.HTTP_201_CREATED if new else status.HTTP_200_OK
    return run.view()


@router.get("")
async def list_processes(
    services: ServicesOf,
    workspace: WorkspaceName | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 100,
) -> Page[Process]:
    """Processes in order of their start."""
    return services.processes.page(workspace, cursor, limit)


@router.get("/{process_id}")
async def describe(process_id: ProcessId, services: ServicesOf) -> Process:
    """A process as it is now."""
    return services.processes.get(process_id).view()


@router.get("/{process_id}/output", response_class=StreamingResponse, responses=answers_with(OUTPUT_MEDIA_TYPE))
async def output(
    process_id: ProcessId,
    services: ServicesOf,
    stream: StreamName | None = None,
    offset: Annotated[int, Query(ge=0)] = 0,
    follow: bool = True,
) -> StreamingResponse:
    """Its output from an offset on, as lines of JSON, until it has ended."""
    run = services.processes.get(process_id)
    return StreamingResponse(_records(run, stream, offset, follow), media_type=OUTPUT_MEDIA_TYPE)


@router.post("/{process_id}/stdin", status_code=status.HTTP_204_NO_CONTENT)
async def write_stdin(process_id: ProcessId, asked: StdinWrite, services: ServicesOf) -> None:
    """Send text to its standard input."""
    run = services.processes.living(process_id)
    run.write_stdin(asked.text.encode(), services.settings.max_stdin_mb * MB, close=asked.close)


@router.post("/{process_id}/signal", status_code=status.HTTP_204_NO_CONTENT)
async def send_signal(process_id: ProcessId, asked: SignalRequest, services: ServicesOf) -> None:
    """Signal its whole group."""
    services.processes.living(process_id).signal(signal.Signals[asked.signal])


@router.post("/{process_id}/pause")
async def pause(process_id: ProcessId, services: ServicesOf) -> Process:
    """Stop it with all that it started; its wall time stands still. No error if it is paused."""
    run = services.processes.living(process_id)
    await run.pause()
    return run.view()


@router.post("/{process_id}/resume")
async def resume(process_id: ProcessId, services: ServicesOf) -> Process:
    """Let it go on; no error if it is not paused."""
    run = services.processes.living(process_id)
    await run.resume()
    return run.view()


@router.patch("/{process_id}/limits")
async def change_limits(process_id: ProcessId, change: LimitChange, services: ServicesOf) -> Process:
    """Change the limits that are named, within the ceilings of this sandbox."""
    return (await services.processes.change_limits(process_id, change)).view()


@router.delete("/{process_id}")
async def end(process_id: ProcessId, services: ServicesOf, grace_ms: Milliseconds | None = None) -> Process:
    """End it with all that it started, and wait until that is done."""
    run = services.processes.get(process_id)
    run.end(EndReason.CANCELLED, services.settings.grace_ms if grace_ms is None else grace_ms)
    await run.wait()
    return run.view()


@router.get("/{process_id}/usage")
async def usage(process_id: ProcessId, services: ServicesOf) -> ProcessUsage:
    """What it uses by the last sample."""
    return services.processes.get(process_id).current_usage()


@router.get("/{process_id}/wait")
async def wait(process_id: ProcessId, services: ServicesOf, timeout_ms: Milliseconds = 30_000) -> Process:
    """Wait for its end, or until the time is over."""
    run = services.processes.get(process_id)
    await run.wait(timeout_ms)
    return run.view()


async def _records(run: Run | Past, stream: StreamName | None, offset: int, follow: bool) -> AsyncIterator[bytes]:
    async with aclosing(run.journal.follow(offset, stream, wait=follow)) as chunks:
        async for chunk in chunks:
            offset = chunk.offset + chunk.size
            yield chunk.model_dump_json().encode() + b"\n"
    if follow:
        await run.wait()
    yield OutputEnd(offset=offset, process=run.view()).model_dump_json().encode() + b"\n"
