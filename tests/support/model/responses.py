"""The wire of OpenAI's responses."""

from collections.abc import Iterator
from typing import Any

from tests.support.model.script import Answer

Body = dict[str, Any]


def state_of(body: Body) -> tuple[int, list[tuple[str | None, str]]]:
    """How many results of tools a request holds, and the tools that it offers, those in namespaces too."""
    items = body["input"] if isinstance(body["input"], list) else []
    results = sum(str(item.get("type", "")).endswith("_call_output") for item in items)
    return results, list(_tools(body.get("tools") or [], None))


def stream(answer: Answer, model: str) -> Iterator[Body]:
    """The answer as the events of one response."""
    response = {"id": f"resp_{answer.number}", "object": "response", "created_at": 1, "model": model, "output": []}
    items = list(_items(answer))
    yield {"type": "response.created", "response": {**response, "status": "in_progress"}}
    for index, item in enumerate(items):
        place = {"output_index": index, "item_id": item["id"]}
        yield {"type": "response.output_item.added", **place, "item": {**item, "status": "in_progress"}}
        if item["type"] == "message":
            delta = {"content_index": 0, "delta": answer.turn.text}
            yield {"type": "response.output_text.delta", **place, **delta}
        yield {"type": "response.output_item.done", **place, "item": item}
    done = {**response, "status": "completed", "output": items, "usage": _usage(answer)}
    yield {"type": "response.completed", "response": done}


def _tools(tools: list[Body], namespace: str | None) -> Iterator[tuple[str | None, str]]:
    for tool in tools:
        if tool.get("type") == "namespace":
            yield from _tools(tool["tools"], tool["name"])
        elif "name" in tool:
            yield namespace, tool["name"]


def _items(answer: Answer) -> Iterator[Body]:
    turn, number = answer.turn, answer.number
    if turn.thought:
        summary = [{"type": "summary_text", "text": turn.thought}]
        yield {"type": "reasoning", "id": f"rs_{number}", "summary": summary, "content": [], "encrypted_content": None}
    if turn.text:
        content = [{"type": "output_text", "text": turn.text, "annotations": []}]
        yield {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed", "content": content}
    if answer.tool:
        call = {"type": "function_call", "id": f"fc_{number}", "call_id": answer.call_id, "name": answer.tool}
        call |= {"namespace": answer.namespace} if answer.namespace else {}
        yield {**call, "arguments": answer.arguments, "status": "completed"}


def _usage(answer: Answer) -> Body:
    usage = answer.turn.usage
    return {
        "input_tokens": usage.sent,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.received,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.sent + usage.received,
    }
