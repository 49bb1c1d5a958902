"""What all requests to the sandbox share."""

from typing import Annotated

from pydantic import ConfigDict, Field

from contracts.base import Model

WorkspaceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$", max_length=128)]


class SandboxRequest(Model):
    """What a caller sends: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")
