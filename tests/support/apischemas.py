"""What goes over the wire to and from the played API server, against the schemas of the real ones."""

import json
from collections.abc import Mapping
from typing import Any

from tests.support.manifests.schemas import VERSIONS, misfits

MOST_ITEMS = 3
"""Items of a list that are looked at: they are made alike."""


class WireCheck:
    """Collects what no API server of the oldest and the newest version would take or say."""

    def __init__(self) -> None:
        self.misfits: list[str] = []
        self._known: set[str] = set()

    def see(self, body: Mapping[str, Any]) -> None:
        """Look at an object, unless the same was seen before."""
        shown = {**body, "items": body["items"][:MOST_ITEMS]} if "items" in body else {**body}
        text = json.dumps(shown, sort_keys=True)
        if text not in self._known:
            self._known.add(text)
            self.misfits += [f"{version}: {found}" for version in VERSIONS for found in misfits([shown], version)]
