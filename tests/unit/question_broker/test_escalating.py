"""Messages about questions that wait too long."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import ValidationError

from question_broker.decisions.asking import question_of
from question_broker.decisions.escalating import EscalationPolicy, message, retry_at
from question_broker.decisions.signing import key_of, signed
from question_broker.settings import Settings
from tests.support.examples import FULL, NOW, event

ASKED = question_of(event("question", FULL["question"]), 0)  # type: ignore[arg-type]
POLICY = EscalationPolicy(after_ms=1, critical_after_ms=0, attempts=4, retry_ms=1_000)
SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()


def test_a_message_reads_in_slack_and_in_programs() -> None:
    body = json.loads(message(ASKED, NOW + timedelta(seconds=90)))
    assert body["text"] == "worker-1 waits for an answer (high): Which provider first?"
    assert [block["type"] for block in body["blocks"]] == ["header", "section", "context"]
    assert "google" in body["blocks"][1]["text"]["text"]
    assert (body["type"], body["data"]["question_id"], body["data"]["waiting_ms"]) == (
        "question.escalated",
        "q-1",
        90_000,
    )


def test_a_worker_cannot_slip_markup_into_slack_nor_make_the_message_too_long() -> None:
    loud = replace(
        ASKED, question="<!channel> & \x1b[2J\u202e<https://evil|ok>" + "x" * 60_000, options=("<@U1>",) * 20
    )
    body = json.loads(message(loud, NOW))
    shown = body["text"] + body["blocks"][1]["text"]["text"]
    assert "<" not in shown
    assert "&lt;!channel&gt; &amp; [2J&lt;" in shown
    assert all(len(block["text"]["text"]) <= 3_000 for block in body["blocks"][:2])


def test_pauses_double_and_are_spread_until_the_last_attempt() -> None:
    pauses = [retry_at(POLICY, n, NOW, chance=1.0) for n in (1, 2, 3)]
    assert pauses == [NOW + timedelta(seconds=s) for s in (1, 2, 4)]
    assert retry_at(POLICY, 1, NOW, chance=0.0) == NOW + timedelta(seconds=0.5)
    assert retry_at(POLICY, 4, NOW, chance=0.5) is None
    assert retry_at(replace(POLICY, attempts=100), 90, NOW, chance=1.0) == NOW + timedelta(minutes=15)


def test_the_signature_is_the_specifications() -> None:
    # The example of the Standard Webhooks specification.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    at = NOW.fromtimestamp(1_614_265_330, NOW.tzinfo)
    headers = signed(key_of(secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    mac = hmac.new(key_of(SECRET), f"id.{int(NOW.timestamp())}.".encode() + b"body", hashlib.sha256).digest()
    assert signed(key_of(SECRET), "id", NOW, b"body")["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"


@pytest.mark.parametrize(
    "url", ["https://hooks.example/x", "http://127.0.0.1:9/x", "http://localhost/x", "http://[::1]/"]
)
def test_safe_receivers_are_taken(url: str) -> None:
    settings = Settings(escalation_webhook_url=url, escalation_secret=SECRET)  # type: ignore[arg-type]
    assert settings.webhook is not None
    assert "kkk" not in repr(settings.webhook)


@pytest.mark.parametrize(
    ("url", "secret", "why"),
    [
        ("http://hooks.example/x", SECRET, "must be https"),
        ("ftp://hooks.example/x", SECRET, "no https address"),
        ("https://me:secret@hooks.example/", SECRET, "no https address"),
        ("nonsense", SECRET, "no https address"),
        ("https://hooks.example/x", None, "ESCALATION_SECRET is not"),
        ("https://hooks.example/x", "whsec_c2hvcnQ=", "holds 5 bytes"),
        ("https://hooks.example/x", "whsec_??", "is not whsec_"),
    ],
)
def test_unsafe_receivers_are_refused_at_the_start(url: str, secret: str | None, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Settings(escalation_webhook_url=url, escalation_secret=secret)  # type: ignore[arg-type]


def test_http_to_another_machine_must_be_asked_for() -> None:
    url = "http://hooks.internal/x"
    Settings(escalation_webhook_url=url, escalation_secret=SECRET, escalation_allow_http=True)  # type: ignore[arg-type]
