"""Leases: they last as long as they are renewed, and are full again when they are given again."""

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain import AttemptRef
from orchestrator.handlers.leasebook import LeaseBook

A, B = AttemptRef("a", 1), AttemptRef("b", 1)


def test_a_lease_expires_exactly_when_its_time_is_over() -> None:
    book = LeaseBook(30)
    book.grant(A, "w", now=0)
    assert book.expired(29.9) == []
    assert book.expired(30) == [(A, "w")]


def test_a_renewal_gives_the_full_time_again() -> None:
    book = LeaseBook(30)
    book.grant(A, "w", now=0)
    book.grant(B, "w", now=1)
    assert book.renew(A, "w", now=20)
    assert book.expired(31) == [(B, "w")]
    assert book.expired(50) == [(B, "w"), (A, "w")]


def test_nobody_renews_the_lease_of_another_or_one_that_is_not_there() -> None:
    book = LeaseBook(30)
    book.grant(A, "w", now=0)
    assert not book.renew(A, "v", now=20)
    assert not book.renew(B, "w", now=20)
    assert book.expired(30) == [(A, "w")]


def test_refilling_gives_all_their_full_time() -> None:
    book = LeaseBook(30)
    book.grant(A, "w", now=0)
    book.grant(B, "v", now=10)
    book.refill(now=100)
    assert book.expired(129) == []
    assert book.expired(130) == [(A, "w"), (B, "v")]


def test_what_is_forgotten_does_not_expire() -> None:
    book = LeaseBook(30)
    book.grant(A, "w", now=0)
    book.forget(A)
    book.forget(B)
    assert book.expired(1_000) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 5))))
def test_the_order_of_expiry_is_that_of_the_last_renewals(steps: list[tuple[str, float]]) -> None:
    book, now, last = LeaseBook(10), 0.0, dict[AttemptRef, float]()
    for name, pause in steps:
        now += pause
        book.grant(AttemptRef(name, 1), "w", now)
        last[AttemptRef(name, 1)] = now
    at = now + 7
    assert {ref for ref, _ in book.expired(at)} == {ref for ref, granted in last.items() if granted + 10 <= at}
