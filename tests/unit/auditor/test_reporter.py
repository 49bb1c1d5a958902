import pytest

from auditor.reporter import TOOLS, Heard, read_answer
from tests.support.mcp_recorder import TOOLS as SERVED


def test_every_tool_the_auditor_calls_takes_the_body_it_sends() -> None:
    assert {tool: body for body, tool in TOOLS.items()}.items() <= SERVED.items()


@pytest.mark.parametrize(
    ("structured", "text", "heard"),
    [
        ({"answer": "strict", "state": "answered"}, "x", Heard("strict", by_manager=True)),
        ({"answer": "standard", "state": "auto_answered"}, "x", Heard("standard")),
        ({"state": "no_answer", "question_id": "q-1"}, "No answer came", Heard()),
        ({"answer": None, "state": "expired"}, "x", Heard()),
        (None, "strict", Heard("strict", by_manager=True)),
        (None, "", Heard()),
    ],
)
def test_an_answer_is_read_from_the_structured_result_or_else_the_text(
    structured: dict[str, object] | None, text: str, heard: Heard
) -> None:
    assert read_answer(structured, text) == heard
