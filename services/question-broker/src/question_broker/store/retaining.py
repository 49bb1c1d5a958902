"""How long closed questions, and the books beside them, are kept."""

from servicekit.retention import Policy, by_sql, inbox_policy

# Open questions stay, however old.
FORGET_QUESTIONS = """
    DELETE FROM questions WHERE question_id = ANY(ARRAY(
        SELECT question_id FROM questions WHERE asked_at < $1 AND state <> 'open' AND answered_at < $1
        ORDER BY asked_at, question_id LIMIT $2
    )) AND state <> 'open'
"""
FORGET_HITS = """
    DELETE FROM rule_hits WHERE (rule_id, question_id) IN (
        SELECT rule_id, question_id FROM rule_hits WHERE hit_at < $1 LIMIT $2
    )
"""
# One that is open was told once, and must not be told again.
FORGET_ESCALATIONS = """
    DELETE FROM escalations WHERE escalation_id = ANY(ARRAY(
        SELECT escalation_id FROM escalations
        WHERE created_at < $1 AND state <> 'pending' AND NOT EXISTS (
            SELECT FROM questions WHERE questions.question_id = escalations.question_id AND questions.state = 'open'
        )
        ORDER BY created_at, escalation_id LIMIT $2
    )) AND state <> 'pending'
"""
FORGET_REPOSITORIES = """
    DELETE FROM task_repositories WHERE task_id = ANY(ARRAY(
        SELECT task_id FROM task_repositories WHERE noted_at < $1 AND NOT EXISTS (
            SELECT FROM questions WHERE questions.task_id = task_repositories.task_id AND questions.state = 'open'
        ) LIMIT $2
    ))
"""
FORGET_ATTEMPTS = """
    DELETE FROM closed_attempts WHERE task_id = ANY(ARRAY(
        SELECT task_id FROM closed_attempts WHERE noted_at < $1 AND NOT EXISTS (
            SELECT FROM questions WHERE questions.task_id = closed_attempts.task_id AND questions.state = 'open'
        ) LIMIT $2
    )) AND noted_at < $1
"""
# Its request may be open still: then the news that it waits for may come still.
FORGET_HELD = """
    DELETE FROM held_responses WHERE event_id = ANY(ARRAY(
        SELECT event_id FROM held_responses WHERE held_at < $1 AND NOT EXISTS (
            SELECT FROM questions
            WHERE questions.question_id = held_responses.question_id AND questions.state = 'open'
        ) ORDER BY held_at LIMIT $2
    ))
"""
FORGET_LEARNINGS = """
    DELETE FROM learnings WHERE learning_id = ANY(ARRAY(
        SELECT learning_id FROM learnings WHERE shared_at < $1 ORDER BY shared_at, learning_id LIMIT $2
    )) AND shared_at < $1
"""


def policies(question_days: int, attempt_days: int, learning_days: int, inbox_days: int) -> list[Policy]:
    """What is forgotten after so many days; 0: nothing."""
    return [
        Policy("questions", question_days, by_sql(FORGET_QUESTIONS)),
        Policy("rule_hits", question_days, by_sql(FORGET_HITS)),
        Policy("escalations", question_days, by_sql(FORGET_ESCALATIONS)),
        Policy("task_repositories", question_days, by_sql(FORGET_REPOSITORIES)),
        Policy("closed_attempts", attempt_days, by_sql(FORGET_ATTEMPTS)),
        Policy("held_responses", attempt_days, by_sql(FORGET_HELD)),
        Policy("learnings", learning_days, by_sql(FORGET_LEARNINGS)),
        inbox_policy(inbox_days),
    ]
