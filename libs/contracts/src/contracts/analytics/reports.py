"""A report on entities: what it is about, what matters in it, and its sections."""

from contracts.analytics.choices import EntityType
from contracts.analytics.figures import Section, Standing
from contracts.base import JsonObject, Model, Name, Text, UtcTime


class AnalyticsReport(Model):
    """Answer of `get_analytics`, `performance_report` and `quality_dashboard`."""

    report: Name
    entity_type: EntityType
    entity_ids: list[Name] = []
    since: UtcTime
    until: UtcTime
    time_range: Name
    """As it was asked for, such as `last_hour`."""
    summary: list[Text] = []
    """What matters, in words, most important first."""
    sections: list[Section] = []
    data: dict[str, JsonObject] = {}
    """The last reported analytics data of each type, of the entities asked for (`get_analytics`)."""
    notes: list[Text] = []
    standing: Standing
