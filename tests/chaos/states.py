"""How tasks and questions end, and what the platform says of it."""

TERMINAL = frozenset({"completed", "failed", "cancelled", "timed_out"})
TERMINAL_KINDS = frozenset(f"task.{state}" for state in TERMINAL)
CLOSED = frozenset({"answered", "auto_answered", "expired", "withdrawn"})
CLOSING_KINDS = frozenset(f"question.{state}" for state in ("answered", "expired", "withdrawn"))
