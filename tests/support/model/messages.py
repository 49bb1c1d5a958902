"""The wire of Anthropic's messages."""

from collections.abc import Iterator
from typing import Any

from tests.support.model.script import Answer

Body = dict[str, Any]
SIGNATURE = "c2NyaXB0ZWQ="


def state_of(body: Body) -> tuple[int, list[tuple[str | None, str]]]:
    """How many results of tools a request holds, and the tools that it offers."""
    blocks = [
        block for message in body["messages"] if isinstance(message["content"], list) for block in message["content"]
    ]
    results = sum(block.get("type") == "tool_result" for block in blocks)
    return results, [(None, tool["name"]) for tool in body.get("tools") or []]


def whole(answer: Answer, model: str) -> Body:
    """The answer in one piece."""
    stop = "tool_use" if answer.tool else "end_turn"
    head = {"id": f"msg_{answer.number}", "type": "message", "role": "assistant", "model": model}
    usage = {**_sent(answer), "output_tokens": answer.turn.usage.received}
    return {**head, "content": list(_blocks(answer)), "stop_reason": stop, "stop_sequence": None, "usage": usage}


def stream(answer: Answer, model: str) -> Iterator[Body]:
    """The answer as events."""
    message = whole(answer, model)
    begun = {**message, "content": [], "stop_reason": None, "usage": {**_sent(answer), "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(message["content"]):
        yield from _block_events(index, block, answer)
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": answer.turn.usage.received}}
    yield {"type": "message_stop"}


def _block_events(index: int, block: Body, answer: Answer) -> Iterator[Body]:
    empty, delta = {
        "thinking": ({"thinking": "", "signature": ""}, {"type": "thinking_delta", "thinking": answer.turn.thought}),
        "text": ({"text": ""}, {"type": "text_delta", "text": answer.turn.text}),
        "tool_use": ({"input": {}}, {"type": "input_json_delta", "partial_json": answer.arguments}),
    }[block["type"]]
    yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}
    yield {"type": "content_block_delta", "index": index, "delta": delta}
    if block["type"] == "thinking":
        signed = {"type": "signature_delta", "signature": SIGNATURE}
        yield {"type": "content_block_delta", "index": index, "delta": signed}
    yield {"type": "content_block_stop", "index": index}


def _blocks(answer: Answer) -> Iterator[Body]:
    if answer.turn.thought:
        yield {"type": "thinking", "thinking": answer.turn.thought, "signature": SIGNATURE}
    if answer.turn.text:
        yield {"type": "text", "text": answer.turn.text}
    if answer.tool:
        call_id = f"toolu_{answer.number}"
        yield {"type": "tool_use", "id": call_id, "name": answer.tool, "input": dict(answer.turn.arguments)}


def _sent(answer: Answer) -> Body:
    usage = answer.turn.usage
    fresh = usage.sent - usage.cached
    return {"input_tokens": fresh, "cache_read_input_tokens": usage.cached, "cache_creation_input_tokens": 0}
