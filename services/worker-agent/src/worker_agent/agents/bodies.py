"""The bodies of events that an agent's output becomes; whatever an agent writes makes a valid one."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from contracts.base import JsonObject
from contracts.events.reporting import CallStatus, Report, StreamData, StreamType, TokenUsage, ToolCall
from contracts.sandbox import StreamName
from worker_agent.agents.said import MAX_VALUE, Said
from worker_agent.decisions.lines import readable, shortened

MAX_NAME = 200


def plain_output(stream: StreamName, line: str) -> list[Report]:
    """A line as an entry of the live stream; none for a blank one."""
    metadata: JsonObject = {"stream": "stderr"} if stream is StreamName.STDERR else {}
    return entry(StreamType.output, line, metadata)


def raw_output(line: str) -> list[Report]:
    """A line that the adapter does not understand, as it is."""
    return entry(StreamType.output, line, {"raw": True})


def entry(kind: StreamType, text: str, metadata: JsonObject | None = None) -> list[Report]:
    """An entry of the live stream; none for a blank text."""
    shown = readable(text)
    if not shown.strip():
        return []
    return [StreamData(stream_type=kind, content=shortened(shown), metadata=metadata or {})]


def checklist(steps: list[tuple[str, bool]]) -> list[Report]:
    """A plan as an agent keeps it for itself: what is to do, and whether it is done."""
    steps = [(shortened(readable(text), 500), done) for text, done in steps[:100]]
    told: list[JsonValue] = [{"step": text, "done": done} for text, done in steps]
    text = "\n".join(f"[{'x' if done else ' '}] {step}" for step, done in steps)
    return entry(StreamType.planning, text, {"steps": told})


def tokens(
    model: str, *, sent: int, received: int, cached: int = 0, reasoning: int = 0, cost: float | None = None, **more: str
) -> list[Report]:
    """Tokens spent; none for a turn that spent none."""
    if not (sent or received or cost):
        return []
    return [
        TokenUsage(
            model=name(model),
            input_tokens=sent,
            output_tokens=received,
            cached_tokens=min(cached, sent),
            reasoning_tokens=min(reasoning, received),
            cost_usd=cost,
            provider=name(more["provider"]) if more.get("provider") else None,
        )
    ]


def name(text: str) -> str:
    """A text as a name."""
    return readable(text).strip()[:MAX_NAME] or "unknown"


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call of a tool ended."""

    result: str = ""
    error: str = ""
    failed: bool = False
    exit_code: int | None = None
    duration_ms: int | None = None


class Calls:
    """The calls of tools in one run: their ends are joined with their beginnings."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, JsonObject, datetime | None]] = {}

    def started(self, call_id: str, tool: str, arguments: JsonObject, at: datetime | None) -> list[Report]:
        """A call begins. Told again, it is the same call."""
        if call_id in self._open:
            return []
        self._open[call_id] = (tool, arguments, at)
        return [
            ToolCall(tool_name=name(tool), status=CallStatus.started, call_id=_call_id(call_id), arguments=arguments)
        ]

    def ended(
        self, call_id: str, at: datetime | None, end: CallEnd, tool: str = "", arguments: JsonObject | None = None
    ) -> list[Report]:
        """A call has ended. Tool, arguments and duration are those of its beginning where they are not told again."""
        begun_as, given, begun_at = self._open.pop(call_id, ("", {}, None))
        return [
            ToolCall(
                tool_name=name(tool or begun_as),
                status=CallStatus.failed if end.failed else CallStatus.completed,
                call_id=_call_id(call_id),
                arguments=arguments or given,
                result=shortened(readable(end.result), MAX_VALUE) or None,
                error=shortened(readable(end.error), MAX_VALUE) or None,
                exit_code=end.exit_code,
                duration_ms=_between(begun_at, at) if end.duration_ms is None else end.duration_ms,
            )
        ]


def text_of(content: Said) -> str:
    """The text of a result: a text, or a list of blocks with texts, or anything else as JSON."""
    blocks = [block.text("text") for block in content.parts() if block.at("text") is not None]
    return "\n".join(blocks) if blocks else content.text()


def _call_id(call_id: str) -> str | None:
    return name(call_id) if call_id else None


def _between(begun_at: datetime | None, ended_at: datetime | None) -> int | None:
    if begun_at is None or ended_at is None:
        return None
    return max(0, round((ended_at - begun_at).total_seconds() * 1000))
