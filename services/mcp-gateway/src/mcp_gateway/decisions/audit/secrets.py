"""What looks like a secret: by the name it stands under, or by itself in any text."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from contracts.key_formats import MASK, formats_in, without_keys

# Names whose values are settings of a process: the names are worth knowing, the values are nobody's business.
ENVIRONMENTS = frozenset({"env", "environ", "environment", "secrets"})

_SECRET_WORDS = frozenset(
    [
        "secret",
        "secrets",
        "password",
        "passwords",
        "passwd",
        "pwd",
        "passphrase",
        "credential",
        "credentials",
        "creds",
        "authorization",
        "cookie",
        "cookies",
        "token",
        "jwt",
        "bearer",
        "nkey",
        "seed",
        "apikey",
        "accesskey",
        "privatekey",
        "authtoken",
        "accesstoken",
        "refreshtoken",
        "sessionid",
    ]
)
_SECRET_KEYS = frozenset(
    ["api", "access", "private", "secret", "signing", "ssh", "encryption", "state", "session", "master", "deploy"]
)
# Words that mean a secret at the end of a name, and something else before: `auth`, but not `auth_mode`.
_SECRET_ENDINGS = frozenset({"auth", "pat", "tokens"})
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORDS = re.compile(r"[a-z0-9]+")

_NAMED = r"(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)"
_VALUE = r"""(?:"[^"]*"?|'[^']*'?|[^\s"',;&]+)"""
_LEAST_HEX = 48

_LEAST_TOKEN = 16
_LEAST_RANDOM = 40


@dataclass(frozen=True, slots=True)
class _Form:
    """How a secret looks in a text, and words of which one is in every such text: to look for them costs little."""

    pattern: re.Pattern[str]
    shown: str
    words: tuple[str, ...]


def _form(pattern: str, shown: str, *words: str, flags: int = re.IGNORECASE) -> _Form:
    return _Form(re.compile(pattern, flags), shown, words)


_KEY_WORDS = ("passw", "passphrase", "pwd", "secret", "token", "key", "credential")
# Each pattern is linear in the text: what may repeat without bound never overlaps with what follows it.
_FORMS = (
    _form(
        r"-----BEGIN [A-Z0-9 ]{0,40}(?:PRIVATE KEY|SEED|JWT|SECRET)[A-Z0-9 ]{0,20}-----"
        r".*?(?:-----END [^-]{0,60}-----|\Z)",
        MASK,
        "-----begin ",
        flags=re.DOTALL,
    ),
    _form(r"(://)[^\s/?#]*@", rf"\1{MASK}@", "@"),
    _form(r"\b[\w.-]{1,64}:[^\s/@:\"']{3,256}@(?=[\w-])", f"{MASK}@", "@"),
    _form(
        r"([?&;][\w.-]{0,40}(?:token|secret|passw|signature|sig|key|code|credential|auth)[\w.-]{0,20}=)[^&\s#]+",
        rf"\1{MASK}",
        "?",
        "&",
        ";",
    ),
    _form(
        r"(\bauthorization[\"']?\s{0,5}[:=]\s{0,5}[\"']?)(?:[a-z]{1,12}\s{1,5})?[^\s\"',;]+",
        rf"\1{MASK}",
        "authorization",
    ),
    _form(r"(\bbearer\s{1,5})[^\s\"',;]{6,}", rf"\1{MASK}", "bearer"),
    _form(rf"((?:{_NAMED})[\"']?\s{{0,5}}(?:=>|=|:)\s{{0,5}}){_VALUE}", rf"\1{MASK}", *_KEY_WORDS),
    _form(rf"(--[\w-]{{0,30}}(?:{_NAMED}|key)[\w-]{{0,10}}\s{{1,5}})[^\s-]\S*", rf"\1{MASK}", "--"),
)
# Keys of others too, where a part of one is left: what was cut off is still half a key.
_TOKEN = re.compile(
    r"\b(?:mews_[A-Za-z0-9-]{4,}_[\w-]{8,}|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}"
    r"|sk-[\w-]{16,}|xox[abeoprs]-[\w-]{8,}|A[KS]IA[0-9A-Z]{12,}|AIza[\w-]{20,}|npm_\w{20,}|pypi-[\w-]{20,}"
    r"|hf_\w{16,}|S[ACNOUX][A-Z2-7]{56}|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?)"
)
_RANDOM = re.compile(r"[A-Za-z0-9_+=-]{40,}")


@lru_cache(maxsize=4_096)
def is_secret_name(name: str) -> bool:
    """Whether a value under this name is a secret, unless it is a number."""
    words = _WORDS.findall(_CAMEL.sub("_", name).lower())
    if not words:
        return False
    pairs = pairwise(words)
    return (
        not _SECRET_WORDS.isdisjoint(words)
        or words[-1] in _SECRET_ENDINGS
        or any(first in _SECRET_KEYS and second in {"key", "keys"} for first, second in pairs)
    )


def without_secrets(text: str) -> str:
    """The text, with a mask in place of what looks like a secret; it takes a time linear in its length."""
    lower = text.lower()
    for form in _FORMS:
        for word in form.words:
            if word in lower:
                text = form.pattern.sub(form.shown, text)
                break
    if len(text) >= _LEAST_TOKEN:
        text = _TOKEN.sub(MASK, without_keys(text, formats_in(text.encode())))
    return _RANDOM.sub(_random_masked, text) if len(text) >= _LEAST_RANDOM else text


def _random_masked(match: re.Match[str]) -> str:
    """A commit's id is worth reading; what is longer, or has letters of all kinds, was made by a random generator."""
    found = match[0]
    if all(character in "0123456789abcdefABCDEF" for character in found):
        return MASK if len(found) >= _LEAST_HEX else found
    kinds: tuple[Callable[[str], bool], ...] = (str.isupper, str.islower, str.isdigit)
    return MASK if all(any(map(kind, found)) for kind in kinds) else found
