import pytest

from auditor.layout import decide_layout
from auditor.pytest_options import PytestOptions
from auditor.suite import Attempt, Suite, coverage_sources, next_attempt, suite_command, why_ended

FILES = ["src/shop/__init__.py", "src/shop/a.py", "src/shop/tests/test_in.py", "src/one.py", "tests/test_a.py"]
SUITE = Suite(decide_layout(FILES), PytestOptions("pytest.ini", kept=("-m", "not slow")), plugins=("asyncio",))


@pytest.mark.parametrize("exit_code", [0, 1, 5, -9, None])
def test_a_run_that_ended_by_itself_or_was_killed_is_not_repeated(exit_code: int | None) -> None:
    assert next_attempt(Attempt(), exit_code) is None


def test_collection_errors_are_passed_over_once() -> None:
    again = next_attempt(Attempt(), 2)
    assert again == Attempt(go_on_after_collection_errors=True)
    assert next_attempt(again, 2) is None


@pytest.mark.parametrize("exit_code", [3, 4])
def test_a_refused_configuration_is_left_aside_and_then_the_conftest_files(exit_code: int) -> None:
    second = next_attempt(Attempt(), exit_code)
    assert second == Attempt(ignore_config=True)
    third = next_attempt(second, exit_code)
    assert third == Attempt(ignore_config=True, ignore_conftest=True)
    assert next_attempt(third, exit_code) is None


def test_a_fallback_can_itself_fall_back() -> None:
    assert next_attempt(Attempt(ignore_config=True), 2) == Attempt(
        ignore_config=True, go_on_after_collection_errors=True
    )


def test_the_command_measures_own_code_alone_with_the_project_importable() -> None:
    shown = suite_command(SUITE, Attempt()).shown()
    assert shown.startswith("PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTHONPATH=src python -m coverage run --rcfile=/dev/null")
    assert "--source=src/shop,one " in shown
    assert "'--omit=src/shop/tests/*'" in shown
    assert "-p asyncio" in shown
    assert shown.endswith("""-o 'addopts=-m '"'"'not slow'"'"'' -o required_plugins=""")


def test_without_the_configuration_the_test_folders_are_named() -> None:
    argv = suite_command(SUITE, Attempt(ignore_config=True, ignore_conftest=True)).argv
    assert argv[argv.index("-c") :][:4] == ("-c", "/dev/null", "--rootdir", ".")
    assert "tests" in argv
    assert "--noconftest" in argv


def test_without_a_configuration_of_its_own_a_project_gets_none_from_a_folder_above() -> None:
    suite = Suite(decide_layout(["shop/__init__.py", "tests/test_a.py"]), PytestOptions())
    assert suite_command(suite, Attempt()).argv[-4:] == ("-c", "/dev/null", "--rootdir", ".")


def test_a_flat_project_needs_no_path() -> None:
    suite = Suite(decide_layout(["shop/__init__.py", "tests/test_a.py"]), PytestOptions())
    command = suite_command(suite, Attempt())
    assert "PYTHONPATH" not in command.env
    assert not [word for word in command.argv if word.startswith("--omit")]


def test_single_modules_are_sources_by_their_import_name() -> None:
    assert coverage_sources(decide_layout(["six.py", "test_six.py"])) == ["six"]


def test_every_end_of_pytest_has_words() -> None:
    assert why_ended(None) == "pytest did not end in time and was stopped"
    assert why_ended(-11) == "pytest ended with exit code -11"
    assert Attempt().described() == "with the project's own pytest configuration"
