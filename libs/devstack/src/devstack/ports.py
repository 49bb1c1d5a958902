"""Free TCP ports."""

import secrets
import socket
from collections import deque
from collections.abc import Iterable, Mapping

# Below the range from which the kernel takes the ports of outgoing connections (32768 and up on Linux), so that a
# stopped server finds its port free again.
FIRST, LAST = 20000, 32000
ATTEMPTS = 200
# Whoever was given one may not listen on it yet.
_given: deque[int] = deque(maxlen=1_000)


def free_port(host: str = "127.0.0.1", prefer: int | None = None) -> int:
    """Return `prefer` if it is free on `host`, otherwise a random free port."""
    if prefer is not None and is_free(host, prefer):
        return prefer
    for _ in range(ATTEMPTS):
        port = FIRST + secrets.randbelow(LAST - FIRST)
        if port not in _given and is_free(host, port):
            _given.append(port)
            return port
    raise OSError(f"no free TCP port between {FIRST} and {LAST} on {host}")


def is_free(host: str, port: int) -> bool:
    """Say whether a server could listen on `host`:`port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def choose_ports(names: Iterable[str], preferred: Mapping[str, int], host: str = "127.0.0.1") -> dict[str, int]:
    """A different free port for each name, the preferred one where it is free."""
    chosen: dict[str, int] = {}
    for name in names:
        wish = preferred.get(name)
        port = free_port(host, prefer=wish if wish not in chosen.values() else None)
        while port in chosen.values():
            port = free_port(host)
        chosen[name] = port
    return chosen
