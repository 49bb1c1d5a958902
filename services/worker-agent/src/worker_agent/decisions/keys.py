"""Under which keys an attempt's artifacts and checkpoints lie in the object store."""

import re
from hashlib import blake2s

from contracts import subjects
from worker_agent.domain import AttemptKey

UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
LONGEST = 100


def object_key(attempt: AttemptKey, name: str) -> str:
    """Where something of this name lies."""
    return subjects.object_key(attempt.task_id, attempt.attempt, safe_name(name))


def safe_name(name: str) -> str:
    """A name of plain letters; one that had to be changed ends with a digest, so that two names stay two."""
    plain = UNSAFE.sub("-", name).strip(".-")[:LONGEST]
    return plain if plain == name else f"{plain or 'object'}~{blake2s(name.encode(), digest_size=4).hexdigest()}"
