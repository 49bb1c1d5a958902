"""Where Secrets are kept: what is there is read, what is missing is added, and whoever is quicker wins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from devstack.cluster.contents import Data

TRIES = 10


@dataclass(frozen=True)
class Kept:
    """A Secret as it was read; `version` is what a change of it is based on."""

    data: Data
    version: str


class Overtaken(Exception):
    """Somebody else has made or changed the Secret since it was read."""


class Keeper(Protocol):
    """Keeps Secrets."""

    async def read(self, name: str) -> Kept | None:
        """What it holds; None where there is none."""
        ...

    async def create(self, name: str, data: Data) -> None:
        """Make it. Raises Overtaken if it is there."""
        ...

    async def change(self, name: str, data: Data, version: str) -> None:
        """Set these values, and leave the others. Raises Overtaken if it has changed since `version`."""
        ...


class MemoryKeeper:
    """Keeps them in this process, to be printed."""

    def __init__(self, secrets: Mapping[str, Data] | None = None) -> None:
        self.secrets: dict[str, Data] = dict(secrets or {})

    async def read(self, name: str) -> Kept | None:
        """What it holds; None where there is none."""
        return Kept(self.secrets[name], "") if name in self.secrets else None

    async def create(self, name: str, data: Data) -> None:
        """Make it."""
        self.secrets[name] = data

    async def change(self, name: str, data: Data, version: str) -> None:
        """Set these values, and leave the others."""
        self.secrets[name] = {**self.secrets[name], **data}


async def ensure(keeper: Keeper, name: str, wanted: Callable[[Data], Data]) -> tuple[Data, str]:
    """Let a Secret hold what `wanted` makes of what it holds; its values then, and what was done, in words."""
    for _ in range(TRIES):
        kept = await keeper.read(name)
        found = kept.data if kept else {}
        data = wanted(found)
        news = {key: value for key, value in data.items() if found.get(key) != value}
        try:
            if kept is None:
                await keeper.create(name, data)
                return data, f"Secret {name}: made, with {len(data)} values"
            if news:
                await keeper.change(name, news, kept.version)
                return data, f"Secret {name}: {_said(found, news)}"
        except Overtaken:
            continue
        return data, f"Secret {name}: is as it should be"
    raise Overtaken(f"Secret {name} is changed by others again and again")


def _said(found: Data, news: Data) -> str:
    added = [key for key in news if key not in found]
    renewed = [key for key in news if key in found]
    parts = [("added", added), ("made anew", renewed)]
    return "; ".join(f"{what} {', '.join(sorted(keys))}" for what, keys in parts if keys)
