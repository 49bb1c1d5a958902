"""The wire of OpenAI's chat completions."""

from collections.abc import Iterator
from typing import Any

from tests.support.model.script import Answer

Body = dict[str, Any]


def state_of(body: Body) -> tuple[int, list[tuple[str | None, str]]]:
    """How many results of tools a request holds, and the tools that it offers."""
    results = sum(message["role"] == "tool" for message in body["messages"])
    return results, [(None, tool["function"]["name"]) for tool in body.get("tools") or []]


def whole(answer: Answer, model: str) -> Body:
    """The answer in one piece."""
    choice = {"index": 0, "message": {"role": "assistant", **_said(answer)}, "finish_reason": _finish(answer)}
    return {**_base(answer, model), "object": "chat.completion", "choices": [choice], "usage": _usage(answer)}


def stream(answer: Answer, model: str) -> Iterator[Body]:
    """The answer in chunks."""
    base = {**_base(answer, model), "object": "chat.completion.chunk"}
    deltas: list[Body] = [{"role": "assistant", **_said(answer)}]
    if answer.turn.thought:
        deltas.insert(0, {"role": "assistant", "reasoning_content": answer.turn.thought})
    for delta in deltas:
        yield {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": _finish(answer)}]}
    yield {**base, "choices": [], "usage": _usage(answer)}


def _base(answer: Answer, model: str) -> Body:
    return {"id": f"chatcmpl-{answer.number}", "created": 1, "model": model}


def _said(answer: Answer) -> Body:
    said: Body = {"content": answer.turn.text or None}
    if answer.tool:
        function = {"name": answer.tool, "arguments": answer.arguments}
        said["tool_calls"] = [{"index": 0, "id": answer.call_id, "type": "function", "function": function}]
    return said


def _finish(answer: Answer) -> str:
    return "tool_calls" if answer.tool else "stop"


def _usage(answer: Answer) -> Body:
    usage = answer.turn.usage
    return {
        "prompt_tokens": usage.sent,
        "completion_tokens": usage.received,
        "total_tokens": usage.sent + usage.received,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
