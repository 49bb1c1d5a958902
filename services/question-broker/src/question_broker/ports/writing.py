"""What the handlers need inside one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from contracts.batches import Batch, ItemT
from contracts.events import CollaborationResponseEvent
from contracts.rules import Rule
from question_broker.decisions.cycles import Waiting
from question_broker.decisions.fencing import Holder
from question_broker.decisions.quotas import Used
from question_broker.decisions.remembering import NewLearning
from question_broker.decisions.rules.trying import Hit
from question_broker.domain import Link, Question
from servicekit.bus import Received


class QuestionWrites(Protocol):
    """The questions inside one transaction."""

    async def add(self, questions: Sequence[Question]) -> list[Question]:
        """Add those whose id is new, and return these."""
        ...

    async def lock(self, question_ids: Sequence[str]) -> dict[str, Question]:
        """Those of the questions that there are, by id, held until the end of the transaction."""
        ...

    async def lock_due(self, now: datetime, limit: int) -> list[Question]:
        """Open questions past their deadline that nobody else holds."""
        ...

    async def lock_ended(self, attempts: Mapping[str, int]) -> list[Question]:
        """Open questions of these tasks from these attempts or earlier ones."""
        ...

    async def lock_of_tasks(self, task_ids: Sequence[str]) -> list[Question]:
        """Open questions of these tasks, held until the end of the transaction."""
        ...

    async def closed_through(self, task_ids: Sequence[str]) -> dict[str, int]:
        """The last attempt known to have ended, of each task (0: none), held until the end of the transaction."""
        ...

    async def close_through(self, attempts: Mapping[str, int]) -> None:
        """Remember that these attempts, and all before them, have ended."""
        ...

    async def holders(self, task_ids: Sequence[str]) -> dict[str, Holder]:
        """Who was given each task last, as far as it is known."""
        ...

    async def note_holders(self, holders: Mapping[str, Holder]) -> None:
        """Remember who was given tasks, unless a later attempt is known."""
        ...

    async def close(self, questions: Sequence[Question], now: datetime) -> None:
        """Save closed questions, and promise the workers their answers and everybody the news."""
        ...

    async def save(self, questions: Sequence[Question]) -> None:
        """Save questions of which nobody need be told."""
        ...

    async def approve(self, questions: Sequence[Question], now: datetime) -> None:
        """Save requests for collaboration that may go ahead, and promise everybody the news."""
        ...

    async def announce(self, questions: Sequence[Question]) -> None:
        """Promise everybody the news of questions that were asked."""
        ...

    async def link(self, links: Sequence[Link]) -> None:
        """Remember who works on requests for collaboration, unless a later attempt is known."""
        ...

    async def hold(self, responses: Sequence[CollaborationResponseEvent], now: datetime) -> None:
        """Keep responses until the news of the attempts that they come from is there."""
        ...

    async def take_held(self, question_ids: Sequence[str]) -> list[CollaborationResponseEvent]:
        """The responses that were kept for these requests, in order, which are kept no longer."""
        ...


class RequestWrites(QuestionWrites, Protocol):
    """Requests, and those who wait for help, inside one transaction."""

    async def used(self, requests: Sequence[Question], since: datetime) -> Used:
        """How many requests there are beside these, of their attempts and since then of their workers."""
        ...

    async def hold_waiting(self) -> None:
        """Until the end of the transaction nobody else looks at who waits."""
        ...

    async def waiting(self) -> list[Waiting]:
        """All who wait for help."""
        ...

    async def begin_waiting(self, question_id: str) -> Question | None:
        """The open question whose worker waits from now on; None if it did already."""
        ...


class RuledWrites(RequestWrites, Protocol):
    """Rules that are tried, and where tasks work, inside one transaction."""

    async def rules_in_force(self) -> list[Rule]:
        """Rules that answer or are on dry-run, in their order."""
        ...

    async def record_hits(self, hits: Sequence[Hit], now: datetime) -> None:
        """Keep what rules have answered or would have, and count it."""
        ...

    async def learn_repositories(self, repositories: Mapping[str, str]) -> list[str]:
        """Keep on which repositories tasks work; returns the tasks of which it was not known."""
        ...

    async def repositories(self, task_ids: Sequence[str]) -> dict[str, str]:
        """On which repositories tasks work, as far as it is known."""
        ...


class Transaction(RuledWrites, Protocol):
    """One transaction."""

    async def claim(self, consumer: str, received: Sequence[Received[Batch[ItemT]]]) -> list[ItemT]:
        """What is in those of the batches that were not applied before; from now on they count as applied."""
        ...

    async def remember(self, learnings: Sequence[NewLearning]) -> None:
        """Keep learnings; what was shared before is counted."""
        ...

    async def doubt_learnings(self, holders: Mapping[str, Holder]) -> None:
        """Mark as stale what others than these holders have shared since these hold their tasks."""
        ...
