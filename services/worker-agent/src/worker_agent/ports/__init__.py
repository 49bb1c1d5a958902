"""What the handlers need from outside, as Protocols, and the values that pass through them."""

from worker_agent.ports.agents import AgentAdapter, AgentJob, AgentReader, Launch, SelfTest
from worker_agent.ports.bus import Outbound, Services
from worker_agent.ports.keeping import Journal, ObjectStore
from worker_agent.ports.sandbox import SandboxBackend
from worker_agent.ports.spool import EventSpool, OutgoingSpool, SealedBatch, SpoolStats

__all__ = [
    "AgentAdapter",
    "AgentJob",
    "AgentReader",
    "EventSpool",
    "Journal",
    "Launch",
    "ObjectStore",
    "Outbound",
    "OutgoingSpool",
    "SandboxBackend",
    "SealedBatch",
    "SelfTest",
    "Services",
    "SpoolStats",
]
