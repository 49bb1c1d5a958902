"""Where a repository is cloned from and pushed to: what of its address may be seen, and what is secret."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from contracts.addresses import without_credentials

HTTP = ("http", "https")


@dataclass(frozen=True)
class Remote:
    """A remote as git is told of it: the address on its command line, credentials in its environment alone.

    A command line can be read by every process of the machine, an environment by those of the same user.
    """

    url: str
    folder: Path | None = None
    """Where it lies, if it is on this machine."""
    variables: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


def remote_of(url: str) -> Remote:
    """The remote that a URL or an absolute path names."""
    if url.startswith("/"):
        return Remote(url, Path(url))
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Remote(url, Path(unquote(parts.path)))
    if parts.scheme in HTTP and "@" in parts.netloc:
        return Remote(without_credentials(url), variables=_authorization(parts))
    return Remote(url)


def _authorization(parts: SplitResult) -> dict[str, str]:
    """Git's configuration by environment: the header goes to this host, and to no other that it is sent on to."""
    secret = ":".join(unquote(part or "") for part in (parts.username, parts.password))
    host = parts.netloc.rpartition("@")[2]
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{host}/.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {b64encode(secret.encode()).decode()}",
    }
