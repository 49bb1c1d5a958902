"""SQL about who helps whom, and about responses that came before the news of it."""

from collections.abc import Sequence
from datetime import datetime

from contracts.events import CollaborationResponseEvent
from question_broker.domain import Link
from servicekit.pg import Connection

LINK = """
    UPDATE questions SET linked_task_id = link.task_id, helper_attempt = link.attempt, helper_worker = link.worker_id
    FROM unnest($1::text[], $2::text[], $3::int[], $4::text[]) AS link (question_id, task_id, attempt, worker_id)
    WHERE questions.question_id = link.question_id AND kind = 'collaboration_request'
        AND COALESCE(helper_attempt, -1) < link.attempt
"""
HOLD = """
    INSERT INTO held_responses (event_id, question_id, event, held_at)
    SELECT event_id, question_id, event, $4 FROM unnest($1::text[], $2::text[], $3::jsonb[])
        AS held (event_id, question_id, event)
    ON CONFLICT (event_id) DO NOTHING
"""
# Event ids begin with their time.
TAKE_HELD = """
    WITH taken AS (DELETE FROM held_responses WHERE question_id = ANY($1::text[]) RETURNING event_id, event)
    SELECT event FROM taken ORDER BY event_id
"""


class CollaborationStatements:
    """Part of a transaction: requests for collaboration and their helpers."""

    connection: Connection

    async def link(self, links: Sequence[Link]) -> None:
        """Remember who works on requests for collaboration, unless a later attempt is known."""
        await self.connection.execute(
            LINK,
            [link.question_id for link in links],
            [link.task_id for link in links],
            [link.attempt for link in links],
            [link.worker_id for link in links],
        )

    async def hold(self, responses: Sequence[CollaborationResponseEvent], now: datetime) -> None:
        """Keep responses until the news of the attempts that they come from is there."""
        await self.connection.execute(
            HOLD,
            [event.event_id for event in responses],
            [event.body.question_id for event in responses],
            [event.to_dict() for event in responses],
            now,
        )

    async def take_held(self, question_ids: Sequence[str]) -> list[CollaborationResponseEvent]:
        """The responses that were kept for these requests, in order, which are kept no longer."""
        found = await self.connection.fetch(TAKE_HELD, list(question_ids))
        return [CollaborationResponseEvent.model_validate(row["event"]) for row in found]
