"""What a call of the gateway is made of; apart from the client, because the MCP library takes a second to import."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from devstack.errors import DevstackError
from devstack.paths import Layout
from devstack.state import read_state

PATH = "/mcp"
# The one that the gateway prefers.
PORT = 8080
HOST = re.compile(r"[A-Za-z0-9._-]+")


class GatewayAway(DevstackError):
    """No gateway answers there now; the same call may succeed later."""


class CallRefused(DevstackError):
    """The gateway understood the call and says no; `code` is for programs."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code

    @property
    def passing(self) -> bool:
        """Whether the same call may succeed a little later."""
        return self.code == "service_unavailable"


@dataclass(frozen=True)
class Target:
    """Where the gateway is, and the token it wants (none where it serves this machine alone)."""

    url: str
    token: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a tool answers: text for people, structure for programs."""

    text: str
    structure: dict[str, Any]


def find_target(
    place: Layout, url: str | None = None, token: str | None = None, manager_host: str | None = None
) -> Target:
    """The gateway that was named, by its address or else by its host, or this project's own.

    Raises DevstackError when that does not run.
    """
    url = url or _far_gateway(manager_host)
    if url:
        return Target(with_path(url), token)
    state = read_state(place.state)
    if state is None or not state.is_supervised or not state.gateway_url:
        raise DevstackError("the system is not running; start it with: mews up")
    return Target(with_path(state.gateway_url), token)


def _far_gateway(host: str | None) -> str | None:
    """The address at a host; None for this machine, whose gateway may have another port than the one it prefers."""
    if not host:
        return None
    if not HOST.fullmatch(host):
        raise DevstackError(f"MANAGER_HOST={host!r} is no name of a host; with a port, give --gateway or MEWS_GATEWAY")
    url = f"http://{host}:{PORT}"
    return None if is_loopback(url) else url


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own, to which no proxy leads."""
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


def with_path(url: str) -> str:
    """The address of the MCP endpoint, where only that of the gateway was given."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise DevstackError(f"{url!r} is no address of a gateway; one looks like http://127.0.0.1:8080")
    return parts._replace(path=PATH).geturl() if parts.path in {"", "/"} else url
