"""NATS keys and credentials files: Ed25519 keys in the form that NATS gives them."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

SEED = 18 << 3
CHECKSUM_BYTES = 2
SEED_BYTES = 32
BEGIN, END = "-----BEGIN {}-----", "------END {}------"
JWT, USER_SEED = "NATS USER JWT", "USER NKEY SEED"
CREDENTIALS = f"""{BEGIN.format(JWT)}
{{jwt}}
{END.format(JWT)}

The seed below proves who its owner is: keep it secret.

{BEGIN.format(USER_SEED)}
{{seed}}
{END.format(USER_SEED)}
"""


class Role(IntEnum):
    """What a key stands for; the value is what its first letter is made of."""

    account = 0
    operator = 14 << 3
    user = 20 << 3


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key that can sign."""

    role: Role
    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls, role: Role) -> "KeyPair":
        """A new one."""
        return cls(role, bytes(SigningKey.generate()))

    @classmethod
    def from_seed(cls, seed: str) -> "KeyPair":
        """Read it from its text. Raises ValueError for one that is none."""
        raw = _decoded(seed)
        if len(raw) != SEED_BYTES + 2 or raw[0] & 0xF8 != SEED:
            raise ValueError("not a NATS seed")
        role = (raw[0] & 0b111) << 5 | raw[1] >> 3
        return cls(Role(role), raw[2:])

    @property
    def seed(self) -> str:
        """Its text, which is to be kept secret."""
        return _encoded(bytes([SEED | self.role >> 5, (self.role & 0b11111) << 3]) + self.secret)

    @property
    def public(self) -> str:
        """The public key, by which it is known."""
        return _encoded(bytes([self.role]) + bytes(SigningKey(self.secret).verify_key))

    def sign(self, data: bytes) -> bytes:
        """The signature of some data."""
        return SigningKey(self.secret).sign(data).signature


def is_signed(public: str, data: bytes, signature: bytes) -> bool:
    """Whether the owner of a public key has signed the data. Raises ValueError for a key that is none."""
    try:
        VerifyKey(_decoded(public)[1:]).verify(data, signature)
    except BadSignatureError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a user is, as the authority says it (`jwt`), and the key that proves it."""

    jwt: str
    key: KeyPair

    @classmethod
    def parse(cls, text: str) -> "Credentials":
        """Read them from the text of a credentials file. Raises ValueError for one that is none."""
        return cls(_section(text, JWT), KeyPair.from_seed(_section(text, USER_SEED)))

    def __str__(self) -> str:
        return CREDENTIALS.format(jwt=self.jwt, seed=self.key.seed)


class CredentialsFile:
    """Shows NATS what a file says at that moment: a new file counts from the next connection on."""

    def __init__(self, path: str) -> None:
        """Read it. Raises OSError, and ValueError for a file that holds no credentials."""
        self._path = Path(path)
        self._last = Credentials.parse(self._path.read_text())

    def sign(self, nonce: str) -> bytes:
        """The answer to the server's challenge."""
        self._refresh()
        return base64.b64encode(self._last.key.sign(nonce.encode()))

    def jwt(self) -> bytes:
        """The word of the authority that goes with the last signature."""
        return self._last.jwt.encode()

    def _refresh(self) -> None:
        # A file that is away or half written is replaced soon; until then the last one counts.
        try:
            self._last = Credentials.parse(self._path.read_text())
        except (OSError, ValueError):
            return


def _section(text: str, name: str) -> str:
    found = re.search(rf"-+BEGIN {name}-+\s+([\w.=-]+)\s+-+END {name}-+", text)
    if found is None:
        raise ValueError(f"no section {name!r} in the credentials")
    return found[1]


def _encoded(raw: bytes) -> str:
    checked = raw + binascii.crc_hqx(raw, 0).to_bytes(CHECKSUM_BYTES, "little")
    return base64.b32encode(checked).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    """The bytes of a key without its checksum. Raises ValueError for a wrong one."""
    raw = base64.b32decode(text + "=" * (-len(text) % 8))
    body, checksum = raw[:-CHECKSUM_BYTES], raw[-CHECKSUM_BYTES:]
    if binascii.crc_hqx(body, 0).to_bytes(CHECKSUM_BYTES, "little") != checksum:
        raise ValueError("the checksum of a NATS key is wrong")
    return body
