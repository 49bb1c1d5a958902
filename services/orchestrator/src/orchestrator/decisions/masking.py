"""What of a task's requirements is nobody's business but the agent's process, or only git's."""

import re
from functools import lru_cache

from contracts.base import JsonObject

MASK = "********"
CREDENTIALS = re.compile(r"^(https?://)[^/?#]*@", re.IGNORECASE)


@lru_cache(maxsize=4_096)
def without_credentials(repository: str) -> str:
    """The repository's address without who may read it, and by which password."""
    return CREDENTIALS.sub(r"\1", repository)


def masked(requirements: JsonObject) -> JsonObject:
    """The requirements without the values of `env`, whose names are kept, and without the repository's credentials."""
    shown = dict(requirements)
    env, repository = requirements.get("env"), requirements.get("repository")
    if isinstance(env, dict) and env:
        shown["env"] = dict.fromkeys(env, MASK)
    if isinstance(repository, str):
        shown["repository"] = CREDENTIALS.sub(rf"\1{MASK}@", repository)
    return shown
