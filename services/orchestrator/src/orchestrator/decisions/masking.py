"""What of a task's requirements is nobody's business but the agent's process, or only git's."""

from contracts.addresses import masked_credentials
from contracts.base import JsonObject
from contracts.key_formats import MASK


def masked(requirements: JsonObject) -> JsonObject:
    """The requirements without the values of `env`, whose names are kept, and without the repository's credentials."""
    shown = dict(requirements)
    env, repository = requirements.get("env"), requirements.get("repository")
    if isinstance(env, dict) and env:
        shown["env"] = dict.fromkeys(env, MASK)
    if isinstance(repository, str):
        shown["repository"] = masked_credentials(repository)
    return shown
