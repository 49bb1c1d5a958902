"""What can go wrong here, each with a stable code."""

from collections.abc import Sequence

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
    """Only a request for resources, permission or collaboration can be decided."""

    code = "not_a_request"
    category = "conflict"


class AlreadyDecided(QuestionError):
    """The request goes ahead under other terms already."""

    code = "already_decided"
    category = "conflict"


class RuleNotFound(QuestionError):
    """No rule has this id."""

    code = "rule_not_found"
    category = "not_found"


class RuleNotTested(QuestionError):
    """A rule must have been on dry-run before it answers anything."""

    code = "rule_not_tested"
    category = "conflict"


class TooManyRules(QuestionError):
    """There are as many rules as may be."""

    code = "too_many_rules"
    category = "conflict"


class InvalidField(QuestionError):
    """One field is wrong. `errors` are contracts.problems.FieldError."""

    code = "invalid_input"
    category = "invalid"

    def __init__(self, field: str, message: str, value: str | None = None, allowed: Sequence[str] = ()) -> None:
        super().__init__(f"{field}: {message}")
        self.errors = [FieldError(field=field, message=message, value=value, allowed=list(allowed))]


class InvalidDecision(InvalidField):
    """A decision that says too little or contradicts itself."""


class InvalidRule(InvalidField):
    """A pattern that is none, or an answer with a placeholder that there is not."""
