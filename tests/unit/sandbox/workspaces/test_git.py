import pytest

from sandbox.workspaces.git import passed_on, without_credentials


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:secret@host/x.git", "https://host/x.git"),
        ("https://token@host/x.git and ssh://git@other/y", "https://host/x.git and ssh://other/y"),
        ("git@host:x.git", "git@host:x.git"),
        ("/a/path@b", "/a/path@b"),
    ],
)
def test_credentials_are_cut_out_of_urls(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


def test_git_is_told_how_to_get_out_and_nothing_else() -> None:
    assert passed_on({"HTTPS_PROXY": "http://proxy", "TOKEN": "x"}) == {"HTTPS_PROXY": "http://proxy"}
