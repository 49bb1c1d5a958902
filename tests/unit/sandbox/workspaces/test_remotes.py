from base64 import b64decode
from pathlib import Path

import pytest

from sandbox.workspaces.remotes import remote_of


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("/srv/x.git", Path("/srv/x.git")),
        ("file:///srv/a%20b.git", Path("/srv/a b.git")),
        ("https://host/x.git", None),
        ("ssh://git@host/x.git", None),
        ("git@host:x.git", None),
    ],
)
def test_an_address_without_secrets_is_used_as_it_is(url: str, folder: Path | None) -> None:
    remote = remote_of(url)
    assert (remote.url, remote.folder, dict(remote.variables)) == (url, folder, {})


def test_credentials_of_a_url_go_into_the_environment_for_its_host_alone() -> None:
    remote = remote_of("https://robot:p%40ss@host:8443/group/x.git")
    assert remote.url == "https://host:8443/group/x.git"
    assert remote.variables["GIT_CONFIG_KEY_0"] == "http.https://host:8443/.extraHeader"
    scheme, _, secret = remote.variables["GIT_CONFIG_VALUE_0"].rpartition(" ")
    assert (scheme, b64decode(secret)) == ("Authorization: Basic", b"robot:p@ss")
    assert "p@ss" not in repr(remote)
    assert secret not in repr(remote)


def test_a_token_without_a_password_is_the_name_of_the_user() -> None:
    secret = remote_of("https://tok3n@host/x.git").variables["GIT_CONFIG_VALUE_0"].rpartition(" ")[2]
    assert b64decode(secret) == b"tok3n:"
