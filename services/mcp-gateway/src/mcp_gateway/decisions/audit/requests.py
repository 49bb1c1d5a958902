"""What the audit log reads of a request, and how its parts tell each other that they have."""

from collections.abc import Mapping
from typing import Any

AUDITED = "mews.audited"
"""In an ASGI scope: the request has an entry of its own."""
CLIENT = "client_address"
"""In an ASGI scope: the address of the caller, where it came through proxies that are trusted."""


def client_of(scope: Mapping[str, Any]) -> str | None:
    """The address from which a request came."""
    client = scope.get("client")
    return scope.get(CLIENT) or (client[0] if client else None)
