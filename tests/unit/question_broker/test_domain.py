from datetime import timedelta

import pytest

from contracts.questions import NewAnswer, QuestionState
from question_broker.decisions.answering import answer
from question_broker.decisions.asking import question_of
from question_broker.domain import Question
from question_broker.errors import QuestionClosed
from tests.support.examples import FULL, NOW, event

LATER = NOW + timedelta(seconds=5)


def question(kind: str = "question", closed_through: int = 0) -> Question:
    return question_of(event(kind, FULL[kind]), closed_through)  # type: ignore[arg-type]


def test_a_question_is_open_until_its_deadline() -> None:
    asked = question()
    assert asked.state is QuestionState.open
    assert asked.expires_at == NOW + timedelta(milliseconds=60_000)
    assert asked.options == ("google", "github")


@pytest.mark.parametrize("wrong", [timedelta(hours=-1), timedelta(0), timedelta(hours=1)])
def test_a_question_has_its_whole_time_though_the_workers_clock_is_wrong(wrong: timedelta) -> None:
    assert question().received(NOW + wrong).expires_at == NOW + wrong + timedelta(milliseconds=60_000)


def test_when_a_question_was_asked_is_not_for_the_worker_to_say() -> None:
    # The hourly quota, escalation, retention and the order of lists count from it.
    arrived = NOW - timedelta(days=1)
    assert question().received(arrived).asked_at == arrived
    withdrawn = question(closed_through=1).received(arrived)
    assert (withdrawn.asked_at, withdrawn.answered_at) == (arrived, arrived)


def test_a_request_for_resources_reads_as_a_question() -> None:
    asked = question("resource_request")
    assert asked.question == "Needs 2 cores (compute) for 60000 ms"
    assert asked.context == "The suite is slow."
    assert asked.expires_at == NOW + timedelta(milliseconds=FULL["resource_request"].get("deadline_ms", 600_000))


def test_a_request_for_collaboration_names_the_partner() -> None:
    assert question("collaboration_request").question == "Wants code_review from worker-2: Review src/auth.py"


def test_a_question_of_an_ended_attempt_is_withdrawn_at_once() -> None:
    assert question(closed_through=1).state is QuestionState.withdrawn


def test_an_answer_closes_the_question() -> None:
    given = NewAnswer(answer="github", additional_context="as agreed", answered_by="ada")
    answered = answer(question(), given, LATER)
    assert answered is not None
    assert answered.to_answer().answer == "github"
    assert (answered.state, answered.answered_by, answered.answered_at) == (QuestionState.answered, "ada", LATER)


def test_the_first_answer_wins() -> None:
    answered = answer(question(), NewAnswer(answer="github"), LATER)
    assert answered is not None
    assert answer(answered, NewAnswer(answer="github"), LATER) is None
    with pytest.raises(QuestionClosed, match="is answered already, by manager"):
        answer(answered, NewAnswer(answer="google"), LATER)


def test_an_expired_question_takes_its_default_and_no_answer_any_more() -> None:
    expired = question().expired(LATER)
    assert (expired.state, expired.answer) == (QuestionState.expired, "google")
    with pytest.raises(QuestionClosed, match="expired"):
        answer(expired, NewAnswer(answer="google"), LATER)


def test_an_open_question_has_no_answer_to_send() -> None:
    with pytest.raises(ValueError, match="still open"):
        question().to_answer()


def test_the_view_shows_all() -> None:
    view = question().to_view()
    assert view.question_id == "q-1"
    assert view.options == ["google", "github"]
