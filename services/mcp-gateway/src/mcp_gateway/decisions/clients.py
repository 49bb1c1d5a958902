"""From which address a request comes."""

import ipaddress
from collections.abc import Iterable, Sequence

from mcp_gateway.errors import UnsafeSetup

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Whoever has one address of IPv6 has all of these.
SITE = 64


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks or single addresses. Raises UnsafeSetup."""
    try:
        return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
    except ValueError as error:
        raise UnsafeSetup(f"GATEWAY_TRUSTED_PROXIES: {error}; give addresses such as 10.0.0.0/8") from error


def client_address(peer: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """The last address on the way that is not one of our own proxies; only those are believed what they forward.

    `forwarded`: the X-Forwarded-For headers, in order.
    """
    way = [part.strip() for header in forwarded for part in header.split(",")]
    address = peer
    while way and _is_in(address, proxies):
        address = way.pop()
    return _site(address)


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(known in network for network in networks)


def _site(address: str) -> str:
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((known, SITE), strict=False))
