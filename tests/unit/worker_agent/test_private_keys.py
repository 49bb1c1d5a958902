"""Private keys: no line of one is shown, however it is written, cut or split."""

from base64 import b64encode
from hashlib import sha512
from json import dumps, loads

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.growth import grows_with_its_length
from worker_agent.decisions.private_keys import PrivateKeys

MATERIAL = b64encode(b"".join(sha512(bytes([n])).digest() for n in range(6))).decode()
LINES = [MATERIAL[at : at + 64] for at in range(0, len(MATERIAL), 64)] + ["q8Zx=="]
DASHES = "-" * 5


def pem(kind: str = "RSA PRIVATE KEY", head: str = "") -> str:
    return "\n".join([f"{DASHES}BEGIN {kind}{DASHES}", *head.splitlines(), *LINES, f"{DASHES}END {kind}{DASHES}"])


def shown(text: str) -> list[str]:
    return [line for line in LINES if line in text]


@pytest.mark.parametrize("kind", ["PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"])
@pytest.mark.parametrize("head", ["", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0102\n\n", "Version: GnuPG v2\n"])
def test_the_lines_of_a_key_are_masked_and_its_frame_is_left(kind: str, head: str) -> None:
    text = f"before it\n{pem(kind, head)}\nafter it"
    masked = PrivateKeys().mask(text)
    assert not shown(masked)
    assert masked.startswith(f"before it\n{DASHES}BEGIN {kind}{DASHES}\n")
    assert masked.endswith(f"\n{DASHES}END {kind}{DASHES}\nafter it")
    assert len(masked) <= len(text)


@pytest.mark.parametrize("show", ["{}", "+{}", "-{}", "> {}", "    12\t{}", "   3→{}", "7: {}", '"{}",'])
def test_a_key_is_masked_however_its_lines_are_shown(show: str) -> None:
    text = "\n".join(show.format(line) for line in pem().splitlines())
    assert not shown(PrivateKeys().mask(text))


def test_a_key_in_json_is_masked_and_the_json_stays_json() -> None:
    text = f"so:\n{pem()}\n"
    for _ in range(3):
        text = dumps({"private_key": text, "id": 1})
        assert not shown(PrivateKeys().mask(text))
        loads(PrivateKeys().mask(text))


def test_a_putty_key_is_masked() -> None:
    text = "PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 7\n" + "\n".join(LINES)
    assert not shown(PrivateKeys().mask(text))


@given(st.data())
def test_a_key_is_masked_in_whatever_parts_it_comes(data: st.DataObject) -> None:
    lines = ["$ cat key.pem", *pem().splitlines(), "$ ls", "key.pem"]
    keys, masked = PrivateKeys(), list[str]()
    while lines:
        count = data.draw(st.integers(1, len(lines)))
        masked.append(keys.mask("\n".join(lines[:count])))
        lines = lines[count:]
    assert not shown("\n".join(masked))
    assert "\n".join(masked).startswith("$ cat key.pem\n")
    assert "\n".join(masked).endswith("\n$ ls\nkey.pem")
    assert not keys.open


def test_the_end_of_a_key_whose_begin_is_cut_off_is_masked() -> None:
    masked = PrivateKeys().mask("it ends so\n" + pem()[100:] + "\nand goes on")
    assert not shown(masked)
    assert masked.startswith("it ends so\n")
    assert masked.endswith("\nand goes on")


@pytest.mark.parametrize(
    "text",
    [
        f"the file begins with {DASHES}BEGIN RSA PRIVATE KEY{DASHES} which is left out, and so on",
        pem("PUBLIC KEY"),
        pem("CERTIFICATE"),
        "\n".join(LINES),
    ],
)
def test_what_is_no_private_key_is_left_alone(text: str) -> None:
    keys = PrivateKeys()
    assert keys.mask(text) == text
    assert not keys.open


def test_output_after_a_begin_that_nothing_followed_is_left_alone() -> None:
    keys = PrivateKeys()
    keys.mask(f"{DASHES}BEGIN PRIVATE KEY{DASHES}")
    assert keys.mask("12 passed, 1 failed") == "12 passed, 1 failed"
    assert not keys.open


@pytest.mark.parametrize(
    "unit",
    [
        f"{DASHES}BEGIN PRIVATE KEY{DASHES}",
        f"{DASHES}BEGIN PRIVATE KEY{DASHES}\n{MATERIAL[:64]}\n",
        f"{DASHES}END PRIVATE KEY{DASHES}",
        f"{MATERIAL[:64]}\n{DASHES}END PRIVATE KEY{DASHES}\n",
        "-----BEGIN ",
        "12\t",
    ],
)
def test_the_time_grows_with_the_length_and_no_faster(unit: str) -> None:
    head = f"{DASHES}BEGIN PRIVATE KEY{DASHES}\n"
    assert grows_with_its_length(lambda text: PrivateKeys().mask(head + text), unit, 8_000, 0.000_5)
