"""What can go wrong here, each with a stable code."""

from contracts.problems import FieldError


class QuestionError(Exception):
    """Base of this service's errors: `code` for programs, `category` for the edge, `detail` for people."""

    code = "question_error"
    category = "invalid"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class QuestionNotFound(QuestionError):
    """No question has this id."""

    code = "question_not_found"
    category = "not_found"


class QuestionClosed(QuestionError):
    """The question has its answer, or can get none any more."""

    code = "question_closed"
    category = "conflict"


class NotARequest(QuestionError):
    """Only a request for resources can be decided."""

    code = "not_a_request"
    category = "conflict"


class InvalidDecision(QuestionError):
    """A decision that says too little or contradicts itself. `errors` are contracts.problems.FieldError."""

    code = "invalid_input"
    category = "invalid"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.errors = [FieldError(field=field, message=message)]
