"""The answer of a rule, with its placeholders filled in."""

import re
from collections.abc import Mapping, Set

from question_broker.errors import InvalidRule

FIELDS = frozenset(
    {"question", "question_type", "default_answer", "worker_id", "task_id", "repository", "priority", "context"}
)
PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")
LONGEST = 65_536


def check(template: str, groups: Set[str]) -> None:
    """Raises InvalidRule for a placeholder that is neither a field nor one of the pattern's groups."""
    allowed = FIELDS | groups
    for match in PLACEHOLDER.finditer(template):
        name = match[1]
        if name is not None and name not in allowed:
            message = f"there is no placeholder {{{name}}}; write {{{{{name}}}}} for the word in braces"
            raise InvalidRule("then.answer", message, value=name, allowed=sorted(allowed))


def fill(template: str, values: Mapping[str, str | None]) -> str | None:
    """The answer; None where a placeholder has no value, or all of it would be too long or empty."""
    names = {match[1] for match in PLACEHOLDER.finditer(template) if match[1] is not None}
    if any(not values.get(name) for name in names):
        return None
    filled = PLACEHOLDER.sub(lambda match: values[match[1]] or "" if match[1] else match[0][0], template)
    return filled if 0 < len(filled) <= LONGEST else None
