"""`mews audit`: times as people give them."""

import pytest

from devstack.cli import auditing
from devstack.errors import DevstackError


@pytest.mark.parametrize(
    ("text", "sent"),
    [("2026-11-30T10:00:00+02:00", "2026-11-30T08:00:00+00:00"), ("2026-11-30T08:00:00Z", "2026-11-30T08:00:00+00:00")],
)
def test_times_are_sent_in_utc(text: str, sent: str) -> None:
    assert auditing.moment("--since", text) == sent


@pytest.mark.parametrize("text", ["yesterday", "2026-11-30T08:00:00", "7 days"])
def test_what_is_no_time_is_refused_with_what_would_be_one(text: str) -> None:
    with pytest.raises(DevstackError, match="--since"):
        auditing.moment("--since", text)
