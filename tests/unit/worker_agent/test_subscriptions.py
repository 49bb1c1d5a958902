"""What cannot be read is told in the log, without what must not be there."""

import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog

from contracts.deadletters import DeadLetterCause
from servicekit.logs import configure_logging
from servicekit.settings import ServiceSettings
from tests.support.examples import NOW
from tests.support.samples import sample
from worker_agent.decisions.redaction import without_known_secrets
from worker_agent.subscriptions import LoggedDeadLetters

KEY = "ghp_" + "aB3d" * 9


@pytest.fixture
def log() -> Iterator[StringIO]:
    root, stream = logging.getLogger(), StringIO()
    handlers, level = root.handlers[:], root.level
    configure_logging("worker-agent", ServiceSettings(), stream, scrub=without_known_secrets)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.parametrize("cut", [0, 1, 2, 30])
async def test_a_dead_letter_is_logged_without_the_environment_of_its_task(log: StringIO, cut: int) -> None:
    body = {"description": f"use {KEY}", "env": {"A": 's3cr}t "1"', "B": "s3cr}t 2"}}
    payload = json.dumps(body).encode()
    payload = payload[: len(payload) - cut]
    await LoggedDeadLetters("worker-agent", "TASKS").record("TASKS", "worker.task.w", payload, "no task_id", {}, NOW)
    line = json.loads(log.getvalue())
    assert line["payload"].startswith('{"description": "use ********", "env": {')
    assert "s3cr" not in log.getvalue()
    assert KEY not in log.getvalue()


async def test_a_dead_letter_is_counted_by_its_cause_and_the_counters_are_there_before(log: StringIO) -> None:
    letters = LoggedDeadLetters("some-worker", "COMMANDS")
    labels = {"mews_service": "some-worker", "stream": "COMMANDS"}
    assert [sample("mews_dead_letters_total", **labels, reason=cause) for cause in DeadLetterCause] == [0] * len(
        DeadLetterCause
    )
    for _ in range(2):
        await letters.record("COMMANDS", "worker.command.w", b"?", "no JSON", {}, NOW, cause=DeadLetterCause.invalid)
    await letters.record("COMMANDS", "worker.command.w", b"{}", "it broke", {}, NOW, cause=DeadLetterCause.failed)
    counted = {cause.value: sample("mews_dead_letters_total", **labels, reason=cause) for cause in DeadLetterCause}
    assert counted == {"invalid": 2, "foreign": 0, "failed": 1, "newer": 0}
    assert json.loads(log.getvalue().splitlines()[-1])["cause"] == "failed"
