from pathlib import Path

import pytest

from devstack.cli.assigning import gather, repository
from devstack.errors import DevstackError


def test_options_go_over_the_requirements_given_as_json(tmp_path: Path):
    given = '{"tags": ["gpu"], "agent": "claude", "depth": 3}'
    assert gather(given, repo=str(tmp_path), agent="command", verify=["true"]) == {
        "tags": ["gpu"],
        "agent": "command",
        "depth": 3,
        "repository": str(tmp_path),
        "verify": ["true"],
    }


def test_options_that_are_left_out_change_nothing():
    assert gather('{"verify": ["make test"]}', repo=None, agent=None, verify=()) == {"verify": ["make test"]}


@pytest.mark.parametrize(("wrong", "said"), [("{tags}", "not JSON"), ("[1]", "must be a JSON object")])
def test_requirements_that_are_no_object_are_refused(wrong: str, said: str):
    with pytest.raises(DevstackError, match=said):
        gather(wrong, repo=None, agent=None, verify=())


def test_a_folder_becomes_an_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path)
    assert repository("project") == str(tmp_path / "project")


@pytest.mark.parametrize("url", ["https://example.com/a.git", "git@example.com:a/b.git", "ssh://git@host/a"])
def test_a_git_url_stays_as_it_is(url: str):
    assert repository(url) == url


def test_a_folder_that_is_not_there_is_refused_by_its_whole_path(tmp_path: Path):
    with pytest.raises(DevstackError, match=f"{tmp_path}/nothing is no folder"):
        repository(f"{tmp_path}/nothing")
