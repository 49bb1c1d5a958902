"""What the endpoints work with, and how they get at it."""

import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, cast

from fastapi import Depends, Request

from sandbox.errors import BodyTooLarge
from sandbox.processes.table import ProcessTable
from sandbox.protections import Host
from sandbox.settings import Settings
from sandbox.workspaces.store import UPLOAD, Workspaces

MB = 1024 * 1024
LARGEST_PAGE = 1_000


@dataclass(frozen=True)
class Services:
    """Everything that was built at the start."""

    settings: Settings
    host: Host
    workspaces: Workspaces
    processes: ProcessTable


def of(request: Request) -> Services:
    """The services of the application that a request came to."""
    return cast(Services, request.app.state.services)


ServicesOf = Annotated[Services, Depends(of)]


async def body_of(request: Request, most_mb: int) -> bytes:
    """The whole body; raises `BodyTooLarge` as soon as it is above the limit."""
    return b"".join([part async for part in _limited(request, most_mb)])


@asynccontextmanager
async def body_on_disk(request: Request, folder: Path, most_mb: int) -> AsyncGenerator[tuple[Path, str]]:
    """The body as a file that is removed afterwards, and the digest of its content."""
    digest = hashlib.sha256()
    with NamedTemporaryFile(dir=folder, prefix=UPLOAD, delete=False) as file:
        try:
            async for part in _limited(request, most_mb):
                digest.update(part)
                file.write(part)
            file.flush()
            yield Path(file.name), digest.hexdigest()
        finally:
            os.unlink(file.name)


async def _limited(request: Request, most_mb: int) -> AsyncIterator[bytes]:
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most_mb * MB:
            raise BodyTooLarge(f"the body is larger than {most_mb} MB")
        yield part
