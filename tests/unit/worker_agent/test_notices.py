"""What agents are told of the manager's wishes."""

from datetime import timedelta

from contracts.events.reporting import Progress
from contracts.questions import Answer
from tests.support.examples import NOW
from tests.unit.worker_agent.test_admission import known
from worker_agent.decisions.notices import in_force, of_answer
from worker_agent.decisions.pauses import goes_on, now_paused, stood_still_ms
from worker_agent.domain import AttemptRecord, Cancellation, NoticeKind, Pause, QuestionNote, WorkerState

EVENT_ID = "01990000-0000-7000-8000-000000000001"


def kinds(record: AttemptRecord, state: WorkerState | None = None, *, restart: bool = False) -> list[str]:
    return [notice.kind for notice in in_force(record, state or WorkerState(), restart_wanted=restart)]


def paused(*, over: bool = False, stopped: bool = False) -> AttemptRecord:
    pause = Pause(reason="lunch", asked_at=NOW, over=over, stopped_at=NOW if stopped else None)
    return known(1).model_copy(update={"pause": pause, "paused_ms": 500})


def answered(**given: object) -> QuestionNote:
    values = {"question_id": "q-1", "worker_id": "w", "state": "answered", "answered_at": NOW, **given}
    answer = Answer.model_validate(values)
    return QuestionNote(question_id="q-1", event_id=EVENT_ID, fingerprint="f", asked_at=NOW, answer=answer)


def test_nothing_holds_of_an_attempt_that_just_runs() -> None:
    assert kinds(known(1)) == []


def test_each_thing_that_holds_is_told() -> None:
    cancelled = paused().model_copy(update={"cancelled": Cancellation(reason="too late")})
    assert kinds(cancelled, WorkerState(draining=True), restart=True) == ["cancel", "pause", "drain", "restart"]
    told = in_force(cancelled, WorkerState(), restart_wanted=False)
    assert "too late" in told[0].text
    assert "lunch" in told[1].text


def test_a_pause_that_is_over_holds_no_more() -> None:
    assert kinds(paused(over=True)) == []


def test_an_answer_is_told_with_its_question() -> None:
    notice = of_answer(answered(answer="github"))
    assert (notice.kind, notice.question_id) == (NoticeKind.answer, "q-1")
    assert notice.text == "Question q-1 is answered: github"


def test_a_decision_is_an_answer_too_and_an_expired_question_asks_for_get_answer() -> None:
    decision = {"decision": "granted", "reason": "there is room"}
    assert of_answer(answered(decision=decision)).text == "Question q-1 is answered: granted (there is room)"
    assert "get_answer" in of_answer(answered(state="expired")).text


def test_an_attempt_that_stands_still_is_shown_where_it_stood() -> None:
    before = Progress(status="testing", phase="unit", reason="again")
    assert now_paused(before) == Progress(status="paused", phase="unit")


def test_pauses_add_up_with_the_one_in_force() -> None:
    later = NOW + timedelta(seconds=2)
    assert stood_still_ms(paused(), later) == 500
    assert stood_still_ms(paused(stopped=True), later) == 2_500


def test_what_is_said_of_the_end_of_a_pause_depends_on_whether_it_began() -> None:
    begun, not_begun = paused(stopped=True).pause, paused().pause
    assert begun is not None
    assert not_begun is not None
    assert goes_on(begun) != goes_on(not_begun)
