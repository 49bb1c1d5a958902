"""Where a workspace's content comes from."""

from typing import Any

import pytest

from contracts.sandbox import DirectorySource, EmptySource, GitSource
from contracts.tasks import Requirements
from worker_agent.decisions.sources import as_folder, source_of
from worker_agent.errors import TaskUnusable


def source(**fields: Any) -> Any:
    return source_of(Requirements.model_validate(fields))


def test_a_task_without_repository_starts_empty() -> None:
    assert source() == EmptySource()


@pytest.mark.parametrize("url", ["https://example.org/a.git", "ssh://git@host/x", "git@host:a/b.git", "/srv/repo"])
def test_a_repository_is_cloned_at_its_ref(url: str) -> None:
    assert source(repository=url, ref="v1", branch="mews/x") == GitSource(url=url, ref="v1", branch="mews/x")


def test_a_repository_that_is_refused_is_told_without_its_credentials() -> None:
    with pytest.raises(TaskUnusable) as error:
        source_of(Requirements(repository="HTTPS://user:s3cret@host/a.git"))
    assert "HTTPS://host/a.git" in error.value.detail
    assert "s3cret" not in error.value.detail


@pytest.mark.parametrize("path", ["repo", "../repo", "./x", "~/x"])
def test_a_relative_path_means_nothing_here(path: str) -> None:
    with pytest.raises(TaskUnusable, match="absolute path"):
        source(repository=path)


def test_only_a_path_without_ref_may_be_a_plain_folder() -> None:
    assert as_folder(source(repository="/srv/x")) == DirectorySource(path="/srv/x")
    assert as_folder(source(repository="/srv/x", ref="main")) is None
    assert as_folder(source(repository="https://example.org/a")) is None
    assert as_folder(source()) is None
