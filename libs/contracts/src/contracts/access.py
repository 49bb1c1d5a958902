"""Who may call the gateway: roles, and API keys as operators see them."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.base import Model, UtcTime

KeyId = Annotated[str, Field(pattern=r"^key-[0-9a-f-]{36}$", description="API key id, such as `key-0198f3…`.")]
PrincipalName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_.@-]{1,100}$", description="Letters, digits and `_.@-`, at most 100.")
]
ToolName = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,63}$", description="Name of a tool of the manager.")]


class Role(StrEnum):
    """What a caller may do; each role may do all that those before it may."""

    viewer = "viewer"
    """Sees everything, and changes nothing."""
    operator = "operator"
    """Runs the work: assigns, cancels, answers, decides, steers workers."""
    admin = "admin"
    """Changes how the system works: rules, worker configuration, keys, dead letters."""


class NewApiKey(Model):
    """An API key to be."""

    name: PrincipalName
    """Whose key it is; the services learn it as the actor. A key that replaces another has the same name."""
    role: Role = Role.viewer
    tools: Annotated[list[ToolName], Field(max_length=50)] = []
    """Only these tools, and nothing else of what its role may do; empty: all that its role may do."""
    expires_at: UtcTime | None = None
    """When it ends by itself; left out: never."""


class ApiKey(Model):
    """An API key without its secret, which nobody can show again."""

    key_id: KeyId
    name: PrincipalName
    role: Role
    tools: list[ToolName] = []
    created_by: str
    created_at: UtcTime
    expires_at: UtcTime | None = None
    revoked_at: UtcTime | None = None
    revoked_by: str | None = None
    last_used_at: UtcTime | None = None
    """To the minute or so: it is written seldom."""


class IssuedApiKey(Model):
    """A key that was just made, with what its owner shows; it is told this once."""

    key: ApiKey
    token: str
    """`mews_<id>_<secret>`: the bearer token."""
