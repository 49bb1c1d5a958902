"""The NATS client: nats-py's, mended where it gives up, comes back to life, or is slow."""

import asyncio
from collections.abc import Sequence

import nats.errors
from nats.aio.client import DEFAULT_FLUSH_TIMEOUT, Client

from servicekit.bus.keys import CredentialsFile

CANCEL_AGAIN_S = 0.1


class LastingClient(Client):
    """nats-py closes itself for good on errors such as an expired login; this one connects again.

    It also stays closed: in nats-py, a reconnect that is under way may outlive `close`. And it is quick where every
    message passes.
    """

    async def publish_empty(self, subjects: Sequence[str]) -> None:
        """Publish an empty message on each subject. Raises as `publish` does."""
        if self.is_closed:
            raise nats.errors.ConnectionClosedError
        if not self.is_connected and self._pending_data_size > self._max_pending_size:
            raise nats.errors.OutboundBufferLimitError
        if subjects:
            await self._send_command("".join([f"PUB {subject}  0\r\n\r\n" for subject in subjects]).encode())
            await self._flush_pending()

    async def flush(self, timeout: int = DEFAULT_FLUSH_TIMEOUT) -> None:
        """Wait until the server has read all that was sent; nats-py's own PING overtakes what waits to be written."""
        await self._flush_pending(force_flush=True)
        await super().flush(timeout)

    async def close(self) -> None:
        """Close, and end a reconnect that is under way."""
        await super().close()
        while self._reconnection_task is not None and not self._reconnection_task.done():
            self._reconnection_task.cancel()
            await asyncio.wait({self._reconnection_task}, timeout=CANCEL_AGAIN_S)
            self._status = Client.DISCONNECTED
            await super().close()

    def _setup_nkeys_connect(self) -> None:
        # nats-py would need the package nkeys; and it is the file's present content that counts at each connection.
        file = CredentialsFile(str(self._user_credentials))
        self._user_jwt_cb, self._signature_cb = file.jwt, file.sign

    async def _process_err(self, err_msg: str) -> None:
        error = nats.errors.Error(f"nats: {err_msg}")
        await self._error_cb(error)
        if "permissions violation" not in err_msg.lower():
            await self._process_op_err(error)

    async def _process_pong(self) -> None:
        # The one who waited may have given up. nats-py would stop reading for good: deaf until its own pings fail.
        if self._pongs:
            waiting = self._pongs.pop(0)
            if not waiting.done():
                waiting.set_result(True)
            self._pongs_received += 1
            self._pings_outstanding = 0

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        parsed: dict[str, str] = {}
        for line in raw.decode("utf-8", "replace").split("\r\n"):
            name, colon, value = line.partition(":")
            if colon and name and " " not in name:
                parsed[name] = value.strip()
        return parsed
