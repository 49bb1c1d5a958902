"""The wire of Google's Gemini API."""

from typing import Any

from tests.support.model.script import Answer

Body = dict[str, Any]


def state_of(body: Body) -> tuple[int, list[tuple[str | None, str]]]:
    """How many results of tools a request holds, and the tools that it offers."""
    parts = [part for content in body.get("contents", []) for part in content.get("parts", [])]
    declared = [one for tool in body.get("tools") or [] for one in tool.get("functionDeclarations", [])]
    return sum("functionResponse" in part for part in parts), [(None, one["name"]) for one in declared]


def whole(answer: Answer, model: str) -> Body:
    """The answer: in one piece, or as the only event of a stream."""
    candidate = {"content": {"role": "model", "parts": _parts(answer)}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "usageMetadata": _usage(answer), "modelVersion": model}


def _parts(answer: Answer) -> list[Body]:
    turn = answer.turn
    parts: list[Body] = [{"text": turn.thought, "thought": True}] if turn.thought else []
    if turn.text:
        parts.append({"text": turn.text})
    if answer.tool:
        parts.append({"functionCall": {"name": answer.tool, "args": dict(turn.arguments)}})
    return parts


def _usage(answer: Answer) -> Body:
    usage = answer.turn.usage
    return {
        "promptTokenCount": usage.sent,
        "cachedContentTokenCount": usage.cached,
        "candidatesTokenCount": usage.received - usage.reasoning,
        "thoughtsTokenCount": usage.reasoning,
        "totalTokenCount": usage.sent + usage.received,
    }
