"""SQL that finds earlier questions with the same words."""

from collections.abc import Sequence

from question_broker.decisions.suggesting import Earlier
from question_broker.domain import Question
from servicekit.pg import Connection

ALL_WORDS = "plainto_tsquery('english', asked.question)"
ANY_WORD = f"replace({ALL_WORDS}::text, ' & ', ' | ')::tsquery"
LOOKED_AT = 1_000
"""Characters of a question whose words are looked for."""
SAME_WORDS, SOME_WORDS = 50, 100
"""Candidates: those with all of the words, and those with any."""
CANDIDATES = """
    SELECT question_id, question, answer, answered_by, asked_at FROM questions
    WHERE state = 'answered' AND search @@ %s AND kind = asked.kind AND answered_by <> 'system' AND answer <> ''
    ORDER BY asked_at DESC LIMIT %s
"""
SIMILAR = f"""
    SELECT asked.question_id AS asked_id, found.*
    FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (question_id, kind, question)
    CROSS JOIN LATERAL (
        ({CANDIDATES % (ALL_WORDS, SAME_WORDS)}) UNION ({CANDIDATES % (ANY_WORD, SOME_WORDS)})
    ) AS found
    ORDER BY found.asked_at DESC
"""


async def similar(connection: Connection, questions: Sequence[Question]) -> list[tuple[str, Earlier]]:
    """Answered questions with words of these, the newest first, each with the id of the one it is a candidate for."""
    rows = await connection.fetch(
        SIMILAR,
        [one.question_id for one in questions],
        [one.kind.value for one in questions],
        [one.question[:LOOKED_AT] for one in questions],
    )
    return [
        (row["asked_id"], Earlier(row["question_id"], row["question"], row["answer"], row["answered_by"]))
        for row in rows
    ]
