"""Versions in what programs print."""

import pytest

from worker_agent.decisions.versions import version_in


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("codex-cli 0.171.0\n", "0.171.0"),
        ("2.1.197 (Claude Code)", "2.1.197"),
        ("v1.18.33", "1.18.33"),
        ("WARNING: no helper\n0.61.0-nightly.3\n", "0.61.0-nightly.3"),
        ("2025.10.28-0a91dc2", "2025.10.28-0a91dc2"),
        ("usage: auditor [-h] {run} ...", None),
        ("", None),
    ],
)
def test_the_first_version_is_found(printed: str, version: str | None) -> None:
    assert version_in(printed) == version


def test_a_version_is_never_long() -> None:
    assert len(version_in("1.2-" + "x" * 10_000) or "") <= 100
