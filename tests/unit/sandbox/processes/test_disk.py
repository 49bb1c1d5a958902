"""When a workspace is measured, and what counts."""

import os
from pathlib import Path

from sandbox.processes.disk import LEAST_BYTES, Gauge, measure
from sandbox.workspaces.layout import Layout

MB = 1024 * 1024
SEEN = Gauge(taken_bytes=10 * MB, at_s=100.0, took_s=0.1, volume_bytes=500 * MB)


def workspace(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "w")
    layout.make()
    return layout


def test_a_workspace_that_was_never_seen_is_looked_at() -> None:
    assert Gauge().due(0.0, 0, 100 * MB)


def test_one_that_is_far_from_its_limit_is_looked_at_seldom() -> None:
    assert not SEEN.due(104.0, 500 * MB, 100 * MB)
    assert SEEN.due(105.0, 500 * MB, 100 * MB)


def test_one_that_may_have_grown_over_its_limit_is_looked_at_at_once() -> None:
    assert not SEEN.due(100.3, 550 * MB, 100 * MB)
    assert SEEN.due(100.3, 591 * MB, 100 * MB)


def test_a_costly_look_is_paid_for_by_a_longer_rest() -> None:
    slow = Gauge(taken_bytes=10 * MB, at_s=100.0, took_s=2.0, volume_bytes=500 * MB)
    assert not slow.due(103.0, 591 * MB, 100 * MB)
    assert slow.due(104.0, 591 * MB, 100 * MB)


def test_all_areas_count_and_a_file_with_two_names_counts_once(tmp_path: Path) -> None:
    layout = workspace(tmp_path)
    for folder in (layout.tree, layout.home, layout.temporary, layout.output):
        (folder / "file").write_bytes(b"x" * MB)
    os.link(layout.tree / "file", layout.tree / "again")
    assert 3 * MB <= measure(layout, None) < 3 * MB + 3 * LEAST_BYTES


def test_counting_stops_at_the_limit(tmp_path: Path) -> None:
    layout = workspace(tmp_path)
    for number in range(50):
        (layout.tree / str(number)).touch()
    assert measure(layout, 10 * LEAST_BYTES) == 11 * LEAST_BYTES


def test_a_link_out_of_the_workspace_is_not_followed(tmp_path: Path) -> None:
    layout = workspace(tmp_path)
    (tmp_path / "outside").write_bytes(b"x" * MB)
    (layout.tree / "link").symlink_to(tmp_path)
    assert measure(layout, None) == LEAST_BYTES


def test_what_is_too_deep_to_be_gone_through_is_over_the_limit(tmp_path: Path) -> None:
    layout = workspace(tmp_path)
    here = os.open(layout.tree, os.O_RDONLY)
    for _ in range(500):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    assert measure(layout, 1000 * MB) == 1000 * MB + 1
