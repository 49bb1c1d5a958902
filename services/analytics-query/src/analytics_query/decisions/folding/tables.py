"""What the tables of the modules in this folder hold."""

from collections.abc import Callable
from typing import Any

from analytics_query.decisions.ledger import Ledger
from analytics_query.domain.documents import AttemptDocument, AttemptKey, TaskDocument

# Each function knows by its place in the table which kind of event it gets.
Fold = Callable[[AttemptDocument, Any], None]
TaskFold = Callable[[TaskDocument, Any], None]
Direct = Callable[[Any, Ledger], None]
Credit = Callable[[AttemptKey, AttemptDocument, Ledger], None]
TaskCredit = Callable[[TaskDocument, Ledger], None]
