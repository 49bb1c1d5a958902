from base64 import b64decode
from pathlib import Path

import pytest

from servicekit.bus.keys import Credentials, CredentialsFile, KeyPair, Role, is_signed

SEED = "SUAIO3FHUX5PNV2LQIIP7TZ3N4L7TX3W53MQGEIVYFIGA635OZCKEYHFLM"
PUBLIC = "UD2FLLGFERQVQQ3SBKONNG2QMIMTZQKKLTU3AVG5I3EQEFHBPGPE2XQS"


def test_a_seed_that_nats_publishes_as_an_example_is_read() -> None:
    key = KeyPair.from_seed(SEED)
    assert (key.role, key.public, key.seed) == (Role.user, PUBLIC, SEED)


@pytest.mark.parametrize(("role", "seed", "public"), [(Role.operator, "SO", "O"), (Role.account, "SA", "A")])
def test_a_key_says_what_it_stands_for(role: Role, seed: str, public: str) -> None:
    key = KeyPair.generate(role)
    assert (key.seed[:2], key.public[:1]) == (seed, public)
    assert KeyPair.from_seed(key.seed) == key


@pytest.mark.parametrize("seed", ["", "x", PUBLIC, SEED[:-1] + "A", SEED.lower()])
def test_a_seed_that_is_none_is_refused(seed: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        KeyPair.from_seed(seed)


def test_a_signature_is_of_its_data_and_its_key() -> None:
    key = KeyPair.generate(Role.user)
    signature = key.sign(b"data")
    assert is_signed(key.public, b"data", signature)
    assert not is_signed(key.public, b"other", signature)
    assert not is_signed(KeyPair.generate(Role.user).public, b"data", signature)


def test_a_key_does_not_show_its_secret() -> None:
    key = KeyPair.generate(Role.user)
    assert key.seed not in repr(key)
    assert repr(key.secret) not in repr(key)


def test_credentials_are_written_as_they_are_read() -> None:
    made = Credentials("a.b-c.d_e", KeyPair.from_seed(SEED))
    assert Credentials.parse(str(made)) == made
    with pytest.raises(ValueError, match="NATS USER JWT"):
        Credentials.parse("nothing")


def test_a_file_that_is_replaced_counts_from_then_on_and_one_that_is_torn_does_not(tmp_path: Path) -> None:
    path = tmp_path / "user.creds"
    old, new = (Credentials(jwt, KeyPair.generate(Role.user)) for jwt in ("old", "new"))
    path.write_text(str(old))
    file = CredentialsFile(str(path))
    for text, counts in ((str(old), old), (str(new), new), ("torn", new)):
        path.write_text(text)
        assert is_signed(counts.key.public, b"nonce", b64decode(file.sign("nonce")))
        assert file.jwt() == counts.jwt.encode()
    path.unlink()
    assert file.sign("nonce")
    with pytest.raises(OSError, match=r"user\.creds"):
        CredentialsFile(str(path))
