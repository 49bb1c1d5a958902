"""`mews bus`: credentials and a server's configuration are made without a running system, and fit each other."""

import json
from asyncio import to_thread
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contracts import subjects
from devstack.bus.authority import Authority
from devstack.cli.app import app
from devstack.errors import DevstackError
from servicekit.bus import Bus
from servicekit.settings import ServiceSettings
from tests.support.stack import TestNats
from tests.support.waiting import eventually


class Configured(TestNats):
    """A server with more in its configuration."""

    more: dict[str, object] = {}

    def _configuration(self) -> dict[str, object]:
        return super()._configuration() | self.more


class Mews:
    """The command line, with an authority of its own."""

    def __init__(self, authority: Path) -> None:
        self.authority = authority

    def __call__(self, *arguments: str) -> str:
        done = CliRunner().invoke(app, ["bus", *arguments, "--authority", str(self.authority)], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output


@pytest.fixture
def mews(tmp_path: Path) -> Mews:
    return Mews(tmp_path / "authority")


@pytest.fixture
def server(tmp_path: Path, mews: Mews) -> Iterator[TestNats]:
    """A server as somebody else runs it, with what `mews bus server-config` prints."""
    made = Configured(tmp_path / "nats")
    made.more = json.loads(mews("server-config"))
    made.start()
    yield made
    made.stop()


async def test_a_server_with_the_printed_configuration_lets_in_whom_the_authority_lets_in(
    tmp_path: Path, mews: Mews, server: TestNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "w1.creds"
    mews("credentials", "create", "--worker", "w1", "--out", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    settings = ServiceSettings(nats_host=server.host, nats_port=server.port, nats_credentials=str(file))
    bus = await Bus.connect(settings, "w1", inbox_prefix=subjects.worker_inbox("w1"))
    try:
        assert not bus.connected
        monkeypatch.setenv("NATS_HOST", server.host)
        monkeypatch.setenv("NATS_PORT", str(server.port))
        await _in_a_thread(mews, "push")
        await eventually(lambda: bus.connected)
        (issued,) = json.loads(mews("credentials", "list", "--json"))["credentials"]
        assert (issued["kind"], issued["name"], issued["state"]) == ("worker", "w1", "valid")
        assert issued["key"] in mews("credentials", "revoke", "--worker", "w1", "--key", issued["key"])
        await _in_a_thread(mews, "push")
        await eventually(lambda: not bus.connected)
    finally:
        await bus.close()
    (issued,) = json.loads(mews("credentials", "list", "--json"))["credentials"]
    assert issued["state"] == "revoked"


async def test_an_operator_may_back_up_and_purge_streams_and_say_nothing_in_the_platforms_name(
    tmp_path: Path, mews: Mews, server: TestNats
) -> None:
    file = tmp_path / "maintenance.creds"
    mews("maintenance", "--out", str(file), "--hours", "1")
    settings = ServiceSettings(nats_host=server.host, nats_port=server.port, nats_credentials=str(file))
    bus = await Bus.connect(settings, "maintenance", inbox_prefix="_INBOX")
    try:
        await bus.js.add_stream(name="TASKS", subjects=["worker.task.*"])
        snapshot = {"deliver_subject": bus.nc.new_inbox()}
        answer = await bus.request("$JS.API.STREAM.SNAPSHOT.TASKS", json.dumps(snapshot).encode(), 5)
        assert json.loads(answer.data)["config"]["name"] == "TASKS"
        assert await bus.js.purge_stream("TASKS")
        await bus.publish_core("worker.task.w1", b"forged")
        await bus.flush()
        assert (await bus.js.stream_info("TASKS")).state.messages == 0
    finally:
        await bus.close()


@pytest.mark.parametrize(
    "arguments", [(), ("--worker", "a.b"), ("--service", "none"), ("--worker", "w", "--service", "s")]
)
def test_whom_a_credential_is_for_must_be_said_rightly(mews: Mews, arguments: tuple[str, ...]) -> None:
    with pytest.raises(DevstackError, match=r"--worker|--service"):
        mews("credentials", "create", *arguments)
    assert not any(Authority(mews.authority).members.values())


async def _in_a_thread(mews: Mews, *arguments: str) -> None:
    """The command has an event loop of its own."""

    await to_thread(mews, *arguments)
