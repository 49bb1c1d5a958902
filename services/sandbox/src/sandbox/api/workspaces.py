"""Endpoints of workspaces."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import IO, Annotated

from fastapi import APIRouter, Query, Request, Response, status
from fastapi.responses import StreamingResponse

from contracts.base import Page
from contracts.sandbox import (
    ARCHIVE_MEDIA_TYPES,
    BUNDLE_MEDIA_TYPE,
    CHANGES_MEDIA_TYPE,
    Checkout,
    CheckoutRequest,
    PublishRequest,
    Workspace,
    WorkspaceCreate,
    WorkspaceDiff,
    WorkspaceName,
    WorkspacePublished,
)
from sandbox.api.document import A_SOURCE, JSON, answers_with
from sandbox.api.services import LARGEST_PAGE, MB, Services, ServicesOf, body_of, body_on_disk
from sandbox.errors import BundleTooLarge, UnsupportedMedia, WorkspaceExists

PART = 1024 * 1024

router = APIRouter(prefix="/v1/workspaces")


@router.get("")
async def list_workspaces(
    services: ServicesOf, cursor: str = "", limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 100
) -> Page[str]:
    """Names of all workspaces, in order."""
    rest = [name for name in services.workspaces.names() if name > cursor]
    page = rest[:limit]
    return Page[str](items=page, next_cursor=page[-1] if len(rest) > limit else None)


@router.put("/{name}", responses={201: {"model": Workspace}}, openapi_extra=A_SOURCE)
async def create(name: WorkspaceName, request: Request, services: ServicesOf, response: Response) -> Workspace:
    """Make a workspace from what the body says, or from the archive that it is."""
    new = await _create(name, request, services)
    response.status_code = status.HTTP_201_CREATED if new else status.HTTP_200_OK
    return await services.workspaces.describe(name)


@router.get("/{name}")
async def describe(name: WorkspaceName, services: ServicesOf) -> Workspace:
    """A workspace and its size."""
    return await services.workspaces.describe(name)


@router.delete("/{name}", status_code=status.HTTP_204_NO_CONTENT)
async def remove(name: WorkspaceName, services: ServicesOf) -> None:
    """End its processes, and remove it; no error if it is not there."""
    await services.workspaces.remove(name, lambda: services.processes.end_workspace(name))


@router.post("/{name}/checkout", status_code=status.HTTP_201_CREATED)
async def checkout(name: WorkspaceName, asked: CheckoutRequest, services: ServicesOf) -> Checkout:
    """Make a second workspace with a clean checkout of the result."""
    if asked.target == name:
        raise WorkspaceExists("a workspace cannot be checked out into itself")
    return await services.workspaces.checkout(name, asked.target, asked.message)


@router.get("/{name}/diff")
async def diff(name: WorkspaceName, services: ServicesOf) -> WorkspaceDiff:
    """What differs from the base."""
    return await services.workspaces.diff(name)


@router.post("/{name}/publish")
async def publish(name: WorkspaceName, asked: PublishRequest, services: ServicesOf) -> WorkspacePublished:
    """Put the result on its branch, here and, if that is asked for, at a remote."""
    return await services.workspaces.publish(name, asked)


@router.get(
    "/{name}/bundle",
    response_class=StreamingResponse,
    responses={
        **answers_with(BUNDLE_MEDIA_TYPE, CHANGES_MEDIA_TYPE),
        204: {"description": "The source has all of it."},
    },
)
async def bundle(name: WorkspaceName, services: ServicesOf) -> Response:
    """What the source does not have: a git bundle, or without git an archive of the changed files."""
    with ExitStack() as stack:
        file = stack.enter_context(TemporaryFile(dir=services.settings.workspace_root))
        media_type = await services.workspaces.bundle(name, file)
        if media_type is None:
            return Response(status_code=status.HTTP_204_NO_CONTENT)
        size = _size_within(file, services.settings.max_archive_mb)
        stack.pop_all()
        return StreamingResponse(_parts(file), media_type=media_type, headers={"content-length": str(size)})


async def _create(name: str, request: Request, services: Services) -> bool:
    kind = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    settings = services.settings
    if kind in ARCHIVE_MEDIA_TYPES:
        async with body_on_disk(request, settings.workspace_root, settings.max_archive_mb) as (archive, digest):
            return await services.workspaces.create_from_archive(name, archive, digest)
    if kind != JSON:
        raise UnsupportedMedia(f"{kind!r} is not understood; send {JSON} or one of {', '.join(ARCHIVE_MEDIA_TYPES)}")
    body = await body_of(request, settings.max_body_mb)
    return await services.workspaces.create(name, WorkspaceCreate.model_validate_json(body or b"{}").source)


def _size_within(file: IO[bytes], most_mb: int) -> int:
    size = file.seek(0, os.SEEK_END)
    if size > most_mb * MB:
        raise BundleTooLarge(f"the bundle holds {size} bytes, at most {most_mb} MB are handed out")
    file.seek(0)
    return size


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while part := file.read(PART):
            yield part
