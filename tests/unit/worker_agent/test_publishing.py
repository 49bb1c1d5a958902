import pytest

from contracts.events.recovery import OutcomeStatus, Verified
from contracts.sandbox import WorkspacePublished
from contracts.tasks import Assignment, CollaborationTerms, Requirements
from tests.unit.worker_agent.test_admission import assignment
from worker_agent.decisions.outcome import Ending
from worker_agent.decisions.publishing import artifact_key, artifact_name, is_elsewhere, request_of
from worker_agent.domain import AttemptKey

URL = "https://robot:secret@host/x.git"
TERMS = CollaborationTerms(question_id="q-1", collaboration_type="testing", from_worker="worker-2")


def work(
    repository: str | None = URL, branch: str | None = "work", terms: CollaborationTerms | None = None
) -> Assignment:
    wanted = Requirements(repository=repository, branch=branch)
    return assignment().model_copy(update={"requirements": wanted, "collaboration": terms})


@pytest.mark.parametrize("status", OutcomeStatus)
@pytest.mark.parametrize("branch", [None, "work"])
def test_only_a_completed_result_with_a_branch_is_pushed(status: OutcomeStatus, branch: str | None) -> None:
    asked = request_of(work(branch=branch), Ending(status), None, 1_000)
    wanted = status is OutcomeStatus.completed and branch is not None
    assert (asked.push, asked.url, asked.branch) == (wanted, URL if wanted else None, branch)


def test_a_branch_without_a_repository_is_pushed_nowhere() -> None:
    asked = request_of(work(repository=None), Ending(OutcomeStatus.completed), None, 1_000)
    assert (asked.push, asked.url) == (False, None)


def test_a_helper_does_not_push_to_the_branch_of_the_worker_that_asked() -> None:
    asked = request_of(work(terms=TERMS), Ending(OutcomeStatus.completed), None, 1_000)
    assert (asked.push, asked.url) == (False, None)


def test_what_was_verified_is_what_is_published() -> None:
    verified = Verified(passed=True, commands=[], commit="abc123")
    asked = request_of(work(repository="/srv/x.git"), Ending(OutcomeStatus.completed), verified, 1_000)
    assert (asked.commit, asked.timeout_ms) == ("abc123", 1_000)


@pytest.mark.parametrize(("pushed", "elsewhere"), [(True, True), (False, False), (None, False)])
def test_only_a_push_makes_it_safe_to_forget_a_workspace(pushed: bool | None, elsewhere: bool) -> None:
    published = WorkspacePublished(branch="work", commit="abc", committed=True, commits=("abc",), pushed=pushed)
    assert is_elsewhere(published) is elsewhere
    assert is_elsewhere(None) is False


def test_the_saved_work_of_an_attempt_has_one_place() -> None:
    key = AttemptKey("task-1", 2)
    assert artifact_key(key, artifact_name("application/x-git-bundle")) == "task-1/2/result.bundle"
    assert artifact_key(key, artifact_name("application/gzip")) == "task-1/2/result.tar.gz"
