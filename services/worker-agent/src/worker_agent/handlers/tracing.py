"""The spans of one attempt. Those of long runs are made once they have ended, from what is on disk."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from contracts import spans
from contracts.events.reporting import CallStatus, Report, TokenUsage, ToolCall
from servicekit.clock import Clock
from servicekit.traces import TRACEPARENT, Span, SpanKind, is_on, record, reserve, span
from worker_agent.decisions.tracing import how_it_ended, place_of, provider
from worker_agent.domain import AttemptRecord

LONGEST = timedelta(minutes=10)
"""How long an attempt goes on in one trace."""


class AttemptTrace:
    """Knows in which trace an attempt is, and makes its spans."""

    def __init__(self, held: AttemptRecord, clock: Clock, without_secrets: Callable[[str], str]) -> None:
        given, key = held.traceparent, held.key
        is_made = given is not None and is_on()
        self._given = given
        self._own = place_of(given, key, "attempt") if given is not None and is_made else given
        self._agent = place_of(given, key, "agent") if given is not None and is_made else given
        self._about: dict[str, str | int] = {
            spans.TASK_ID: key.task_id,
            spans.ATTEMPT: key.attempt,
            spans.WORKER_ID: held.assignment.worker_id,
        }
        self._clock = clock
        self._without_secrets = without_secrets
        self._since = held.accepted_at
        self._later: str | None = None
        self._seen_at: datetime | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Of the attempt's own span: the trace of all that is done for it."""
        return {TRACEPARENT: self._own} if self._own is not None else {}

    @property
    def for_agent(self) -> str | None:
        """The trace that the agent is started in."""
        return self._agent

    @property
    def here(self) -> str | None:
        """What is sent for the attempt now belongs here."""
        self._move_on()
        return self._later or self._own

    @property
    def of_agent(self) -> str | None:
        """What the agent does now belongs here."""
        self._move_on()
        return self._later or self._agent

    def phase(self, name: str) -> AbstractContextManager[Span]:
        """A span around a part of the attempt."""
        return span(name, attributes=self._about, parent=self._own)

    def observed(self, body: Report, seen_at: datetime) -> None:
        """Tell of a call of a tool, or a turn of a model, that the agent's output has shown to be over."""
        if self._own is None or not is_on():
            return
        if isinstance(body, ToolCall) and body.status is not CallStatus.started:
            self._tool(body, seen_at)
        elif isinstance(body, TokenUsage):
            self._turn(body, seen_at)
        self._seen_at = seen_at

    def agent_ended(self, held: AttemptRecord) -> None:
        """Tell of the agent's whole run. Told again, it is the same span."""
        if self._own is None or held.started_at is None:
            return
        end, how = held.agent_end, how_it_ended(held)
        attributes = self._about | {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": held.agent,
            "gen_ai.agent.version": self._said(end.version),
            "gen_ai.provider.name": provider(held.agent),
            "gen_ai.request.model": self._said(end.model),
            "gen_ai.conversation.id": self._said(end.session_id),
            "gen_ai.response.finish_reasons": [how],
            "process.exit.code": held.process.exit_code if held.process is not None else None,
        }
        if end.model is not None:
            attributes |= {
                "gen_ai.usage.input_tokens": end.tokens_input,
                "gen_ai.usage.output_tokens": end.tokens_output,
                "gen_ai.usage.cache_read.input_tokens": end.tokens_cached,
                spans.COST_USD: end.cost_usd,
            }
        process = held.process
        ended_at = process.ended_at if process is not None and process.ended_at is not None else self._clock.now()
        record(
            f"invoke_agent {held.agent}",
            held.started_at,
            ended_at,
            parent=self._own,
            place=self._agent,
            attributes=attributes,
            error=None if how == "stop" else how,
        )

    def ended(self, held: AttemptRecord, status: str) -> None:
        """Tell of the whole attempt. Told again, it is the same span."""
        if self._own is None:
            return
        record(
            "run_attempt",
            held.accepted_at,
            self._clock.now(),
            parent=self._given,
            place=self._own,
            attributes=self._about | {spans.STATUS: status, "gen_ai.agent.name": held.agent or None},
            error=None if status == "completed" else status,
        )

    def _move_on(self) -> None:
        """Begin another trace when this one has gone on for long: what shows traces wants them to end."""
        now = self._clock.now()
        if self._own is None or not is_on() or now - self._since <= LONGEST:
            return
        links = [one for one in (self._own, self._later) if one is not None]
        self._later, self._since = reserve(None, links), now
        record("continue_attempt", now, now, parent=None, place=self._later, attributes=self._about, links=links)

    def _said(self, word: str | None) -> str | None:
        """What an agent calls something: it may write anything there."""
        return self._without_secrets(word) if word is not None else None

    def _tool(self, call: ToolCall, seen_at: datetime) -> None:
        tool = self._said(call.tool_name)
        record(
            f"execute_tool {tool}",
            seen_at - timedelta(milliseconds=call.duration_ms or 0),
            seen_at,
            parent=self.of_agent,
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": tool,
                "gen_ai.tool.call.id": self._said(call.call_id),
                "process.exit.code": call.exit_code,
            },
            error="tool_error" if call.status is CallStatus.failed else None,
        )

    def _turn(self, spent: TokenUsage, seen_at: datetime) -> None:
        # Its beginning is not shown: the model is asked when the last thing that it asked for is done.
        model = self._said(spent.model)
        record(
            f"chat {model}",
            self._seen_at or seen_at,
            seen_at,
            parent=self.of_agent,
            kind=SpanKind.CLIENT,
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": provider(spent.provider or "unknown"),
                "gen_ai.request.model": model,
                "gen_ai.response.model": model,
                "gen_ai.usage.input_tokens": spent.input_tokens,
                "gen_ai.usage.output_tokens": spent.output_tokens,
                "gen_ai.usage.cache_read.input_tokens": spent.cached_tokens,
                "gen_ai.usage.reasoning.output_tokens": spent.reasoning_tokens,
                spans.COST_USD: spent.cost_usd,
            },
        )
