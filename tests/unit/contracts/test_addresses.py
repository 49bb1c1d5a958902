import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.addresses import MASK, masked_credentials, without_credentials

SECRET = "s3cr3t-W0rd"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("https://user:token@host.example/app.git", "https://host.example/app.git"),
        ("https://token@host.example/app.git", "https://host.example/app.git"),
        ("https://user:p@ss@host.example/app.git", "https://host.example/app.git"),
        ("HTTP://user:s3@cret@host:80/a@b", "HTTP://host:80/a@b"),
        ("https://user:pa/ss@host/a.git", "https://host/a.git"),
        ("https://user:pa?s#s@host/a.git", "https://host/a.git"),
        ("https://token@host/x.git and ssh://git@other/y", "https://host/x.git and ssh://git@other/y"),
        ("ssh://git:pass@host:22/a.git", "ssh://git@host:22/a.git"),
        ("ssh://git@host/a.git", "ssh://git@host/a.git"),
        ("https://host:8443/a@b.git", "https://host:8443/a@b.git"),
        ("https://host/a@b.git", "https://host/a@b.git"),
        ("git@host.example:app.git", "git@host.example:app.git"),
        ("/srv/app@2", "/srv/app@2"),
    ],
)
def test_an_address_is_shown_without_its_credentials(written: str, shown: str) -> None:
    assert without_credentials(written) == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("https://user:s3cret@host/a.git", f"https://{MASK}@host/a.git"),
        ("https://s3cret@host/a@b.git", f"https://{MASK}@host/a@b.git"),
        ("ssh://git:s3cret@host/a.git", f"ssh://git:{MASK}@host/a.git"),
        ("git@host:a/b.git", "git@host:a/b.git"),
    ],
)
def test_a_mask_shows_that_there_were_credentials(written: str, shown: str) -> None:
    assert masked_credentials(written) == shown


@given(
    scheme=st.sampled_from(["https", "http", "HTTPS", "ssh", "git+ssh"]),
    user=st.from_regex(r"[a-z0-9._%-]{0,10}", fullmatch=True),
    around=st.tuples(st.text(max_size=20), st.text(max_size=20)),
    noise=st.text(alphabet=st.characters(exclude_categories=["Z", "C"]), max_size=10),
)
def test_a_password_is_never_shown_whatever_stands_around_it(
    scheme: str, user: str, around: tuple[str, str], noise: str
) -> None:
    text = f"{around[0]} {scheme}://{user}:{SECRET}{noise}@host.example/app.git {around[1]}"
    for shown in (without_credentials(text), masked_credentials(text)):
        assert SECRET not in shown
        assert "host.example/app.git" in shown


def test_a_text_made_to_be_slow_is_read_in_one_pass() -> None:
    for piece in ("://", "://a:b", "://@", "http://a:", "a"):
        text = piece * (200_000 // len(piece))
        assert without_credentials(text + "@") is not None
