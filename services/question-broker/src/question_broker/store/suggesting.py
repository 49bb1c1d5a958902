"""SQL that finds earlier questions with the same words, at a cost that does not grow with how common the words are."""

from collections.abc import Sequence

from question_broker.decisions.suggesting import Earlier
from question_broker.domain import Question
from servicekit.pg import Connection

LOOKED_AT = 1_000
"""Characters of a question whose words are looked for."""
FOUND = 50
"""Candidates of each kind: with the longest four words, which say most, and recent ones with any."""
RECENT = 500
SHOWN = "question_id, question, answer, answered_by, asked_at"
ANSWERED = "state = 'answered' AND answered_by <> 'system' AND answer <> ''"
ANY_WORD = "replace(plainto_tsquery('english', question)::text, ' & ', ' | ')::tsquery"
LONGEST_WORDS = """plainto_tsquery('simple', (
    SELECT string_agg(lexeme, ' ') FROM (
        SELECT lexeme FROM unnest(to_tsvector('english', question)) ORDER BY length(lexeme) DESC, lexeme LIMIT 4
    ) AS words
))"""
# Without an order the search may stop at the first few it finds: there may be very many, and the recent ones are there.
WITH_LONGEST_WORDS = f"""
    SELECT {SHOWN} FROM questions WHERE {ANSWERED} AND kind = asked.kind AND search @@ longest_words LIMIT {FOUND}
"""
# Materialized, for a query that is read from its text for every row costs more than all the rest.
SIMILAR = f"""
    WITH recent AS MATERIALIZED (
        SELECT {SHOWN}, kind, search FROM questions WHERE {ANSWERED} AND kind = ANY($2)
        ORDER BY asked_at DESC, question_id DESC LIMIT {RECENT}
    ), asked AS MATERIALIZED (
        SELECT asked_id, kind, {LONGEST_WORDS} AS longest_words, {ANY_WORD} AS any_word
        FROM unnest($1::text[], $2::text[], $3::text[]) AS given (asked_id, kind, question)
    )
    SELECT asked_id, found.* FROM asked CROSS JOIN LATERAL (
        ({WITH_LONGEST_WORDS}) UNION (
            SELECT {SHOWN} FROM recent WHERE kind = asked.kind AND search @@ any_word
            ORDER BY ts_rank(search, any_word) DESC LIMIT {FOUND}
        )
    ) AS found
    ORDER BY found.asked_at DESC
"""


async def similar(connection: Connection, questions: Sequence[Question]) -> list[tuple[str, Earlier]]:
    """Answered questions with words of these, newest first, each with the id of the one it is a candidate for."""
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
