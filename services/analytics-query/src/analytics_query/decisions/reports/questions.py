"""Questions of workers: how many, how many needed nobody, and how long they waited."""

from collections.abc import Collection

from analytics_query.decisions.reports.definitions import Definition, Two, figures_of
from analytics_query.decisions.reports.ranking import ranked
from analytics_query.decisions.reports.reading import Reading
from analytics_query.decisions.reports.recipes import Portion, Quantile, Total
from analytics_query.domain.vocabulary import Dimension
from contracts.analytics import Section

GROUP = ("questions",)
ANSWERED = ("questions_answered", "questions_auto_answered")
CLOSED = (*ANSWERED, "questions_expired", "questions_withdrawn")

DEFINITIONS = (
    Definition("questions_asked", "count", Total(("questions_asked",)), GROUP),
    Definition("auto_answer_rate", "percent", Portion(("questions_auto_answered",), ANSWERED), GROUP, "higher"),
    Definition("question_expiry_rate", "percent", Portion(("questions_expired",), CLOSED), GROUP, "lower"),
    Definition("answer_time_p50", "ms", Quantile("answer_ms", 0.5), GROUP, "lower"),
    Definition("answer_time_p95", "ms", Quantile("answer_ms", 0.95), GROUP, "lower"),
)


def questions_section(reading: Reading, two: Two, wanted: Collection[str], limit: int) -> Section:
    """Questions as a whole, and by type where that was read."""
    by_type = ranked("questions", "Questions", reading, Dimension.question, DEFINITIONS, wanted, limit)
    return by_type.model_copy(update={"figures": figures_of(DEFINITIONS, two, wanted)})
