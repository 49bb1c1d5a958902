"""The receiver of escalations, over HTTP."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from question_broker.decisions.signing import signed

USER_AGENT = "mews-question-broker"


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is told, and how a message is signed."""

    url: str
    key: bytes = field(repr=False)
    timeout_s: float
    proxy: str | None = None


@asynccontextmanager
async def open_webhook(receiver: Receiver | None) -> AsyncGenerator["HttpWebhook | None"]:
    """A client for the receiver, closed at the end of the block; None where nobody is told."""
    if receiver is None:
        yield None
        return
    client = httpx.AsyncClient(
        timeout=receiver.timeout_s,
        follow_redirects=False,
        trust_env=False,
        proxy=receiver.proxy,
        headers={"User-Agent": USER_AGENT, "Content-Type": "application/json"},
    )
    async with client:
        yield HttpWebhook(receiver, client)


class HttpWebhook:
    """Who is told of questions that wait too long."""

    def __init__(self, receiver: Receiver, client: httpx.AsyncClient) -> None:
        self._receiver = receiver
        self._client = client

    async def send(self, message_id: str, body: bytes, now: datetime) -> str | None:
        """Deliver a message; returns why it was not taken, None if it was."""
        headers = signed(self._receiver.key, message_id, now, body)
        try:
            async with asyncio.timeout(self._receiver.timeout_s):
                await self._refuse_inner_addresses()
                # The answer's body is of no use, and could be of any length.
                async with self._client.stream("POST", self._receiver.url, content=body, headers=headers) as response:
                    return None if response.is_success else f"answered {response.status_code}"
        except TimeoutError:
            return f"did not answer within {self._receiver.timeout_s:g} s"
        except (httpx.HTTPError, OSError) as error:
            return f"{type(error).__name__}: {error}"

    async def _refuse_inner_addresses(self) -> None:
        """Raises OSError for a name that leads to a cloud's metadata or to no single machine."""
        if self._receiver.proxy is not None:
            return
        host = httpx.URL(self._receiver.url).host
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        for *_, address in found:
            ip = ipaddress.ip_address(str(address[0]).partition("%")[0])
            if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
                raise OSError(f"{host} leads to {ip}, to which no message is sent")
