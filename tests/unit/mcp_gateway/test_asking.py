from datetime import timedelta

import pytest

from contracts.questions import QuestionKind, QuestionState
from mcp_gateway.decisions.asking import MAX_FORMS, Asked, askable, form_of, is_blank
from mcp_gateway.domain.asking import Choice, Dialogue, Reply
from tests.support.views import NOON, open_question

YES = Reply(Choice.accept, "authlib")


def test_what_a_person_can_answer_is_asked_oldest_first() -> None:
    later = open_question("q-2", asked_at=NOON + timedelta(minutes=1))
    request = open_question("q-3", kind=QuestionKind.resource_request)
    closed = open_question("q-4", state=QuestionState.answered)
    found = askable([later, request, closed, open_question("q-1"), open_question("q-5")], ["q-5"])
    assert [question.question_id for question in found] == ["q-1", "q-2"]


def test_no_more_is_asked_at_once_than_a_person_can_see() -> None:
    assert len(askable([open_question(f"q-{n}") for n in range(20)], [])) == MAX_FORMS


def test_the_form_says_who_asks_what_and_offers_the_options_with_the_default() -> None:
    form = form_of(open_question(context="We use Flask."))
    assert form.message == "worker-1, task task-abc123 asks (technical): Which framework?\n\nWe use Flask."
    assert (form.options, form.default) == (("passport", "authlib"), "authlib")


def test_a_default_that_is_no_option_is_not_offered_and_one_of_free_text_is() -> None:
    assert form_of(open_question(default_answer="flask")).default is None
    assert form_of(open_question(options=[], default_answer="flask")).default == "flask"
    assert form_of(open_question(default_answer="")).default is None


def test_a_reply_counts_only_for_what_was_asked() -> None:
    asking = Asked().ask([open_question("q-1")])
    asked = Asked.read(Dialogue({}, asking.state))
    assert asked.rounds == 1
    given = Dialogue({"q-1": YES, "q-2": YES}, asking.state)
    assert asked.replies(given) == {"q-1": YES}
    assert Asked.read(Dialogue({"q-1": YES})).replies(Dialogue({"q-1": YES})) == {}


def test_what_was_declined_is_not_asked_again_and_notes_are_kept() -> None:
    asked = Asked(rounds=1, open=["q-1", "q-2"], notes=["before"])
    settled = asked.settled({"q-1": Reply(Choice.decline), "q-2": YES}, ["after"])
    again = Asked.read(Dialogue({}, settled.ask([open_question("q-3")]).state))
    assert (again.left, again.open, again.notes, again.rounds) == (["q-1"], ["q-3"], ["before", "after"], 2)


@pytest.mark.parametrize("state", ["", "not json", '{"rounds": "many"}'])
def test_a_state_of_another_version_counts_as_none(state: str) -> None:
    assert Asked.read(Dialogue({}, state)) == Asked()


def test_an_accepted_form_without_an_answer_is_blank() -> None:
    assert is_blank(Reply(Choice.accept, " "))
    assert not is_blank(YES)
    assert not is_blank(Reply(Choice.decline))
