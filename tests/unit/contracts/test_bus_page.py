"""docs/bus.md says what the rights are."""

import re
from pathlib import Path

import pytest

from contracts import permissions
from contracts.rpc import RPCS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "bus.md").read_text()
WORKERS, SERVICES = PAGE.split("## Services")


def codes(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_the_page_lists_the_rights_of_a_worker() -> None:
    rights = permissions.rights_of_worker("W")
    rows = [line for line in WORKERS.splitlines() if line.startswith("| ") and "`" in line]
    listed = [code for row in rows for code in codes(row)]
    assert sorted(listed) == sorted((*rights.publish, *rights.subscribe))


@pytest.mark.parametrize("name", sorted(permissions.SERVICES))
def test_the_page_lists_the_duties_of_a_service(name: str) -> None:
    (row,) = [line for line in SERVICES.splitlines() if line.startswith(f"| `{name}` |")]
    publishes, hears, durables, answers = (codes(cell) for cell in row.split("|")[2:6])
    duties = permissions.SERVICES[name]
    assert (tuple(publishes), tuple(hears)) == (duties.publishes, duties.hears)
    assert durables == [f"{stream}.{durable}" for stream, durable in permissions.durables_of(name)]
    assert answers == [verb for verb, rpc in RPCS.items() if rpc.service == name]


def test_the_page_lists_no_service_that_is_none() -> None:
    assert set(re.findall(r"^\| `([\w-]+)` \|", SERVICES, re.MULTILINE)) == set(permissions.SERVICES)
