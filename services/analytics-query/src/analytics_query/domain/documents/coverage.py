"""Coverage that was measured during an attempt."""

from typing import NamedTuple

from analytics_query.domain.documents.parts import Part, Value


class Course(NamedTuple):
    """The first and the newest of several measurements."""

    first: Value
    newest: Value


class Coverages(Part):
    """By what is covered (`line`, `branch`, or `total`: it was not said which) and evidence: `line@observed`."""

    measured: dict[str, Course] = {}
