"""API keys that were shown to this process, kept for a while: PostgreSQL is asked for each once, then for all at once.

`confirm`, called every few seconds, is what makes a revocation known here, and what writes when keys were used.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from mcp_gateway.decisions.keys import admitted, is_live
from mcp_gateway.domain.credentials import ShownKey, StoredKey
from mcp_gateway.domain.principals import Principal
from mcp_gateway.ports import Keys
from servicekit.clock import Clock

MOST_KEYS = 10_000
# A key that nobody has shown for so long is forgotten, and asked for again when it is shown.
IDLE_S = 600.0
# When keys were used is written this often.
WRITE_S = 60.0


@dataclass(slots=True)
class _Held:
    stored: StoredKey
    confirmed_at: float
    shown_at: float
    unwritten: datetime | None


class KeyRing:
    """Keys by id. `keep_s`: how long a key is believed that PostgreSQL, being away, does not confirm."""

    def __init__(self, keys: Keys, clock: Clock, keep_s: float) -> None:
        self._keys = keys
        self._clock = clock
        self._keep_s = keep_s
        self._held: dict[str, _Held] = {}
        self._loading: dict[str, asyncio.Task[StoredKey | None]] = {}
        self._written_at = clock.monotonic()

    def known(self, shown: ShownKey) -> Principal | None:
        """Whose key it is, if that is known here. Raises Unauthorized for a key that has ended."""
        held = self._believed(shown.key_id)
        if held is None:
            return None
        principal = admitted(shown, held.stored, self._clock.now())
        held.shown_at, held.unwritten = self._clock.monotonic(), self._clock.now()
        return principal

    async def look_up(self, shown: ShownKey) -> Principal:
        """Whose key it is. Raises Unauthorized, and Unavailable while it cannot be looked up."""
        stored = await self._load(shown.key_id)
        now = self._clock.now()
        principal = admitted(shown, stored, now)
        assert stored is not None
        self._hold(stored, now)
        return principal

    def has_ended(self, key_id: str) -> bool:
        """Whether a key that was let in does not let in any more, or cannot be believed any longer."""
        held = self._believed(key_id)
        if held is None or not is_live(held.stored.key, self._clock.now()):
            return True
        # Who asks has something open with it, so it is in use.
        held.shown_at = self._clock.monotonic()
        return False

    def forget(self, key_id: str) -> None:
        """Look a key up again when it is shown again."""
        self._held.pop(key_id, None)

    async def confirm(self) -> None:
        """Ask how all keys stand, in one query, and write what was used. Raises Unavailable."""
        now = self._clock.monotonic()
        self._held = {
            key_id: held for key_id, held in self._held.items() if now - held.shown_at < IDLE_S or held.unwritten
        }
        asked = list(self._held)
        if not asked:
            return
        found = {stored.key.key_id: stored for stored in await self._keys.load(asked)}
        for key_id in asked:
            self._confirmed(key_id, found.get(key_id), now)
        if now - self._written_at >= WRITE_S:
            await self.write()

    async def write(self) -> None:
        """Write when keys were last used. Raises Unavailable."""
        used = {key_id: held.unwritten for key_id, held in self._held.items() if held.unwritten is not None}
        if used:
            await self._keys.note_used(used)
        for key_id, used_at in used.items():
            held = self._held.get(key_id)
            if held is not None and held.unwritten == used_at:
                held.unwritten = None
        self._written_at = self._clock.monotonic()

    def _confirmed(self, key_id: str, stored: StoredKey | None, at: float) -> None:
        held = self._held.get(key_id)
        if held is None:
            return
        if stored is None:
            del self._held[key_id]
            return
        held.stored, held.confirmed_at = stored, at

    def _believed(self, key_id: str) -> _Held | None:
        held = self._held.get(key_id)
        if held is None or self._clock.monotonic() - held.confirmed_at >= self._keep_s:
            return None
        return held

    def _hold(self, stored: StoredKey, now: datetime) -> None:
        if len(self._held) >= MOST_KEYS:
            del self._held[min(self._held, key=lambda key_id: self._held[key_id].shown_at)]
        at = self._clock.monotonic()
        self._held[stored.key.key_id] = _Held(stored, at, at, now)

    async def _load(self, key_id: str) -> StoredKey | None:
        """Many requests with one key, when a process starts, ask once."""
        if key_id not in self._loading:
            loading = asyncio.create_task(self._load_one(key_id))
            self._loading[key_id] = loading
            loading.add_done_callback(partial(self._loaded, key_id))
        # A caller that leaves does not take the answer from the others.
        return await asyncio.shield(self._loading[key_id])

    def _loaded(self, key_id: str, done: asyncio.Task[StoredKey | None]) -> None:
        del self._loading[key_id]
        # Where all who asked have left, nobody else looks at it.
        if not done.cancelled():
            done.exception()

    async def _load_one(self, key_id: str) -> StoredKey | None:
        found = await self._keys.load([key_id])
        return found[0] if found else None
