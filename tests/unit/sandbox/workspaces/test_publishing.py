import pytest

from sandbox.workspaces.publishing import problem_of


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (" ! [rejected] abc -> work (fetch first)", "does not build on; nothing was overwritten"),
        (" ! [rejected] abc -> work (non-fast-forward)", "does not build on; nothing was overwritten"),
        (" ! [remote rejected] abc -> work (branch is currently checked out)", "use a bare repository"),
        ("fatal: Could not read from remote repository.", "fatal: Could not read from remote repository."),
    ],
)
def test_a_refused_push_is_told_in_words_that_help(said: str, words: str) -> None:
    assert words in problem_of(said, "work")
