"""What a task demands of a worker, and the short keys that such demands and kinds of work go by."""

import hashlib
import json
from functools import lru_cache

from contracts.tasks import NewTask, Requirements
from orchestrator.domain import Demand

_KEY_LENGTH = 24


def demand_of(worker_id: str | None, requirements: Requirements, asker: str | None = None) -> Demand:
    """The hard requirements of a task, which another worker (`asker`) may have asked for."""
    agent = [f"agent:{requirements.agent}"] if requirements.agent else []
    capabilities = frozenset([*requirements.capabilities, *agent])
    return Demand(worker_id, frozenset(requirements.tags), capabilities, asker)


@lru_cache(maxsize=4_096)
def demand_key(demand: Demand) -> str:
    """Equal for equal demands: the line in the queue that a task waits in."""
    without = [demand.but_not] if demand.but_not else []
    return _key([demand.worker_id, sorted(demand.tags), sorted(demand.capabilities), *without])


def work_key(requirements: Requirements) -> str:
    """Equal for the same kind of work: the same agent on the same repository."""
    return _work_key(requirements.agent, requirements.repository)


def body_hash(task: NewTask, requirements_json: str) -> str:
    """Equal for equal bodies: what tells a repeat from a misuse of an idempotency key."""
    said = [task.description, task.priority, task.worker_id, task.estimated_duration_ms, task.max_attempts]
    return _key([*said, json.loads(requirements_json)])


@lru_cache(maxsize=4_096)
def _work_key(agent: str | None, repository: str | None) -> str:
    return _key([agent, repository])


def _key(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]
