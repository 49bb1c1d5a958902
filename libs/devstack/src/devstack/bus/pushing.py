"""Telling running servers about accounts: what is new, what is revoked."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import nats.errors

from devstack.bus.claims import PUSH
from devstack.errors import DevstackError
from servicekit.bus import Bus
from servicekit.bus.keys import Credentials
from servicekit.settings import ServiceSettings

ANSWER_WITHIN_S = 5.0
OK = 200


async def push(settings: ServiceSettings, credentials: Credentials, accounts: Mapping[str, str]) -> None:
    """Tell the servers that the settings name. Raises DevstackError when they do not take it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "authority.creds"
        file.touch(mode=0o600)
        file.write_text(str(credentials))
        bus = await Bus.connect(settings.model_copy(update={"nats_credentials": str(file)}), "authority")
        try:
            if not bus.connected:
                raise DevstackError(f"NATS at {settings.nats_host}:{settings.nats_port} does not let the authority in")
            for token in accounts.values():
                await _push_one(bus, token)
        finally:
            await bus.close()


async def _push_one(bus: Bus, token: str) -> None:
    try:
        answer = json.loads((await bus.request(PUSH, token.encode(), ANSWER_WITHIN_S)).data)
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise DevstackError(f"NATS did not take an account: {error or type(error).__name__}") from error
    if answer.get("data", {}).get("code") != OK:
        raise DevstackError(f"NATS refuses an account: {answer.get('error', answer)}")
