import pytest

from auditor.pytest_options import read_pytest_options, split_options


@pytest.mark.parametrize(
    ("options", "kept", "dropped"),
    [
        (["--cov=shop", "-n", "auto", "-q"], (), ("--cov=shop", "-n", "auto", "-q")),
        (["-m", "not slow", "--tb", "short"], ("-m", "not slow"), ("--tb", "short")),
        (["--import-mode=importlib", "--strict-markers"], ("--import-mode=importlib",), ("--strict-markers",)),
        (["--ignore", "tests/x", "--doctest-modules"], ("--ignore", "tests/x", "--doctest-modules"), ()),
        (["-pno:warnings", "-x", "--maxfail=1"], ("-pno:warnings",), ("-x", "--maxfail=1")),
        (["--cov", "--cov-report", "term", "-Werror"], ("-Werror",), ("--cov", "--cov-report", "term")),
        ([], (), ()),
    ],
)
def test_only_options_that_choose_or_import_tests_are_kept(
    options: list[str], kept: tuple[str, ...], dropped: tuple[str, ...]
) -> None:
    assert split_options(options) == (kept, dropped)


def test_pytest_ini_wins_over_pyproject_even_when_it_is_empty() -> None:
    pyproject = {"tool": {"pytest": {"ini_options": {"addopts": "-m slow"}}}}
    options = read_pytest_options(pyproject, {"pytest.ini": "[pytest]\n", "setup.cfg": "[tool:pytest]\naddopts=-k x\n"})
    assert (options.source, options.kept) == ("pytest.ini", ())


def test_pyproject_is_read_in_both_of_its_forms() -> None:
    old = read_pytest_options({"tool": {"pytest": {"ini_options": {"testpaths": "a b", "addopts": "-m slow"}}}}, {})
    new = read_pytest_options({"tool": {"pytest": {"testpaths": ["a", "b"], "addopts": ["-m", "slow"]}}}, {})
    assert (old.testpaths, old.kept) == (new.testpaths, new.kept) == (("a", "b"), ("-m", "slow"))


def test_setup_cfg_and_tox_are_read_when_there_is_nothing_else() -> None:
    assert read_pytest_options({}, {"setup.cfg": "[tool:pytest]\ntestpaths = t\n"}).testpaths == ("t",)
    assert read_pytest_options({}, {"tox.ini": "[pytest]\naddopts = -k x\n"}).kept == ("-k", "x")


@pytest.mark.parametrize("text", ["[pytest", "no section", "[pytest]\naddopts = 'open quote\n"])
def test_a_broken_file_leaves_the_defaults(text: str) -> None:
    assert read_pytest_options({}, {"pytest.ini": text}).kept == ()
