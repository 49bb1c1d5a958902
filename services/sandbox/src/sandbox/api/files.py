"""Endpoints of files."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, status

from contracts.base import Page
from contracts.sandbox import FileEntry, WorkspaceName
from sandbox import files
from sandbox.api.document import A_FILE, BYTES, answers_with
from sandbox.api.services import LARGEST_PAGE, MB, ServicesOf, body_of
from sandbox.workspaces.layout import Area

LONGEST_GLOB = 128

router = APIRouter(prefix="/v1/files")


@router.get("/{workspace}")
async def list_files(
    workspace: WorkspaceName,
    services: ServicesOf,
    path: str = "",
    glob: Annotated[str, Query(min_length=1, max_length=LONGEST_GLOB)] = "*",
    area: Area = "tree",
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 100,
) -> Page[FileEntry]:
    """Entries below a folder whose path relative to it fits the pattern."""
    root = services.workspaces.find(workspace).area(area)
    listing = files.Listing(path, glob, cursor, limit, services.settings.max_workspace_files)
    return await asyncio.to_thread(files.entries, root, listing)


@router.get("/{workspace}/{path:path}", response_class=Response, responses=answers_with(BYTES))
async def read(
    workspace: WorkspaceName,
    path: str,
    services: ServicesOf,
    area: Area = "tree",
    offset: Annotated[int, Query(ge=0)] = 0,
    length: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """A file's content, or a part of it."""
    root = services.workspaces.find(workspace).area(area)
    most = services.settings.max_transfer_mb * MB
    content = await asyncio.to_thread(files.read, root, path, offset=offset, length=length, most_bytes=most)
    return Response(content, media_type=BYTES)


@router.put("/{workspace}/{path:path}", status_code=status.HTTP_201_CREATED, openapi_extra=A_FILE)
async def write(
    workspace: WorkspaceName,
    path: str,
    request: Request,
    services: ServicesOf,
    area: Area = "tree",
    executable: bool = False,
) -> FileEntry:
    """Write a file, with the folders above it."""
    root = services.workspaces.find(workspace).area(area)
    content = await body_of(request, services.settings.max_transfer_mb)
    return await asyncio.to_thread(files.write, root, path, content, executable=executable)
