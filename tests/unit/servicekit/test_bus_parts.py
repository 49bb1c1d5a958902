"""The parts of the bus that need no broker."""

import ssl
from datetime import UTC, datetime

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts.batches import Batch
from servicekit.bus import Received, foreign_event
from servicekit.bus.client import LastingClient
from servicekit.bus.connection import connect_options
from servicekit.bus.received import delivery_of, nak
from servicekit.settings import ServiceSettings
from tests.support.buskit import batch, progress

PLAIN = "$JS.ACK.TELEMETRY.ingest.3.1234.77.1767323045678900000.9"
DOMAIN = "$JS.ACK.hub.ABCDEF.TELEMETRY.ingest.3.1234.77.1767323045678900000.9.rnd"


@pytest.mark.parametrize("reply", [PLAIN, DOMAIN])
def test_what_the_broker_says_about_a_delivery_is_read_from_its_reply_subject(reply: str) -> None:
    received = Received(batch(1, size=3), Msg(Client(), "worker.progress.w1", reply, headers={"a": "b"}))
    assert delivery_of(received.message) == (3, 1234, 1767323045678900000, 9)
    assert (received.delivered, received.redelivered, received.stream_sequence) == (3, True, 1234)
    assert received.published_at.replace(microsecond=0) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (received.subject, received.headers, received.size) == ("worker.progress.w1", {"a": "b"}, 3)


def test_giving_back_says_when_to_deliver_again() -> None:
    assert nak() == b"-NAK"
    assert nak(1.5) == b'-NAK {"delay":1500000000}'


def parsed(raw: bytes) -> dict[str, str]:
    return LastingClient._parse_header_lines(raw)  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    "raw",
    [
        b"Nats-Msg-Id: spool.1\r\nMews-Schema: 1.0\r\n\r\n",
        b"Name:value\r\nOther:\tvalue \r\nEmpty:\r\n\r\n",
        b"With: a: colon\r\nbroken line\r\n\r\n",
        "Umlaut: größe\r\n\r\n".encode(),
        b"Bad: \xff\r\n\r\n",
        b"In valid: x\r\n\r\n",
        b"",
    ],
)
def test_headers_are_read_as_nats_py_reads_them(raw: bytes) -> None:
    assert parsed(raw) == Client._parse_header_lines(raw)  # pyright: ignore[reportPrivateUsage]


def test_an_event_may_travel_on_its_own_subject_only() -> None:
    assert foreign_event("worker.progress.w1", batch(1, size=2)) is None
    assert "does not belong" in (foreign_event("worker.plan.w1", batch(1)) or "")
    mixed = Batch(producer="p", batch=1, events=[progress("w1"), progress("w2")])
    assert "'w2'" in (foreign_event("worker.progress.w1", mixed) or "")


def test_the_settings_reach_the_client() -> None:
    settings = ServiceSettings(nats_host="a, b:5000,[::1]", nats_port=4333, nats_user="u", nats_password="p")  # type: ignore[arg-type]
    options = connect_options(settings)
    assert options["servers"] == ["nats://a:4333", "nats://b:5000", "nats://[::1]:4333"]
    assert (options["user"], options["password"]) == ("u", "p")
    assert options["max_reconnect_attempts"] == -1
    assert "tls" not in options


def test_credentials_reach_the_client() -> None:
    settings = ServiceSettings(nats_credentials="/run/nats.creds")
    assert connect_options(settings)["user_credentials"] == "/run/nats.creds"


def test_an_encrypted_connection_checks_the_server() -> None:
    options = connect_options(ServiceSettings(nats_tls=True))
    assert options["servers"] == ["tls://localhost:4222"]
    context = options["tls"]
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_missing_certificate_is_an_error_at_the_start() -> None:
    with pytest.raises(OSError, match="No such file"):
        connect_options(ServiceSettings(nats_tls=True, nats_tls_ca="/nowhere.pem"))
