"""The environment of a process: a few safe variables and what its starter gives, nothing else."""

from collections.abc import Mapping

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def child_environment(given: Mapping[str, str], *, path: str | None, home: str, temporary: str) -> dict[str, str]:
    """The whole environment of a process; what was given wins."""
    base = {"PATH": path or DEFAULT_PATH, "LANG": "C.UTF-8", "HOME": home, "TMPDIR": temporary}
    return base | dict(given)
