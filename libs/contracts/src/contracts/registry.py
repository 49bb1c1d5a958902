"""The contracts that cross a border on their own, by name: what golden schemas and proto files are made of."""

from typing import Any

from pydantic import TypeAdapter

from contracts.access import ApiKey, IssuedApiKey, NewApiKey
from contracts.analytics import AnalyticsReport, DecisionAnalysis, ErrorAnalysis
from contracts.audit import AuditEntry, AuditHead, AuditVerification
from contracts.base import Model
from contracts.batches import ANSWER_BATCH, COMMAND_BATCH, DECIDED_BATCH, EVENT_BATCH
from contracts.commands import Command, NewCommand
from contracts.deadletters import (
    DeadLetter,
    DeadLetterContent,
    DeadLetterList,
    DropDeadLetters,
    RetryDeadLetters,
    SettledDeadLetters,
)
from contracts.decided import DecidedEvent, FleetSample, TaskAbout
from contracts.escalations import EscalationView
from contracts.events import EVENT_TYPES
from contracts.events.deliverables import CheckpointManifest
from contracts.problems import Problem
from contracts.questions import Answer, NewAnswer, QuestionView, RequestDecision
from contracts.rpc import RPCS, CheckCommands, GetNextTask, LoadCheckpoint, NextTask
from contracts.rules import DryRun, DryRunRequest, NewRule, Rule, RuleChange
from contracts.tasks import Assignment, CancelTask, NewTask, QueueView, TaskBatch, TaskView
from contracts.telemetry import LoggedDecision, LoggedEvent, LogMarks, StoredEvent, Tail, TaskFacts
from contracts.workers import FleetView, Heartbeat, Registration, WorkerView

MESSAGES: tuple[type[Model], ...] = (
    NewTask,
    TaskBatch,
    CancelTask,
    TaskView,
    QueueView,
    Assignment,
    Registration,
    Heartbeat,
    WorkerView,
    FleetView,
    Command,
    NewCommand,
    *EVENT_TYPES.values(),
    DecidedEvent,
    TaskAbout,
    FleetSample,
    Answer,
    NewAnswer,
    QuestionView,
    RequestDecision,
    *(model for rpc in RPCS.values() for model in (rpc.request, rpc.answer) if model is not QuestionView),
    GetNextTask,
    NextTask,
    CheckCommands,
    LoadCheckpoint,
    CheckpointManifest,
    StoredEvent,
    Tail,
    TaskFacts,
    LoggedEvent,
    LoggedDecision,
    LogMarks,
    AnalyticsReport,
    ErrorAnalysis,
    DecisionAnalysis,
    NewRule,
    RuleChange,
    Rule,
    DryRunRequest,
    DryRun,
    EscalationView,
    NewApiKey,
    ApiKey,
    IssuedApiKey,
    AuditEntry,
    AuditHead,
    AuditVerification,
    DeadLetter,
    DeadLetterContent,
    DeadLetterList,
    RetryDeadLetters,
    DropDeadLetters,
    SettledDeadLetters,
    Problem,
)
"""Every message that stands alone on the bus or in an HTTP body."""

BATCHES: dict[str, TypeAdapter[Any]] = {
    "EventBatch": EVENT_BATCH,
    "DecidedBatch": DECIDED_BATCH,
    "CommandBatch": COMMAND_BATCH,
    "AnswerBatch": ANSWER_BATCH,
}
"""The sealed batches by the name of their golden schema."""


def json_schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema (2020-12) of every contract, by name."""
    schemas = {model.__name__: model.model_json_schema() for model in MESSAGES}
    return schemas | {name: adapter.json_schema() for name, adapter in BATCHES.items()}
