"""docs/traces.md says what the span model is."""

from pathlib import Path

from contracts.spans import ATTRIBUTES, SPANS, table

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "traces.md").read_text()


def test_the_page_has_the_span_model_as_it_is() -> None:
    assert "\n".join(table()) in PAGE


def test_each_span_is_there_once_and_no_attribute_has_a_text_that_somebody_wrote() -> None:
    assert len({(spec.name, spec.kind) for spec in SPANS}) == len(SPANS)
    forbidden = ("messages", "arguments", "result", "prompt", "description", "instructions", "query", "body", "full")
    assert {name for name in ATTRIBUTES if name.split(".")[-1] in forbidden} == set()
