"""What the manager wants of an attempt, for agents that ask: each thing once, unless it still holds."""

import asyncio

from contracts.rpc import CheckCommands
from worker_agent.decisions.notices import in_force, of_answer
from worker_agent.domain import Notice
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.desk import Desk
from worker_agent.handlers.waiting import Waiting


async def check_commands(attempt: Attempt, body: CheckCommands, desk: Desk, waiting: Waiting) -> list[Notice]:
    """All there is to hear; with `wait_ms`, as soon as there is something that was not told before."""
    if body.wait_ms and not _fresh(attempt, desk):
        arrival = asyncio.ensure_future(_arrival(attempt, desk))
        try:
            await waiting.wait(arrival, body.wait_ms / 1000)
        finally:
            arrival.cancel()
            await asyncio.gather(arrival, return_exceptions=True)
    news = _unheard(attempt)
    if news:
        await attempt.heard(news)
    attempt.told_to_hold = _holding(attempt, desk)
    return [*attempt.told_to_hold, *news]


async def _arrival(attempt: Attempt, desk: Desk) -> None:
    while not _fresh(attempt, desk):
        changes = [asyncio.ensure_future(changes.wait()) for changes in (attempt.changes, desk.changes)]
        try:
            await asyncio.wait(changes, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for change in changes:
                change.cancel()
            await asyncio.gather(*changes, return_exceptions=True)


def _fresh(attempt: Attempt, desk: Desk) -> bool:
    return bool(_unheard(attempt)) or any(notice not in attempt.told_to_hold for notice in _holding(attempt, desk))


def _holding(attempt: Attempt, desk: Desk) -> list[Notice]:
    return in_force(attempt.record, desk.commands.state, restart_wanted=desk.commands.restart_wanted)


def _unheard(attempt: Attempt) -> list[Notice]:
    return [*attempt.record.notices, *(of_answer(note) for note in attempt.unheard())]
