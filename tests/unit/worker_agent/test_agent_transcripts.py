"""The readers of agents on transcripts of real runs, and on whatever else may come out of a program."""

from json import dumps, loads
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.events import EVENT_TYPES
from contracts.events.recovery import Observed
from contracts.sandbox import StreamName
from tests.unit.worker_agent.test_admission import assignment
from tests.unit.worker_agent.test_outcome import process
from worker_agent.agents import AgentHost, adapters
from worker_agent.handlers.watch import KIND_OF_BODY
from worker_agent.ports import AgentReader

TRANSCRIPTS = sorted((Path(__file__).parents[2] / "transcripts").glob("*/*.jsonl"))
AGENTS = sorted(adapters(AgentHost("python")))
LINES = sorted({line for transcript in TRANSCRIPTS for line in transcript.read_text().splitlines()})
UNHURRIED = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


def reader_of(agent: str) -> AgentReader:
    return adapters(AgentHost("python"))[agent].reader(assignment())


def read(agent: str, lines: list[str]) -> list[Any]:
    """The bodies; each one, and what the outcome takes of the end, is what its contract allows."""
    reader = reader_of(agent)
    bodies = [body for line in lines for body in reader.read(StreamName.STDOUT, line, None)]
    bodies += reader.rest()
    for body in bodies:
        type(body).model_validate_json(body.to_json())
        assert KIND_OF_BODY[type(body)] in EVENT_TYPES
        assert len(body.to_json()) < 128 * 1024
    end = reader.end(process())
    Observed(
        agent=agent,
        agent_version=end.version,
        model=end.model,
        tokens_input=end.tokens_input,
        tokens_output=end.tokens_output,
        tokens_cached=end.tokens_cached,
        cost_usd=end.cost_usd,
    )
    return bodies


def lines_of(transcript: Path) -> list[str]:
    return transcript.read_text().splitlines()


def name_of(transcript: Path) -> str:
    return f"{transcript.parent.name}-{transcript.stem}"


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=name_of)
def test_a_transcript_is_read_as_expected(transcript: Path) -> None:
    expected = loads(transcript.with_suffix(".expected.json").read_text())
    reader = reader_of(transcript.parent.name)
    bodies = [body for line in lines_of(transcript) for body in reader.read(StreamName.STDOUT, line, None)]
    bodies += reader.rest()
    assert [{"kind": KIND_OF_BODY[type(body)], **body.to_dict()} for body in bodies] == expected["bodies"]
    assert reader.end(process(exit_code=expected["exit_code"])).to_dict() == expected["end"]


@pytest.mark.parametrize("agent", ["claude", "codex", "cursor", "gemini", "opencode"])
def test_every_agent_with_words_of_its_own_has_a_transcript(agent: str) -> None:
    assert [one for one in TRANSCRIPTS if one.parent.name == agent]


@pytest.mark.parametrize("agent", AGENTS)
@UNHURRIED
@given(lines=st.lists(st.text(max_size=200) | JSON.map(dumps), max_size=5))
def test_no_line_is_too_odd(agent: str, lines: list[str]) -> None:
    read(agent, lines)


@pytest.mark.parametrize("agent", AGENTS)
@UNHURRIED
@given(line=st.sampled_from(LINES), cut=st.integers(0, 5_000))
def test_a_line_that_breaks_off_ends_nothing(agent: str, line: str, cut: int) -> None:
    read(agent, [line[:cut], line])


@pytest.mark.parametrize("agent", AGENTS)
@UNHURRIED
@given(line=st.sampled_from(LINES), key=st.integers(0, 40), value=JSON)
def test_a_value_of_another_type_than_expected_ends_nothing(agent: str, line: str, key: int, value: Any) -> None:
    changed = loads(line)
    places = places_in(changed)
    holder, name = places[key % len(places)]
    holder[name] = value
    read(agent, [dumps(changed)])


@pytest.mark.parametrize("agent", ["claude", "codex", "cursor", "gemini", "opencode"])
def test_an_unknown_object_is_kept_as_it_is(agent: str) -> None:
    line = '{"type": "never_heard_of", "n": 1}'
    (body,) = read(agent, [line])
    assert (body.content, body.metadata) == (line, {"raw": True})


@pytest.mark.parametrize("agent", AGENTS)
def test_a_huge_line_becomes_small_events(agent: str) -> None:
    huge = "x" * 3_000_000
    read(agent, [huge, dumps({"type": "huge", "text": huge}), '{"a":' * 50_000, "[" * 100_000, '{"n": ' + "9" * 9_999])


@pytest.mark.parametrize("agent", ["claude", "codex", "cursor", "gemini", "opencode"])
@UNHURRIED
@given(data=st.data())
def test_a_huge_value_becomes_small_events(agent: str, data: st.DataObject) -> None:
    own = [line for transcript in TRANSCRIPTS if transcript.parent.name == agent for line in lines_of(transcript)]
    changed = loads(data.draw(st.sampled_from(own)))
    holder, name = data.draw(st.sampled_from(places_in(changed)))
    holder[name] = data.draw(st.sampled_from(["y" * 400_000, ["y" * 100_000] * 5, [{"text": "y" * 500}] * 1_000]))
    read(agent, [dumps(changed)])


def places_in(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value that holds something, as its holder and its key."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    found = [(value, key) for key in keys]
    return found + [place for key in keys for place in places_in(value[key])]
