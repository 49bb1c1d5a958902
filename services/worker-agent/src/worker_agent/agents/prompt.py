"""The prompt of a coding agent: the task, what it needs, and how to report."""

from collections.abc import Callable, Collection, Iterator
from json import dumps

from contracts.tasks import Assignment, CollaborationTerms
from worker_agent.decisions.lines import readable

SERVER = "mews"
"""The name under which every agent knows the worker's MCP server."""


def prompt(assignment: Assignment, tool: Callable[[str], str], steered: Collection[str] = ()) -> str:
    """The whole prompt. `tool` gives a tool's name as this agent's model sees it.

    `steered` are the requirements that reach the agent in another way, and are not repeated in words.
    """
    sections = (
        assignment.description.strip(),
        _requirements(assignment, steered),
        _earlier_attempts(assignment.attempt, tool),
        _collaboration(assignment.collaboration, tool),
        _reporting(tool),
    )
    return readable("\n\n".join(section for section in sections if section)) + "\n"


def _requirements(assignment: Assignment, steered: Collection[str]) -> str:
    requirements = assignment.requirements
    lines = [f"- {key}: {_value(value)}" for key, value in requirements.free.items() if key not in steered]
    if requirements.branch and assignment.collaboration is None:
        lines.append(
            f"- the result belongs on the git branch {requirements.branch}; do not push it, that is done for you"
        )
    lines += [
        f"- when you have ended, this is run on your result and must exit with 0: {one}" for one in requirements.verify
    ]
    return "\n".join(["# Requirements", *lines]) if lines else ""


def _earlier_attempts(attempt: int, tool: Callable[[str], str]) -> str:
    if attempt == 1:
        return ""
    return (
        f"# Attempt {attempt}\n"
        f"An earlier attempt did not finish. Call {tool('load_checkpoint')} first, and go on from what it saved."
    )


def _collaboration(terms: CollaborationTerms | None, tool: Callable[[str], str]) -> str:
    if terms is None:
        return ""
    until = f" It waits until {terms.deadline_at:%Y-%m-%d %H:%M} UTC." if terms.deadline_at else ""
    return (
        f"# For another worker\n"
        f"Worker {terms.from_worker} asked for this ({terms.collaboration_type}).{until} Give your answer with"
        f" {tool('respond_to_collaboration')}, question_id {terms.question_id}, before you complete."
    )


def _reporting(tool: Callable[[str], str]) -> str:
    return "\n".join(("# Reporting", *_rules(tool)))


def _rules(tool: Callable[[str], str]) -> Iterator[str]:
    yield f"Nobody reads your terminal. Your manager sees what you report with the tools of the MCP server `{SERVER}`:"
    yield f"- {tool('report_plan')} once you know the steps, {tool('report_progress')} whenever you are further on."
    yield f"- {tool('report_decision')} for a choice that matters, {tool('report_error')} when something goes wrong,"
    yield f"  {tool('report_test_results')} after each run of tests."
    yield f"- {tool('ask_manager')} when only the manager can decide. If no answer comes, state your assumption and"
    yield "  go on. Never wait for a person in any other way."
    yield f"- {tool('report_completion')} once, last: what was done, and whether it succeeded. Then end."


def _value(value: object) -> str:
    return value if isinstance(value, str) else dumps(value, ensure_ascii=False)
