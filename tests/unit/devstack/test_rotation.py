from pathlib import Path

from devstack.supervision.rotation import rotate


def test_a_writer_goes_on_in_the_emptied_log(tmp_path: Path):
    log = tmp_path / "a.log"
    with log.open("ab", buffering=0) as writer:
        for round_ in range(5):
            writer.write(b"%d" % round_ * 100)
            assert rotate(log, max_bytes=99, keep=2)
        writer.write(b"last")
    assert log.read_text() == "last"
    assert (tmp_path / "a.log.1").read_text() == "4" * 100
    assert (tmp_path / "a.log.2").read_text() == "3" * 100
    assert not (tmp_path / "a.log.3").exists()


def test_a_small_log_is_left_alone(tmp_path: Path):
    log = tmp_path / "a.log"
    log.write_text("short")
    assert not rotate(log, max_bytes=5)
    assert not rotate(tmp_path / "none.log")
    assert log.read_text() == "short"
