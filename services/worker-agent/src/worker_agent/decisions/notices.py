"""What an agent should hear of the manager's wishes, in sentences that say what to do."""

from worker_agent.domain import AttemptRecord, Notice, NoticeKind, QuestionNote, WorkerState


def in_force(record: AttemptRecord, state: WorkerState, *, restart_wanted: bool) -> list[Notice]:
    """What holds now: it is told each time."""
    notices: list[Notice] = []
    if record.cancelled is not None:
        text = f"The task is cancelled: {record.cancelled.reason}. Stop at once; nothing more of it counts."
        notices.append(Notice(kind=NoticeKind.cancel, text=text))
    if record.pause is not None and not record.pause.over:
        text = f"Pause: {record.pause.reason}. Finish the step you are at; your processes are stopped in a moment."
        notices.append(Notice(kind=NoticeKind.pause, text=text, at=record.pause.asked_at))
    if state.draining:
        text = "This worker takes no new tasks and leaves after this one: finish as planned."
        notices.append(Notice(kind=NoticeKind.drain, text=text))
    if restart_wanted:
        text = "This worker restarts; you go on running. If a call fails, repeat it after some seconds."
        notices.append(Notice(kind=NoticeKind.restart, text=text))
    return notices


def of_answer(note: QuestionNote) -> Notice:
    """The answer to a question that nobody waits for."""
    answer = note.answer
    assert answer is not None
    said = answer.answer or (f"{answer.decision.decision} ({answer.decision.reason})" if answer.decision else "")
    what = f": {said}" if said else "; call get_answer for what to do"
    text = f"Question {note.question_id} is {answer.state}{what}"
    return Notice(kind=NoticeKind.answer, text=text, at=answer.answered_at, question_id=note.question_id)
