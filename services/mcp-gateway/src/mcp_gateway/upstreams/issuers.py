"""The public keys of authorization servers, over HTTP: kept, and fetched again when they are old or one is missing."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson

from mcp_gateway.decisions.issuers import keys_address, metadata_addresses, read_keys
from mcp_gateway.decisions.tokens import fitting_key
from mcp_gateway.domain.credentials import KeyAges, TokenHeader
from mcp_gateway.errors import Unavailable
from servicekit.logs import get_logger

MOST_BYTES = 1_000_000
ANSWERS_WITHIN_S = 5.0

Keys = list[Mapping[str, Any]]

log = get_logger(__name__)


class HttpSigningKeys:
    """SigningKeys of the issuers that are accepted."""

    def __init__(
        self, http: httpx.AsyncClient, issuers: Mapping[str, str | None], ages: KeyAges, monotonic: Callable[[], float]
    ) -> None:
        self._sets = {issuer: _KeySet(http, issuer, address, ages, monotonic) for issuer, address in issuers.items()}

    async def find(self, header: TokenHeader) -> Mapping[str, Any] | None:
        """The key that checks such a token, None where its issuer has none. Raises Unavailable."""
        return await self._sets[header.issuer].find(header)


@asynccontextmanager
async def open_signing_keys(
    issuers: Mapping[str, str | None], ages: KeyAges, monotonic: Callable[[], float]
) -> AsyncGenerator[HttpSigningKeys]:
    """The keys, with a client that is closed at the end of the block. No issuer need be reachable yet."""
    async with httpx.AsyncClient(timeout=ANSWERS_WITHIN_S, follow_redirects=False) as http:
        yield HttpSigningKeys(http, issuers, ages, monotonic)


class _KeySet:
    """One issuer's."""

    def __init__(
        self, http: httpx.AsyncClient, issuer: str, address: str | None, ages: KeyAges, monotonic: Callable[[], float]
    ) -> None:
        self._http = http
        self._issuer = issuer
        self._address = address
        self._ages = ages
        self._monotonic = monotonic
        self._keys: Keys = []
        self._fetched_at = self._asked_at = float("-inf")
        self._asking = asyncio.Lock()
        self._refreshing: asyncio.Task[None] | None = None

    async def find(self, header: TokenHeader) -> Mapping[str, Any] | None:
        age = self._monotonic() - self._fetched_at
        if age >= self._ages.keep:
            await self._fetch_once(self._monotonic())
            if self._monotonic() - self._fetched_at >= self._ages.keep:
                raise Unavailable(
                    self._issuer, f"the keys of {self._issuer} cannot be fetched, so no token can be checked"
                )
        elif age >= self._ages.refresh:
            self._refresh_meanwhile()
        found = fitting_key(self._keys, header)
        if found is None:
            await self._fetch_once(self._monotonic())
            found = fitting_key(self._keys, header)
        return found

    def _refresh_meanwhile(self) -> None:
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._fetch_once(self._monotonic()))

    async def _fetch_once(self, wanted_at: float) -> None:
        """Fetch, unless that was tried a moment ago, or by another caller since this one wanted it."""
        async with self._asking:
            if self._asked_at >= wanted_at or self._monotonic() - self._asked_at < self._ages.pause:
                return
            self._asked_at = self._monotonic()
            try:
                self._keys = await self._fetch()
                self._fetched_at = self._monotonic()
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                log.warning("issuer.keys_not_fetched", issuer=self._issuer, error=str(error) or type(error).__name__)

    async def _fetch(self) -> Keys:
        address = self._address or await self._discover()
        keys = read_keys(await self._get(address))
        if keys is None:
            raise ValueError(f"{address} has no key set")
        return keys

    async def _discover(self) -> str:
        for url in metadata_addresses(self._issuer):
            try:
                address = keys_address(await self._get(url), self._issuer)
            except (httpx.HTTPStatusError, ValueError):
                continue
            if address is not None:
                return address
        raise ValueError("no metadata of its own names its keys")

    async def _get(self, url: str) -> Any:
        async with self._http.stream("GET", url, headers={"Accept": "application/json"}) as response:
            response.raise_for_status()
            body = b""
            async for part in response.aiter_bytes():
                body += part
                if len(body) > MOST_BYTES:
                    raise ValueError(f"{url} answers with more than {MOST_BYTES} bytes")
        return orjson.loads(body)
