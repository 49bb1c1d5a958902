from collections.abc import Iterable

import pytest

from analytics_query.decisions.folding.registry import CREDITS, CREDITS_ON, FOLDS
from analytics_query.decisions.folding.tables import Credit
from analytics_query.decisions.ledger import Ledger
from analytics_query.domain.documents import AttemptDocument
from analytics_query.domain.rollups import Figures, Key
from contracts.events import EVENT_TYPES, QUESTION_KINDS
from tests.support.examples import FULL, NOW
from tests.support.folding import KEY, assigned, ended, folded, full, in_batches

KINDS = sorted(EVENT_TYPES.keys() - QUESTION_KINDS - {"registered", "session_end"})


def credited(document: AttemptDocument, credits: Iterable[Credit]) -> dict[Key, Figures]:
    ledger = Ledger()
    for credit in credits:
        credit(KEY, document, ledger)
    return ledger.rollups()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind in FOLDS])
def test_an_event_changes_no_credit_but_those_that_are_made_anew_on_its_kind(kind: str) -> None:
    document = folded(*(full(other, seq) for seq, other in enumerate(KINDS, 1))).document
    others = [credit for credit in CREDITS if credit not in CREDITS_ON[kind]]
    before, all_before = credited(document, others), credited(document, CREDITS)
    for fold in FOLDS[kind]:
        fold(document, full(kind, 1_000, occurred_at=NOW, evidence="verified"))
    assert credited(document, others) == before
    if kind in ("tests", "quality", "coverage", "error", "decision"):
        assert credited(document, CREDITS) != all_before


def test_one_kind_after_the_other_and_all_at_once_amount_to_the_same() -> None:
    events = [full(kind, seq) for seq, kind in enumerate(KINDS, 1) if kind in FULL]
    apart = in_batches([[assigned()], *([event] for event in events), [ended()]])
    assert apart.as_json() == folded(*events).as_json()
