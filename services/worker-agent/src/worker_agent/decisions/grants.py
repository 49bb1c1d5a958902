"""Decisions about requests for resources: what this worker grants by itself, and what a grant changes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import NamedTuple

from contracts.events.resources import GrantState
from contracts.questions import RequestedResource
from worker_agent.decisions.amounts import Amount, Form, amount_of
from worker_agent.decisions.packages import Package, package_of, plain_name
from worker_agent.domain import GrantNote, Target

TOOL_PROFILE = "tool_profile"
REMEMBERED = 50
"""How many grants that are over are kept, for who asks about them."""
TIMES = 2
"""How many times its own limit an attempt may have where the policy names no figure."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What this worker grants without asking the manager."""

    ceilings: Mapping[Target, int | None] = field(default_factory=dict[Target, int | None])
    """Highest value of a limit or quota; None: twice the attempt's own."""
    tools: Sequence[str] = ()
    """Patterns of tools and tool profiles."""
    packages: Sequence[str] = ()
    """Patterns of packages: `requests`, `pytest-*`, `npm:*`."""
    known_tools: Collection[str] = ()
    """What can be granted as a tool at all."""


class Standing(NamedTuple):
    """How a limit or quota stands: without any grant (None: there is no limit), and what grants add to it."""

    base: int | None
    granted: int = 0

    @property
    def now(self) -> int | None:
        """The value that holds."""
        return None if self.base is None else self.base + self.granted


class Change(NamedTuple):
    """What a grant changes: a limit or quota by so much, or what may be used besides."""

    target: str
    base: int | None = None
    delta: int = 0
    what: str | None = None


class Verdict(NamedTuple):
    """To grant a change now, or not: then the manager is asked, unless there is nothing to change. And why."""

    change: Change | None
    reason: str
    ask: bool = True


Wanted = Amount | Package | str
"""Much of a limit or quota; a package; the name of a tool or tool profile."""


def understood(resource: RequestedResource, text: str, known_tools: Collection[str]) -> Wanted | None:
    """What a request asks for; None when this worker has nothing that it could change for it."""
    if resource is RequestedResource.dependency:
        return package_of(text)
    if resource is RequestedResource.tool_access:
        return text.strip() if text.strip() in known_tools else None
    return amount_of(resource, text)


def change_for(wanted: Wanted, standing: Standing) -> Change:
    """What is to be changed, so that what is wanted is there. A limit that is none is not changed."""
    if isinstance(wanted, Package):
        return Change(wanted.name, what=wanted.spec)
    if isinstance(wanted, str):
        return Change(TOOL_PROFILE, what=wanted)
    now = standing.now
    delta = 0 if now is None else max(0, _total(wanted, now) - now)
    return Change(wanted.target, standing.base, delta)


def decide(wanted: Wanted | None, policy: Policy, standing: Standing) -> Verdict:
    """Whether the policy grants it at once."""
    if wanted is None:
        return Verdict(None, "this worker does not know how to change that by itself")
    change = change_for(wanted, standing)
    if isinstance(wanted, Package):
        patterns = [plain_name(pattern) for pattern in policy.packages]
        return _by_list(change, wanted.name, patterns, "the packages that this worker installs by itself")
    if isinstance(wanted, str):
        return _by_list(change, wanted, policy.tools, "the tools that this worker opens by itself")
    return _by_ceiling(change, wanted, policy, standing)


def granted(notes: Iterable[GrantNote], target: str) -> int:
    """How much grants that hold add to a limit or quota."""
    return sum(note.delta for note in notes if note.target == target and note.state is GrantState.applied)


def promised(notes: Iterable[GrantNote], target: str) -> int:
    """The same with those that wait to be applied."""
    return sum(note.delta for note in notes if note.target == target and note.state in (None, GrantState.applied))


def granted_tools(notes: Iterable[GrantNote]) -> list[str]:
    """Tools and tool profiles that are open by grants that hold, oldest first."""
    holding = [note for note in notes if note.target == TOOL_PROFILE and note.state is GrantState.applied]
    return [note.what for note in holding if note.what is not None]


def with_note(notes: Sequence[GrantNote], note: GrantNote) -> list[GrantNote]:
    """The notes with one more, or one renewed. What opens the same anew replaces what did; few old ones are kept."""
    others = [one for one in notes if one.question_id != note.question_id and not _renews(note, one)]
    over = [one for one in others if one.state in (GrantState.failed, GrantState.expired)]
    forgotten = {one.question_id for one in over[:-REMEMBERED]}
    return [*(one for one in others if one.question_id not in forgotten), note]


def next_step(notes: Sequence[GrantNote], now: datetime) -> GrantNote | None:
    """The first grant that waits to be applied, or whose time is over."""
    waiting = (note for note in notes if note.state is None)
    over = (note for note in notes if note.state is GrantState.applied and note.expires_at and note.expires_at <= now)
    return next(waiting, None) or next(over, None)


def next_expiry(notes: Sequence[GrantNote]) -> datetime | None:
    """When the next grant ends that holds now."""
    ends = [note.expires_at for note in notes if note.state is GrantState.applied and note.expires_at is not None]
    return min(ends, default=None)


def sentence(note: GrantNote) -> str:
    """What became of a grant, as the agent reads it."""
    subject = note.target or note.resource_type.value
    detail = f" {note.detail}" if note.detail else ""
    if note.state is None:
        return f"{subject}: granted by {note.granted_by}, and being applied."
    if note.state is GrantState.failed:
        return f"{subject}: granted by {note.granted_by}, but not applied.{detail}"
    change = f"from {note.before or 'none'} to {note.after or 'none'}"
    if note.state is GrantState.expired:
        return f"{subject}: the grant has ended; {change}.{detail}"
    until = f" until {note.expires_at.isoformat(timespec='seconds')}" if note.expires_at else " until the attempt ends"
    return f"{subject}: granted by {note.granted_by}, {change},{until}.{detail}"


def _renews(note: GrantNote, old: GrantNote) -> bool:
    return old.what is not None and old.state is not None and (old.target, old.what) == (note.target, note.what)


def _total(amount: Amount, now: int) -> int:
    if amount.form is Form.more or (amount.form is Form.either and amount.figure <= now):
        return now + amount.figure
    return amount.figure


def _by_ceiling(change: Change, amount: Amount, policy: Policy, standing: Standing) -> Verdict:
    now, base = standing.now, standing.base
    if now is None or base is None:
        return Verdict(None, f"{amount.target} has no limit here: there is nothing to raise", ask=False)
    if change.delta == 0:
        return Verdict(None, f"{amount.target} is {now} already", ask=False)
    asked_for = policy.ceilings.get(amount.target)
    ceiling = TIMES * base if asked_for is None else asked_for
    if now + change.delta > ceiling:
        return Verdict(
            None, f"{amount.target} would be {now + change.delta}; this worker grants up to {ceiling} by itself"
        )
    return Verdict(change, "within the policy of this worker")


def _by_list(change: Change, name: str, patterns: Sequence[str], of_what: str) -> Verdict:
    if any(fnmatchcase(name, pattern) for pattern in patterns):
        return Verdict(change, "within the policy of this worker")
    return Verdict(None, f"{name} is not among {of_what}")
