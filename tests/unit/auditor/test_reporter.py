import pytest

from auditor.reporter import TOOLS, read_answer_text
from tests.support.mcp_recorder import TOOLS as SERVED


def test_every_tool_the_auditor_calls_takes_the_body_it_sends() -> None:
    assert {tool: body for body, tool in TOOLS.items()}.items() <= SERVED.items()


@pytest.mark.parametrize(
    ("structured", "text", "answer"),
    [
        ({"answer": "strict", "state": "answered"}, "x", "strict"),
        ({"result": {"answer": "strict"}}, "x", "strict"),
        ({"state": "open", "question_id": "q-1"}, "The question is open", None),
        ({"answer": None}, "x", None),
        (None, "strict", "strict"),
        (None, "", None),
    ],
)
def test_an_answer_is_read_from_the_structured_result_or_else_the_text(
    structured: dict[str, object] | None, text: str, answer: str | None
) -> None:
    assert read_answer_text(structured, text) == answer
