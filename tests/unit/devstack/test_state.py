import os
from datetime import UTC, datetime
from pathlib import Path

from devstack.processes import ProcessId, identify
from devstack.state import Member, Phase, State, read_state, write_state

WHEN = datetime(2026, 1, 2, tzinfo=UTC)


def state(process: ProcessId) -> State:
    member = Member(name="nats", phase=Phase.ready, log="nats.log", pid=7, started_ticks=8)
    return State(
        phase=Phase.ready, pid=process.pid, started_ticks=process.started, started_at=WHEN,
        gateway_url="http://127.0.0.1:8080", workers=2, members=(member,),
    )  # fmt: skip


def test_what_is_written_is_read(tmp_path: Path):
    path = tmp_path / "state.json"
    written = state(ProcessId(1, 2))
    write_state(path, written)
    assert read_state(path) == written
    assert written.members[0].process == ProcessId(7, 8)


def test_a_missing_or_broken_file_is_no_state(tmp_path: Path):
    path = tmp_path / "state.json"
    assert read_state(path) is None
    path.write_text('{"phase": "rea')
    assert read_state(path) is None


def test_a_process_that_got_the_id_of_a_dead_supervisor_is_not_taken_for_it():
    me = identify(os.getpid())
    assert me is not None
    assert state(me).is_supervised
    assert not state(ProcessId(me.pid, me.started + 1)).is_supervised
