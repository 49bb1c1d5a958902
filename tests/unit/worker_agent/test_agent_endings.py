"""How the run of a coding agent ended: by its own words first, then by its exit code and what it complained of."""

from json import dumps
from typing import Any

import pytest

from contracts.sandbox import EndReason, StreamName
from tests.unit.worker_agent.test_admission import assignment
from tests.unit.worker_agent.test_outcome import process, record
from worker_agent.agents import AgentHost, adapters
from worker_agent.decisions.outcome import before_verification
from worker_agent.domain import AgentEnd
from worker_agent.ports import AgentReader

OUT, ERR = StreamName.STDOUT, StreamName.STDERR
RESULTS = {
    "claude": {"type": "result", "subtype": "success", "is_error": False, "result": "done"},
    "codex": {"type": "turn.completed", "usage": {"input_tokens": 1}},
    "cursor": {"type": "result", "subtype": "success", "is_error": False, "result": "done"},
    "gemini": {"type": "result", "status": "success"},
    "opencode": {"type": "step_finish", "part": {"reason": "stop"}},
}
FAILURES = {
    "claude": {"type": "result", "subtype": "error_max_turns", "is_error": True, "errors": ["too many turns"]},
    "codex": {"type": "turn.failed", "error": {"message": "too many turns"}},
    "cursor": {"type": "result", "subtype": "error", "is_error": True, "result": "too many turns"},
    "gemini": {"type": "result", "status": "error", "error": {"message": "too many turns"}},
}
SIGNALLED = {"exit_code": None, "signal": 15, "reason": EndReason.SIGNALLED}


def reader(agent: str, *events: Any, errors: tuple[str, ...] = ()) -> AgentReader:
    made = adapters(AgentHost("python"))[agent].reader(assignment())
    for event in events:
        made.read(OUT, dumps(event), None)
    for line in errors:
        made.read(ERR, line, None)
    return made


@pytest.mark.parametrize("agent", sorted(RESULTS))
def test_an_agent_that_told_its_result_has_finished_however_its_process_ended(agent: str) -> None:
    told = reader(agent, RESULTS[agent])
    assert told.finished
    assert told.end(process(**SIGNALLED)).failure is None
    assert not reader(agent).finished


@pytest.mark.parametrize("agent", sorted(FAILURES))
def test_an_agent_that_says_that_it_failed_has_failed(agent: str) -> None:
    told = reader(agent, FAILURES[agent])
    assert told.finished
    assert told.end(process()).failure == "the agent failed: too many turns"


@pytest.mark.parametrize("agent", sorted(RESULTS))
def test_an_agent_that_ended_without_a_word_has_failed(agent: str) -> None:
    assert reader(agent).end(process()).failure == "the agent ended without a result"


@pytest.mark.parametrize("agent", sorted(RESULTS))
def test_the_last_complaint_says_why_an_agent_failed(agent: str) -> None:
    told = reader(agent, errors=("Warning: a", "no such model", ""))
    assert told.end(process(exit_code=1)).failure == "the agent exited with 1: no such model"


@pytest.mark.parametrize(
    "line",
    [
        "Not logged in · Please run /login",
        "Error: Not logged in",
        "Press any key to sign in...",
        "Enter the authorization code:",
        "Do you trust the files in this folder?",
    ],
)
@pytest.mark.parametrize("agent", sorted(RESULTS))
def test_an_agent_that_waits_for_a_person_is_hopeless(agent: str, line: str) -> None:
    told = reader(agent, errors=(line,))
    assert told.hopeless is not None
    assert told.hopeless.startswith("the agent waits for a person: ")
    assert told.end(process(**SIGNALLED)).failure == told.hopeless


@pytest.mark.parametrize(
    "line", ["I trust this code", "the login form is written", "user logged in", "sign in test passed"]
)
def test_words_about_logins_are_no_wait_for_a_person(line: str) -> None:
    assert reader("claude", errors=(line,)).hopeless is None


@pytest.mark.parametrize(("status", "bad"), [("connected", False), ("pending", False), ("failed", True), (None, True)])
def test_claude_is_ended_when_it_began_without_its_tools(status: str | None, bad: bool) -> None:
    servers = [{"name": "mews", "status": status}] if status else []
    told = reader("claude", {"type": "system", "subtype": "init", "mcp_servers": servers})
    assert (told.hopeless is not None) is bad
    if bad:
        assert "MCP server mews is" in (told.hopeless or "")


def test_exit_codes_of_gemini_have_a_meaning() -> None:
    ends = {code: reader("gemini").end(process(exit_code=code)).failure or "" for code in (41, 42, 53)}
    assert "authenticate" in ends[41]
    assert "input" in ends[42]
    assert "turns" in ends[53]


def test_a_new_turn_or_step_takes_the_end_back() -> None:
    assert not reader("codex", RESULTS["codex"], {"type": "turn.started"}).finished
    assert not reader("opencode", RESULTS["opencode"], {"type": "step_start"}).finished


def test_an_agent_that_lingered_counts_by_its_result() -> None:
    lingered = {"lingered": True, "process": process(**SIGNALLED | {"reason": EndReason.CANCELLED})}
    good, bad = AgentEnd(by_result=True), AgentEnd(by_result=True, failure="the agent failed: x")
    killed = AgentEnd(failure="the agent was ended by signal 15")
    assert before_verification(record(**lingered, agent_end=good), None) is None
    assert before_verification(record(**lingered, agent_end=killed), killed.failure) is None
    ending = before_verification(record(**lingered, agent_end=bad), bad.failure)
    assert ending is not None
    assert ending.reason == "the agent failed: x"
