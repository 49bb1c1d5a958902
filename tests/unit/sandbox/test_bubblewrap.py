from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.bubblewrap import Surroundings, View, arguments


@pytest.fixture
def surroundings(tmp_path: Path) -> Surroundings:
    for name in ("root", "hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "socket").touch()
    return Surroundings(
        workspace_root=tmp_path / "root",
        socket=tmp_path / "socket",
        hidden=(tmp_path / "hidden", tmp_path / "absent"),
        readable=(),
        interpreter=(tmp_path,),
    )


def pairs(made: list[str], option: str) -> list[str]:
    return [made[place + 1] for place, part in enumerate(made) if part == option]


def test_the_network_stays_and_processes_do_not(surroundings: Surroundings) -> None:
    made = arguments("bwrap", surroundings, View(()))
    assert made[0] == "bwrap"
    assert {"--unshare-pid", "--unshare-ipc", "--die-with-parent"} <= set(made)
    assert not {"--unshare-net", "--unshare-all"} & set(made)


def test_workspaces_and_credentials_are_covered_before_the_own_one_is_bound(surroundings: Surroundings) -> None:
    tree = surroundings.workspace_root / "w" / "tree"
    made = arguments("bwrap", surroundings, View((tree,)))
    assert str(surroundings.workspace_root) in pairs(made, "--tmpfs")
    assert str(surroundings.hidden[0]) in pairs(made, "--tmpfs")
    assert made[made.index(str(surroundings.socket)) - 1] == "/dev/null"
    assert pairs(made, "--bind") == [str(tree)]
    assert made.index("--bind") > max(place for place, part in enumerate(made) if part == "--tmpfs")


def test_what_is_hidden_stays_so_below_a_readable_path(surroundings: Surroundings, tmp_path: Path) -> None:
    for interpreter in (Path("/usr"), tmp_path):
        here = replace(surroundings, readable=(tmp_path,), interpreter=(interpreter,))
        made = arguments("bwrap", here, View(()))
        for path in (here.workspace_root, here.hidden[0], here.socket):
            assert made.index(str(path)) > made.index("--ro-bind-try")


def test_what_is_not_there_is_not_covered(surroundings: Surroundings) -> None:
    made = arguments("bwrap", surroundings, View(()))
    assert str(surroundings.hidden[1]) not in made


def test_a_shared_tmp_stays_when_the_interpreter_is_below_it() -> None:
    here = Surroundings(Path("/w"), Path("/s"), (), (), (Path("/tmp/venv"),))
    assert "/tmp" not in arguments("bwrap", here, View((), temporary=Path("/w/x/tmp")))


def test_a_shared_tmp_is_replaced_by_the_own_one_otherwise() -> None:
    here = Surroundings(Path("/w"), Path("/s"), (), (), (Path("/usr"),))
    made = arguments("bwrap", here, View((), temporary=Path("/w/x/tmp")))
    assert made[made.index("/w/x/tmp") - 1 : made.index("/w/x/tmp") + 2] == ["--bind", "/w/x/tmp", "/tmp"]


def test_workspaces_below_tmp_get_an_empty_tmp_to_be_bound_in() -> None:
    here = Surroundings(Path("/tmp/r"), Path("/tmp/s"), (), (), (Path("/usr"),))
    made = arguments("bwrap", here, View((Path("/tmp/r/x/tree"),), temporary=Path("/tmp/r/x/tmp")))
    assert pairs(made, "--tmpfs") == ["/tmp"]
