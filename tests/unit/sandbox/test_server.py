import os
import socket
import stat
from pathlib import Path

import pytest

from sandbox.server import listen, peer_uid


def test_the_kernel_says_who_is_at_the_other_end() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer_uid(ours) == os.getuid()


def test_a_socket_that_nobody_listens_on_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    listen(path).close()
    with listen(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_a_socket_that_somebody_listens_on_is_left_alone(tmp_path: Path) -> None:
    with listen(tmp_path / "s"), pytest.raises(OSError, match="another sandbox"):
        listen(tmp_path / "s")
