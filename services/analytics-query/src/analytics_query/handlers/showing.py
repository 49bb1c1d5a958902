"""What is shown as it is."""

from analytics_query.decisions.viewing import facts_of
from analytics_query.ports import Documents
from contracts.telemetry import TaskFacts


async def task_facts(task_id: str, documents: Documents) -> TaskFacts:
    """What is known of a task: the facts of its current attempt."""
    key, document = await documents.current_attempt(task_id)
    return facts_of(task_id, key.attempt if key else 0, document)
