"""What is taken for a secret in names and texts, and what is left readable."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_gateway.decisions.audit.secrets import MASK, is_secret_name, without_secrets

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
HEX_64 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
COMMIT = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
KEY = "mews_0198f3a1_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "PASSWORD",
        "db_password",
        "userPassword",
        "token",
        "access_token",
        "accessToken",
        "API_KEY",
        "apiKey",
        "x-api-key",
        "secret",
        "client_secret",
        "private_key",
        "ssh-key",
        "Authorization",
        "Set-Cookie",
        "credentials",
        "_auth",
        "tokens",
        "GITHUB_PAT",
        "state_keys",
    ],
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "description",
        "priority",
        "task_id",
        "key",
        "idempotency_key",
        "keyboard",
        "author",
        "auth_mode",
        "authority",
        "secretary",
        "max_tokens_used",
        "pattern",
        "cache_key",
        "worker_id",
        "monkey",
        "path",
        "patch",
        "passed",
    ],
)
def test_other_names_are_not(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("git clone https://alice:hunter2@example.com/x.git", "hunter2"),
        ("postgresql://mews:p%40ss@db/x and redis://:sesame@cache", "sesame"),
        ("clone git:hunter2@github.com", "hunter2"),
        ("see https://x.org/a?b=1&access_token=abc123&c=2", "abc123"),
        ("https://x.org/?X-Amz-Signature=feedface#top", "feedface"),
        ("curl -H 'Authorization: Basic YWxpY2U6eA==' x", "YWxpY2U6eA"),
        ('{"authorization": "abcdef"}', "abcdef"),
        ("use Bearer abc.def-ghi now", "abc.def-ghi"),
        ("PGPASSWORD=hunter2 psql", "hunter2"),
        ("password is set: password: hunter2", "hunter2"),
        ('api_key = "two words"', "two words"),
        ("api_key = 'never closed", "never closed"),
        ("mysql --password hunter2 -h db", "hunter2"),
        ("mysql --password=hunter2 -h db", "hunter2"),
        (f"log in with {JWT}, please", JWT),
        (f"key {KEY}.", KEY),
        ("push with ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_abcdef"),
        ("sk-proj-abcdefghijklmnopqrst", "abcdefghijklmnopqrst"),
        ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN"),
        (f"sha {HEX_64}", HEX_64),
        ("Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4", "cXV4Zm9v"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nrest", "MIIE"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE and cut off", "MIIE"),
        ("-----BEGIN USER NKEY SEED-----\nSUABC\n------END USER NKEY SEED------", "SUABC"),
    ],
)
def test_secrets_in_a_text_are_masked_and_the_rest_stays(text: str, secret: str) -> None:
    shown = without_secrets(text)
    assert secret not in shown
    assert MASK in shown


@pytest.mark.parametrize(
    "text",
    [
        "Audit the project and fix what the tests say about tokens",
        f"merge commit {COMMIT} of https://example.com/a/b.git",
        "see https://example.com/a?page=2&limit=50",
        "task-0198f3a1-7c3e-7d2a-9b1c-2f3e4d5c6b7a",
        "services/mcp-gateway/src/mcp_gateway/decisions/audit/redacting.py",
        "mail alice@example.com at 10:30",
    ],
)
def test_what_is_no_secret_is_left_as_it_was(text: str) -> None:
    assert without_secrets(text) == text


@given(st.text(alphabet="ab:/@.-_= ?&\"'tokenpasswrdBEGIN\n", max_size=4_000))
@settings(max_examples=60, deadline=None)
def test_masking_twice_changes_no_more_than_masking_once_hides(text: str) -> None:
    once = without_secrets(text)
    assert len(without_secrets(once)) <= len(once) + once.count(MASK) * len(MASK)
