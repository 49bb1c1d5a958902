"""Keys: found by the format that their issuer gives them, wherever they stand, and nothing else taken for one."""

import re
from base64 import b64encode
from hashlib import sha256, sha512
from json import dumps, loads
from uuid import UUID

import pytest
from detect_secrets.plugins import (
    aws,
    azure_storage_key,
    github_token,
    gitlab_token,
    mailchimp,
    openai,
    pypi_token,
    sendgrid,
    slack,
    stripe,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.key_formats import FORMATS, MASK, KeyFormat, formats_in, without_keys
from tests.support.growth import grows_with_its_length

# Put together here, so that no scanner takes this file for a leak.
A = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC2eF4hJ6kL8nP0rS2uV4xY6zA8cD0fG2iH4kM6oQ8"
HEX = sha256(b"key").hexdigest()
BASE64 = b64encode(sha512(b"key").digest()).decode()
SAMPLES = {
    "AWS": ["AKIA" + "QZ7RT2LMNP4VWX3K", "ASIA" + "QZ7RT2LMNP4VWX3K", "ABSK" + BASE64[:80] * 2],
    "GitHub": ["ghp_" + A[:36], "gho_" + A[:36], "ghs_" + A[:36], "github_pat_" + A[:22] + "_" + A[:59]],
    "GitLab": ["glpat-" + A[:20], "gldt-" + A[:20], "glrt-t1_" + A[:27] + ".01." + "0a1b2c3d4", "GR1348941" + A[:20]],
    "Slack": ["xoxb-" + "123456789012-1234567890123-" + A[:24], "xapp-1-" + "A012BCDEFG-1234567890123-" + HEX],
    "OpenAI": ["sk-" + A[:48], "sk-proj-" + A[:60] + "_-" + A[:40], "sk-svcacct-" + A[:40], "sk-" + HEX[:32]],
    "Anthropic": ["sk-ant-api03-" + A[:60] + "-" + A[:32] + "AA", "sk-ant-admin01-" + A[:60], "sk-or-v1-" + HEX],
    "Google": ["AIza" + A[:35], "ya29." + A[:60], "GOCSPX-" + A[:28]],
    "Stripe": ["sk_live_" + A[:24], "rk_test_" + A[:24], "whsec_" + A[:32]],
    "npm and others": ["npm_" + A[:36], "pypi-AgEIcHlwaS5vcmc" + A[:60], "rubygems_" + HEX[:48], "dckr_pat_" + A[:27]],
    "JWT": ["eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0." + A[:43]],
    "Azure": ["a1~8Q~" + A[:34]],
    "Twilio, SendGrid": ["SK" + HEX[:32], "SG." + A[:22] + "." + A[:43]],
    "models": ["hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH", "gsk_" + A[:52], "xai-" + A[:70], "r8_" + A[:37]],
    "more": [
        "dop_v1_" + HEX,
        "dapi" + HEX[:32],
        "shpat_" + HEX[:32],
        "glsa_" + A[:32] + "_" + HEX[:8],
        "hvs." + A[:64],
    ],
}
KEYS = [key for keys in SAMPLES.values() for key in keys]
AROUND = [
    "{}",
    "KEY={}",
    "export KEY='{}'; run",
    '{{"key": "{}", "n": 1}}',
    "first line\n{}\nlast line",
    "https://example.com/?key={}&x=1",
    "https://example.com/?next=%3D{}%26",
    "\x1b[32m{}\x1b[0m",
    "use `{}`, please.",
]
# What is around a secret is known; group 1 of these is what must be gone.
IN_CONTEXT = [
    "aws_secret_access_key = <wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE123>",
    '{"SecretAccessKey": "<wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE123>"}',
    "https://hooks.slack.com/services/<T00000000/B00000000/abcdefghijklmnopqrstuvwx>",
    "https://discord.com/api/webhooks/<123456789012345678/" + A[:68] + ">",
    "Authorization: Basic <dXNlcjpwYXNz>",
    "curl -H 'authorization: Bearer <abc.def-123>' https://example.com",
    '{"headers": {"Authorization": "token <0123456789abcdef>"}}',
    "sent Bearer <" + A[:30] + "> to it",
    "x-api-key: <0123456789abcdef>",
    "postgresql://app:<hunter2>@db:5432/app",
    "git clone https://x-access-token:<s3cret>@example.com/a.git",
    "https://<0123456789abcdef0123456789abcdef01234567>@example.com/a.git",
    "//registry.example.com/:_authToken=<0f6a2b1c-1111-2222-3333-444455556666>",
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=<" + BASE64[:86] + "==>;EndpointSuffix=x",
    "https://a.blob.core.windows.net/c?sv=2022&sig=<" + A[:43] + "%3D>",
]
HARMLESS = [
    "fixed in 3b18e512dba79e4c8300dd08aeb37f8e728b8dad, was 0123456789abcdef0123456789abcdef01234567",
    f"sha256:{HEX} sha512-{BASE64}",
    f"{UUID(int=0x0198F3A01C2D7E3FA1B2C3D4E5F60718)} task-0198f3a0-1c2d-7e3f-a1b2-c3d4e5f60718",
    "data:image/png;base64," + b64encode(b"".join(sha512(bytes([n])).digest() for n in range(200))).decode(),
    "the bearer authentication of the specification, Authorization: Bearer $TOKEN, Bearer <token>",
    "postgresql://app:${PASSWORD}@db/app https://example.com:8080/path@v2 git@github.com:org/repo.git",
    "sk-cube-grid-animation-delay-container disk-usage-of-the-whole-machine task-force-of-twenty-engineers",
    "npm_config_registry npm_lifecycle_event SKILL_TREE_IS_A_LONG_NAME AKIA key-value-store ghp_ eyJ",
    "tests/unit/contracts/test_key_formats.py::test_what_is_no_key_is_left_alone PASSED",
]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_masked_wherever_it_stands(key: str, around: str) -> None:
    assert without_keys(around.format(key)) == around.format(MASK)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_masked_in_json_within_json(key: str) -> None:
    text = f"line\n{key}\n\t{key}"
    for _ in range(3):
        text = dumps({"text": text})
        assert key not in without_keys(text)
        loads(without_keys(text))
    assert formats_in(text.encode())


@pytest.mark.parametrize("text", IN_CONTEXT)
def test_of_a_known_place_the_secret_alone_is_masked(text: str) -> None:
    before, secret, after = re.fullmatch(r"([^<]*)<([^>]*)>(.*)", text).groups()  # type: ignore[union-attr]
    whole = before + secret + after
    assert without_keys(whole) == before + MASK[: len(secret)] + after
    assert formats_in(dumps(whole).encode())


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_key_is_left_alone(text: str) -> None:
    assert without_keys(text) == text


RULES = [
    rule.pattern
    for detector in (
        aws.AWSKeyDetector,
        azure_storage_key.AzureStorageKeyDetector,
        github_token.GitHubTokenDetector,
        gitlab_token.GitLabTokenDetector,
        mailchimp.MailchimpDetector,
        openai.OpenAIDetector,
        pypi_token.PypiTokenDetector,
        sendgrid.SendGridDetector,
        slack.SlackDetector,
        stripe.StripeDetector,
    )
    for rule in detector.denylist
    if not rule.pattern.startswith("aws")
]


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_what_a_rule_of_detect_secrets_finds_is_masked(rule: str, data: st.DataObject) -> None:
    # An open end may be one character for them; no key is as short.
    long = re.compile(rule.replace("]+", "]{20,40}"), re.ASCII)
    found = data.draw(st.from_regex(long, fullmatch=True))
    text = f"it is {found} here"
    assert found not in without_keys(text)
    assert formats_in(text.encode())


@given(st.text("aA0_-.:=/@+ \n\"'\\eyJskxobgATIQ~{}<$", max_size=300))
def test_no_mask_is_longer_than_what_it_hides(text: str) -> None:
    assert len(without_keys(text)) <= len(text)


@pytest.mark.parametrize("key_format", FORMATS, ids=lambda one: one.issuer)
def test_the_time_grows_with_the_length_and_no_faster(key_format: KeyFormat) -> None:
    for hint in key_format.hints:
        for unit in (hint, hint + "a", hint + "a" * 30, f"-{hint}", f"{hint}:", f"\\n{hint}0"):
            assert grows_with_its_length(key_format.mask, unit, 8_000, 0.000_2), unit
