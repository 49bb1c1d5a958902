"""What of a task's requirements is nobody's business but the agent's process."""

from contracts.base import JsonObject

MASK = "********"


def masked(requirements: JsonObject) -> JsonObject:
    """The requirements without the values of `env`; its names are kept."""
    env = requirements.get("env")
    if not isinstance(env, dict) or not env:
        return requirements
    return {**requirements, "env": dict.fromkeys(env, MASK)}
