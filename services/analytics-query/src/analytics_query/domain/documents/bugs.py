"""Bugs that an attempt says it has fixed."""

from datetime import datetime

from analytics_query.domain.documents.parts import Part


class Bugs(Part):
    """Milestones and changes of the code that mend something, by evidence."""

    newest_at: datetime | None = None
    fixed: dict[str, int] = {}
