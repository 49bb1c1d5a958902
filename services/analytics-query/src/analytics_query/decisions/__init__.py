"""Pure decisions of analytics-query."""
