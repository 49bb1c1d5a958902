"""The services behind the gateway, over HTTP: one pooled client each."""

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TypeVar

import httpx
from pydantic import BaseModel

from contracts.analytics import AnalyticsReport, DecisionAnalysis, ErrorAnalysis
from contracts.base import Page
from contracts.commands import Command, NewCommand
from contracts.questions import NewAnswer, QuestionView, RequestDecision
from contracts.rules import DryRun, DryRunRequest, NewRule, Rule, RuleChange, RuleState
from contracts.tasks import CancelTask, NewTask, TaskView
from contracts.telemetry import Tail, TailEntry, TaskFacts
from contracts.workers import WorkerStatus, WorkerView
from mcp_gateway.domain.inputs import (
    AnalyzeDecisions,
    Entities,
    ErrorAnalysisInput,
    GetAnalytics,
    ListQuestions,
    ListTasks,
    PerformanceReport,
    QualityDashboard,
    Ranged,
)
from mcp_gateway.errors import NotFound, Refused, Unavailable
from mcp_gateway.ports import LiveEntry, Upstreams
from servicekit.client import MAX_CONNECTIONS, RemoteError, ServiceClient, ServiceUnavailable
from servicekit.settings import ServiceSettings

View = TypeVar("View", bound=BaseModel)

ORCHESTRATOR = "orchestrator"
TELEMETRY = "telemetry-ingest"
ANALYTICS = "analytics-query"
QUESTIONS = "question-broker"


@asynccontextmanager
async def open_upstreams(settings: ServiceSettings, live_tails: int) -> AsyncGenerator[Upstreams]:
    """Clients for all services, closed at the end of the block; `live_tails` may be open at once.

    None need be reachable yet.
    """
    async with AsyncExitStack() as stack:

        def client(service: str, url: str, connections: int = MAX_CONNECTIONS) -> ServiceClient:
            timeout_s = settings.http_timeout_ms / 1000
            opened = ServiceClient(service, url, settings.service_token, timeout_s, connections)
            stack.push_async_callback(opened.close)
            return opened

        yield Upstreams(
            orchestrator=HttpOrchestrator(client(ORCHESTRATOR, settings.orchestrator_url)),
            # Live tails stay open for long: in a pool of their own they cannot keep short calls waiting.
            telemetry=HttpTelemetry(
                client(TELEMETRY, settings.telemetry_ingest_url),
                client(TELEMETRY, settings.telemetry_ingest_url, live_tails),
            ),
            analytics=HttpAnalytics(client(ANALYTICS, settings.analytics_query_url)),
            questions=HttpQuestions(client(QUESTIONS, settings.question_broker_url)),
        )


class HttpOrchestrator:
    """Tasks and workers."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def create(self, task: NewTask) -> TaskView:
        """Queue a task."""
        with _told():
            return await self._client.post("/v1/tasks", TaskView, task)

    async def tasks(self, query: ListTasks) -> Page[TaskView]:
        """One page of tasks."""
        with _told():
            return await self._client.get("/v1/tasks", Page[TaskView], _params(query))

    async def task(self, task_id: str) -> TaskView:
        """One task with its attempts."""
        with _told(_no_task(task_id)):
            return await self._client.get(f"/v1/tasks/{task_id}", TaskView)

    async def cancel(self, task_id: str, request: CancelTask) -> TaskView:
        """Stop a task."""
        with _told(_no_task(task_id)):
            return await self._client.post(f"/v1/tasks/{task_id}/cancel", TaskView, request)

    async def retry(self, task_id: str) -> TaskView:
        """Queue a task once more."""
        with _told(_no_task(task_id)):
            return await self._client.post(f"/v1/tasks/{task_id}/retry", TaskView)

    async def workers(self, status: WorkerStatus | None, cursor: str | None, limit: int) -> Page[WorkerView]:
        """One page of workers."""
        params = {"status": status, "cursor": cursor, "limit": limit}
        with _told():
            return await self._client.get("/v1/workers", Page[WorkerView], params)

    async def worker(self, worker_id: str) -> WorkerView:
        """One worker."""
        with _told(_no_worker(worker_id)):
            return await self._client.get(f"/v1/workers/{worker_id}", WorkerView)

    async def command(self, worker_id: str, command: NewCommand) -> Command:
        """Send a worker a command."""
        with _told(_no_worker(worker_id)):
            return await self._client.post(f"/v1/workers/{worker_id}/commands", Command, command)


class HttpTelemetry:
    """Live tails."""

    def __init__(self, client: ServiceClient, streaming: ServiceClient) -> None:
        self._client = client
        self._streaming = streaming

    async def tail(self, task_id: str, last_n: int, types: Sequence[str]) -> Tail:
        """The last entries."""
        params = {"last_n": last_n, "types": list(types) or None}
        with _told():
            return await self._client.get(f"/v1/tasks/{task_id}/tail", Tail, params)

    async def live(self, task_id: str, types: Sequence[str], after: str | None) -> AsyncGenerator[LiveEntry]:
        """Entries as they come."""
        headers = {"Last-Event-ID": after} if after else {}
        params = {"types": list(types) or None}
        with _told():
            async with self._streaming.stream(f"/v1/tasks/{task_id}/live", params, headers) as response:
                async for entry in _entries(response):
                    yield entry


class HttpAnalytics:
    """Facts and reports."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def facts(self, task_id: str) -> TaskFacts:
        """What is known of one task."""
        with _told():
            return await self._client.get(f"/v1/tasks/{task_id}/facts", TaskFacts)

    async def analytics(self, query: GetAnalytics) -> AnalyticsReport:
        """All figures of some entities, with the last data that was reported."""
        return await self._report("/v1/analytics", AnalyticsReport, query)

    async def performance(self, query: PerformanceReport) -> AnalyticsReport:
        """How well tasks, workers or the whole work."""
        return await self._report("/v1/reports/performance", AnalyticsReport, query)

    async def quality(self, query: QualityDashboard) -> AnalyticsReport:
        """How good the results are."""
        return await self._report("/v1/reports/quality", AnalyticsReport, query)

    async def decisions(self, query: AnalyzeDecisions) -> DecisionAnalysis:
        """What was decided, and how it ended."""
        return await self._report("/v1/reports/decisions", DecisionAnalysis, query)

    async def errors(self, query: ErrorAnalysisInput) -> ErrorAnalysis:
        """What went wrong, in groups."""
        return await self._report("/v1/reports/errors", ErrorAnalysis, query)

    async def _report(self, path: str, into: type[View], query: Ranged) -> View:
        with _told():
            return await self._client.get(path, into, _report_params(query))


class HttpQuestions:
    """Questions, answers and rules."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def questions(self, query: ListQuestions) -> Page[QuestionView]:
        """One page of questions."""
        with _told():
            return await self._client.get("/v1/questions", Page[QuestionView], _params(query))

    async def question(self, question_id: str) -> QuestionView:
        """One question."""
        with _told(_no_question(question_id)):
            return await self._client.get(f"/v1/questions/{question_id}", QuestionView)

    async def answer(self, question_id: str, answer: NewAnswer) -> QuestionView:
        """Close a question."""
        with _told(_no_question(question_id)):
            return await self._client.post(f"/v1/questions/{question_id}/answer", QuestionView, answer)

    async def decide(self, question_id: str, decision: RequestDecision) -> QuestionView:
        """Close a request for resources with what it gets."""
        with _told(_no_question(question_id)):
            return await self._client.post(f"/v1/questions/{question_id}/decision", QuestionView, decision)

    async def rules(self, state: RuleState | None, cursor: str | None, limit: int) -> Page[Rule]:
        """One page of rules."""
        with _told():
            return await self._client.get("/v1/rules", Page[Rule], {"state": state, "cursor": cursor, "limit": limit})

    async def rule(self, rule_id: str) -> Rule:
        """One rule."""
        with _told(_no_rule(rule_id)):
            return await self._client.get(f"/v1/rules/{rule_id}", Rule)

    async def create_rule(self, rule: NewRule) -> Rule:
        """Make a rule."""
        with _told():
            return await self._client.post("/v1/rules", Rule, rule)

    async def change_rule(self, rule_id: str, change: RuleChange) -> Rule:
        """Change a rule."""
        with _told(_no_rule(rule_id)):
            return await self._client.patch(f"/v1/rules/{rule_id}", Rule, change)

    async def delete_rule(self, rule_id: str) -> None:
        """Delete a rule."""
        with _told(_no_rule(rule_id)):
            await self._client.delete(f"/v1/rules/{rule_id}")

    async def activate_rule(self, rule_id: str) -> Rule:
        """Let a rule answer."""
        with _told(_no_rule(rule_id)):
            return await self._client.post(f"/v1/rules/{rule_id}/activate", Rule)

    async def disable_rule(self, rule_id: str) -> Rule:
        """Let a rule do nothing."""
        with _told(_no_rule(rule_id)):
            return await self._client.post(f"/v1/rules/{rule_id}/disable", Rule)

    async def dry_run_rule(self, rule_id: str, wanted: DryRunRequest) -> DryRun:
        """Try a rule on past questions."""
        with _told(_no_rule(rule_id)):
            return await self._client.post(f"/v1/rules/{rule_id}/dry-run", DryRun, wanted)


@contextmanager
def _told(missing: str | None = None) -> Generator[None]:
    """Tell a client's errors as the gateway's own; `missing` is what to say when there is no such thing."""
    try:
        yield
    except ServiceUnavailable as error:
        raise Unavailable(error.service, error.detail) from error
    except RemoteError as error:
        raise _retold(error, missing) from error
    except httpx.TransportError as error:
        raise Unavailable("", f"the connection broke: {error or repr(error)}") from error


def _retold(error: RemoteError, missing: str | None) -> NotFound | Refused | Unavailable:
    if error.category == "not_found" and error.code != "route_not_found":
        return NotFound(missing or error.detail)
    if error.category in {"unavailable", "internal", "not_found"}:
        return Unavailable(error.service, f"{error.service} could not answer ({error.detail})")
    return Refused(error.code, error.detail, errors=error.errors, category=error.category)


async def _entries(response: httpx.Response) -> AsyncGenerator[LiveEntry]:
    entry_id: str | None = None
    data: list[str] = []
    async for line in response.aiter_lines():
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            entry_id = value
        elif name == "data":
            data.append(value)
        elif not line and data:
            yield LiveEntry(entry_id, TailEntry.model_validate_json("\n".join(data)))
            data = []


def _params(query: BaseModel) -> dict[str, object]:
    return {name: value or None for name, value in query.model_dump(mode="json", exclude_none=True).items()}


def _report_params(query: Ranged) -> dict[str, object]:
    params = _params(query) | {"time_range": query.period}
    if isinstance(query, Entities):
        params |= {"entity_id": query.ids or None, "entity_ids": None}
    return params


def _no_task(task_id: str) -> str:
    return f"no task {task_id}; list_tasks shows the tasks there are"


def _no_question(question_id: str) -> str:
    return f"no question {question_id}; list_questions shows the open ones"


def _no_rule(rule_id: str) -> str:
    return f"no rule {rule_id}; manage_rules with action list shows the rules there are"


def _no_worker(worker_id: str) -> str:
    return f"no worker {worker_id}; manage_workers with action list shows the workers there are"
