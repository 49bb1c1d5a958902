"""Artifacts: files and texts of an attempt that outlive its workspace."""

from dataclasses import dataclass
from mimetypes import guess_type

from contracts.events.deliverables import Artifact, StoredObject
from contracts.streams import ARTIFACTS
from worker_agent.decisions.keys import object_key
from worker_agent.domain import AttemptRecord, Target
from worker_agent.errors import ObjectRefused, QuotaExceeded, SandboxRefused
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.holding import refuse_if_lost
from worker_agent.handlers.reports import Recorded
from worker_agent.handlers.workshop import Workshop

MEBIBYTE = 1024 * 1024
COMPRESSED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
TEXT, BYTES = "text/plain", "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Published:
    """An artifact that is kept: its event, and where it lies."""

    recorded: Recorded
    stored: StoredObject


async def publish_artifact(attempt: Attempt, workshop: Workshop, body: Artifact) -> Published:
    """Keep a file of the workspace, or a text. The same name again replaces it, and is an event of its own.

    Raises ObjectRefused, QuotaExceeded, RateLimited, AttemptLost, ObjectsUnavailable, and what sandbox and spool raise.
    """
    attempt.reporter.check(body)
    if (body.path is None) == (body.content is None):
        raise ObjectRefused("give exactly one of path (a file of the workspace) and content (the text itself)")
    await refuse_if_lost(attempt, workshop)
    async with attempt.depositing:
        content, is_text = _without_secrets(attempt, await _content(attempt, workshop, body))
        key = object_key(attempt.key, attempt.redactor.text(body.name))
        sizes = _sizes(attempt.record, key, len(content), attempt.quota(Target.artifact_mb))
        attempt.throttle.deposit(len(content))
        media_type = body.media_type or guessed_media_type(body.name, is_text=is_text)
        stored = await workshop.objects.put(ARTIFACTS.name, key, content, media_type)
        await attempt.update(artifacts=sizes)
    told = body.model_copy(update={"content": None, "media_type": media_type})
    return Published(await attempt.reporter.report("artifact", told, stored=stored), stored)


def guessed_media_type(name: str, *, is_text: bool) -> str:
    """What a name says about content; for one that says nothing, plain text or just bytes."""
    kind, encoding = guess_type(name)
    if encoding is not None:
        return COMPRESSED.get(encoding, BYTES)
    return kind or (TEXT if is_text else BYTES)


async def _content(attempt: Attempt, workshop: Workshop, body: Artifact) -> bytes:
    most_mb = workshop.object_limits.artifact_mb
    if body.path is None:
        return (body.content or "").encode()
    try:
        return await workshop.sandbox.read_file(attempt.key.workspace, body.path, most_mb * MEBIBYTE)
    except SandboxRefused as error:
        if error.reason != "file_too_large":
            raise
        raise ObjectRefused(
            f"path: {body.path!r} is larger than the {most_mb} MB that an artifact may have; compress it, or leave out "
            "what the manager does not need"
        ) from error


def _without_secrets(attempt: Attempt, content: bytes) -> tuple[bytes, bool]:
    """The content, and whether it is text: in a text the attempt's secrets are masked, bytes are kept as they are."""
    try:
        return attempt.redactor.text(content.decode()).encode(), True
    except UnicodeDecodeError:
        return content, False


def _sizes(record: AttemptRecord, key: str, size: int, quota_mb: int) -> dict[str, int]:
    sizes = record.artifacts | {key: size}
    total = sum(sizes.values())
    if total > quota_mb * MEBIBYTE:
        raise QuotaExceeded(
            f"with these {_mb(size)} MB the artifacts of this attempt would take {_mb(total)} MB of {quota_mb}; "
            "publish less, take the name of one that may be replaced, or ask for more: request_resources with "
            "resource_type api_quota and amount_needed such as '+100 MB'"
        )
    return sizes


def _mb(size: int) -> float:
    return round(size / MEBIBYTE, 1)
