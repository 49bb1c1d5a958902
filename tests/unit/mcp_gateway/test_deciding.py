"""The text of analyze_decisions."""

# ruff: noqa: E501

from mcp_gateway.mcp.text.deciding import analyzed
from tests.support.reports import decisions_of_day

DECISIONS = """\
Decision analysis: 33 decisions
Period: last_24_hours, 2026-11-22 12:00:00Z to 2026-11-23 12:00:00Z

Summary:
  - Attempts with technical decisions completed more often, but too few were seen to tell.

By type, and how the attempts ended:
  TYPE       DECISIONS  TAKEN BACK  ALTERNATIVES  CONFIDENCE   COMPLETED  RATE (reported)         WITHOUT SUCH (platform)
  technical         31           1           2.4        80 %    12 of 14  85.7 % (95 %: 60.1–96)  71.4 % (95 %: 52.9–84.7)
  scope              2                                        none ended  no data                 76.2 % (95 %: 61.5–86.5)

Decisions, newest first:
  - 2026-11-23 11:55:00Z [technical] Rotating refresh tokens (85 % sure)
      worker-1; task-abc123, attempt 1; ended completed
      about: How long a session lasts
      instead of: Long-lived access tokens | Server-side sessions
      because: A stolen token is of use once at most.
      may lead to: Every client must store a new token after each refresh.
      takes back: 0198f3a0-0000-7000-8000-000000000001
  - 2026-11-23 11:51:00Z [scope] Leave the old endpoint in place
      worker-2; not over yet

More: call again with cursor "d2".

Evidence: reported = an agent said so; platform = the platform's own books.
As of 2026-11-23 12:00:00Z, position 48213.
"""


def test_decisions_are_shown_by_type_with_how_it_ended_and_one_by_one() -> None:
    assert analyzed(decisions_of_day()) + "\n" == DECISIONS


def test_no_decisions_are_told_in_a_few_lines() -> None:
    nothing = decisions_of_day(patterns=[], decisions=[], summary=[], next_cursor=None)
    assert analyzed(nothing).splitlines() == [
        "Decision analysis: no decisions",
        "Period: last_24_hours, 2026-11-22 12:00:00Z to 2026-11-23 12:00:00Z",
        "",
        "As of 2026-11-23 12:00:00Z, position 48213.",
    ]


def test_many_decisions_and_alternatives_are_cut_and_counted() -> None:
    decision = decisions_of_day().decisions[0]
    options = [f"option {number}" for number in range(8)]
    long = decision.model_copy(update={"alternatives": options, "reasoning": "because " * 100})
    text = analyzed(decisions_of_day(decisions=[long] * 100))
    assert "instead of: option 0 | option 1 | option 2 | option 3 | option 4 | … 3 more" in text
    assert "more decisions; the structured content has all, and a smaller limit shorter pages" in text
    assert len(text) < 25_000
