"""Rules as the manager gives and reads them."""

from datetime import timedelta
from typing import Any

import pytest
from mcp.types import TextContent

from contracts.questions import QuestionKind, QuestionState, Suggestion
from contracts.rules import DryRun, DryRunHit, RuleState
from mcp_gateway.domain.outputs import QuestionList
from mcp_gateway.domain.ruling import RuleList
from mcp_gateway.errors import InvalidInput
from mcp_gateway.mcp.catalogue import Catalogue
from mcp_gateway.mcp.table import TOOLS
from mcp_gateway.mcp.text.questioning import listed, open_line
from mcp_gateway.mcp.text.ruling import managed
from tests.support.views import NOON, example_rule, open_question

CATALOGUE = Catalogue(TOOLS)
TOOL = CATALOGUE.find("manage_rules")


@pytest.mark.parametrize(
    ("given", "field", "why"),
    [
        ({"action": "activate"}, "rule_id", "needs it"),
        ({"action": "create", "then": {"answer": "x"}}, "name", "needs it"),
        ({"action": "create", "name": "r"}, "then", "needs it"),
        ({"action": "update", "rule_id": "r"}, "name", "needs one of name, description, position, when, then"),
        ({"action": "delete", "rule_id": "r", "name": "x"}, "name", "takes no name, but rule_id"),
        ({"action": "list", "questions": 3}, "questions", "takes no questions, but rule_id, state"),
        ({"action": "enable", "rule_id": "r"}, "action", "not one of the allowed values"),
        ({"action": "create", "name": "r", "then": {}}, "then", "exactly one of answer, permission, decision"),
        ({"action": "create", "name": "r", "then": {"say": "x"}}, "then.say", "is not known here"),
    ],
)
def test_what_does_not_fit_the_action_is_refused_by_field(given: dict[str, Any], field: str, why: str) -> None:
    assert TOOL is not None
    with pytest.raises(InvalidInput) as refused:
        TOOL.parse(given)
    assert [error.field for error in refused.value.errors] == [field]
    assert why in refused.value.errors[0].message


def test_rules_stand_in_a_table() -> None:
    header, first, second = managed(RuleList(rules=[example_rule(), example_rule(position=1_000)])).splitlines()
    assert header.split() == ["RULE", "POSITION", "STATE", "HITS", "DRY-RUN", "HITS", "NAME", "WHEN", "THEN"]
    assert first.endswith("House provider  pattern provider, repository https://git.example/*  answer: github")
    assert first.index("active") == second.index("active")


def test_a_new_rule_says_what_comes_next() -> None:
    new = example_rule(state=RuleState.dry_run, is_tested=False)
    assert managed(RuleList(rules=[new])).endswith("try it with action dry_run, then activate it.")
    assert "action activate lets it answer" in managed(RuleList(rules=[new.model_copy(update={"is_tested": True})]))


def test_a_trial_says_where_rule_and_person_disagree() -> None:
    hit = DryRunHit(
        question_id="q-7",
        question="Which provider?",
        would_answer="github",
        state=QuestionState.answered,
        answer="google",
        agrees=False,
    )
    report = DryRun(
        rule_id="rule-1",
        version=2,
        examined=90,
        matched=3,
        agreed=1,
        disagreed=1,
        unanswered=1,
        agreement_percent=50,
        hits=[hit],
    )
    text = managed(RuleList(dry_run=report))
    assert "would have answered 3 of 90 past questions" in text
    assert "50% (1 the same, 1 other, 1 that nobody has answered)" in text
    assert "q-7       NO      github        google       Which provider?" in text
    assert text.endswith("… and 2 more.")
    assert "nobody has seen it answer" not in text
    nothing = report.model_copy(update={"matched": 0, "hits": []})
    assert "it would answer what nobody has seen it answer" in managed(RuleList(dry_run=nothing))


def test_questions_show_suggestions_and_how_to_decide_them() -> None:
    before = Suggestion(
        answer="authlib", question_id="q-0", question="Which?", similarity_percent=92.5, answered_by="ada", times=3
    )
    text = listed(QuestionList(questions=[open_question(suggestions=[before], escalated_at=NOON + timedelta(1))]))
    assert "- authlib (92.5% alike, answered 3 times by ada, q-0)" in text
    assert "escalated: 2" in text
    held = open_question(kind=QuestionKind.collaboration_request, needs_approval=True)
    assert "nobody is asked before" in listed(QuestionList(questions=[held]))
    assert "the conditions as amount_granted" in listed(
        QuestionList(questions=[open_question(question_type="permission")])
    )


def test_what_a_worker_offers_can_neither_steer_a_terminal_nor_break_the_lines() -> None:
    asked = open_question(
        options=["post\ngres", "sqlite\x1b[2J"],
        default_answer="a\nb",
        question_type="te\nch",
        context="left\u202eright",
    )
    offered = CATALOGUE.find("list_questions")
    assert offered is not None
    (content,) = offered.content(QuestionList(questions=[asked]))
    assert isinstance(content, TextContent)
    assert "options: post gres | sqlite\n" in content.text
    assert "default: a b\n" in content.text
    assert "(te ch, " in content.text
    assert "context: leftright\n" in content.text


def test_suggestions_of_an_open_question_stand_below_their_title_in_every_report() -> None:
    before = Suggestion(answer="authlib", question_id="q-0", question="Which?", similarity_percent=92.5, times=1)
    asked = open_question(suggestions=[before])
    expected = "suggested:\n      - authlib (92.5% alike, q-0)"
    assert expected in listed(QuestionList(questions=[asked]))
    assert f"    {expected}" in open_line(asked)
