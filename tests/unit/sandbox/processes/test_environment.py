from sandbox.processes.environment import DEFAULT_PATH, child_environment


def test_what_is_given_wins_over_what_is_usual() -> None:
    made = child_environment(
        {"HOME": "/mine", "A": "b"}, {"A": "outer", "TZ": "UTC"}, path="/bin", home="/h", temporary="/t"
    )
    assert made == {"PATH": "/bin", "LANG": "C.UTF-8", "HOME": "/mine", "TMPDIR": "/t", "A": "b", "TZ": "UTC"}


def test_there_is_always_a_path() -> None:
    assert child_environment({}, {}, path=None, home="/h", temporary="/t")["PATH"] == DEFAULT_PATH
