"""Secrets: masked wherever they turn up, without breaking what carries them."""

from json import loads

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import EVENT_TYPES
from contracts.events.recovery import ErrorReport, Severity
from contracts.events.reporting import Milestone, StreamData, StreamType
from tests.support.examples import FULL, event
from worker_agent.decisions.redaction import Redactor

SECRET = "s3cr3t-value"


def test_a_secret_is_masked_at_every_depth() -> None:
    redactor = Redactor({"KEY": SECRET})
    body = Milestone(
        milestone_name=f"found {SECRET}",
        milestone_type="x",
        metrics={SECRET: 1, "nested": {"list": [SECRET, 2, None]}},
    )
    masked = redactor.body(body)
    assert redactor.touches(body.to_json())
    assert not redactor.touches(masked.to_json())
    assert masked.metrics == {"********": 1, "nested": {"list": ["********", 2, None]}}


@pytest.mark.parametrize("secret", ['with "quotes"', "back\\slash", "tab\there", "ünïcode✓", "line one\nline two"])
def test_a_secret_is_found_in_the_form_that_json_gives_it(secret: str) -> None:
    redactor = Redactor({"KEY": secret})
    body = StreamData(stream_type=StreamType.output, content=f"<{secret}>")
    assert redactor.touches(body.to_json())
    assert not redactor.touches(redactor.body(body).to_json())


def test_one_line_of_a_secret_with_many_is_a_secret() -> None:
    assert Redactor({"KEY": "-----BEGIN-----\nabcdef123\n"}).text("it says abcdef123") == "it says ********"


@pytest.mark.parametrize("value", ["", "1", "yes", "true", "DEBUG"])
def test_what_is_no_secret_spoils_no_report(value: str) -> None:
    assert Redactor({"X": value}).text(f"a {value} b") == f"a {value} b"


def test_enumerations_and_ids_are_left_alone() -> None:
    redactor = Redactor({"A": "warning-like", "B": "task-123", "C": "critical"})
    masked = redactor.body(
        ErrorReport(task_id="task-123", error_type="critical", message="m", severity=Severity.critical)
    )
    assert (masked.task_id, masked.severity, masked.error_type) == ("task-123", "critical", "********")


def test_a_key_of_a_known_format_is_masked_in_an_event_and_the_envelope_is_left() -> None:
    key = "ghp_" + "aB3d" * 9
    made = event("milestone", {"milestone_name": key, "milestone_type": "x", "metrics": {"list": [f"a {key}"]}})
    masked = loads(Redactor({}).event(made))
    assert masked["body"]["milestone_name"] == "********"
    assert masked["body"]["metrics"] == {"list": ["a ********"]}
    assert masked["event_id"] == loads(made.to_json())["event_id"]


def test_a_private_key_is_masked_when_it_comes_line_by_line() -> None:
    redactor, dashes = Redactor({}), "-" * 5
    lines = [
        f"{dashes}BEGIN PRIVATE KEY{dashes}",
        "aB3d" * 16,
        "eF5g" * 16,
        f"{dashes}END PRIVATE KEY{dashes}",
        "done it",
    ]
    told = [entry(redactor, line) for line in lines]
    assert told == [lines[0], "********", "********", lines[3], lines[4]]


def test_another_stream_in_between_does_not_end_a_private_key() -> None:
    redactor = Redactor({})
    entry(redactor, "-" * 5 + "BEGIN PRIVATE KEY" + "-" * 5)
    assert entry(redactor, "a warning, meanwhile", {"stream": "stderr"}) == "a warning, meanwhile"
    assert entry(redactor, "aB3d" * 16) == "********"


def entry(redactor: Redactor, content: str, metadata: dict[str, str] | None = None) -> str:
    made = event("stream", {"stream_type": "output", "content": content, "metadata": metadata or {}})
    return loads(redactor.event(made))["body"]["content"]


@given(st.sampled_from([kind for kind in FULL if kind in EVENT_TYPES]), st.data())
def test_a_masked_event_is_still_a_valid_one(kind: str, data: st.DataObject) -> None:
    texts = sorted(set(_texts(FULL[kind])))
    secret = data.draw(st.sampled_from(texts)) if texts else "none-at-all"
    redactor = Redactor({"KEY": secret})
    made = event(kind, FULL[kind])
    body = made.body  # pyright: ignore[reportAttributeAccessIssue]
    masked = made.model_copy(update={"body": redactor.body(body)})
    EVENT_TYPES[kind].model_validate(loads(masked.to_json()))


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return []
