from datetime import UTC, datetime, timedelta

from contracts.sandbox import FileEntry
from worker_agent.decisions.report_files import MB, MOST_BYTES, MOST_BYTES_TOGETHER, MOST_FILES, worth_reading

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def entry(path: str, *, age_s: float = 1.0, size: int = 100, kind: str = "file") -> FileEntry:
    values = {"path": path, "kind": kind, "size_bytes": size, "executable": False}
    return FileEntry.model_validate(values | {"modified_at": BEGAN + timedelta(seconds=age_s)})


def read(*entries: FileEntry) -> list[str]:
    return [found.path for found in worth_reading(entries, BEGAN)]


def test_what_was_written_since_is_read_newest_first_and_once() -> None:
    entries = (entry("a.xml"), entry("b.xml", age_s=2), entry("a.xml"), entry("old.xml", age_s=-1))
    assert read(*entries) == ["b.xml", "a.xml"]


def test_links_folders_empty_and_huge_files_are_left_alone() -> None:
    entries = [entry(f"{kind}.xml", kind=kind) for kind in ("directory", "symlink", "other")]
    assert read(*entries, entry("empty.xml", size=0), entry("huge.xml", size=MOST_BYTES + 1)) == []


def test_reports_of_what_is_not_the_projects_own_are_left_alone() -> None:
    assert read(entry("node_modules/x/junit.xml"), entry("a/.venv/b.xml"), entry("venv.xml")) == ["venv.xml"]


def test_a_flood_of_files_is_read_in_part() -> None:
    assert len(read(*(entry(f"{number}.xml") for number in range(1_000)))) == MOST_FILES
    large = [entry(f"{number}.xml", size=3 * MB) for number in range(MOST_FILES)]
    assert len(read(*large)) == MOST_BYTES_TOGETHER // (3 * MB)
