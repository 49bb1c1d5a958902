"""The environment of a process: a few safe variables and what its starter gives, nothing else."""

from collections.abc import Mapping

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def child_environment(
    given: Mapping[str, str], passed_on: Mapping[str, str], *, path: str | None, home: str, temporary: str
) -> dict[str, str]:
    """The whole environment of a process; what was given wins, then what is passed on from the sandbox's own."""
    base = {"PATH": path or DEFAULT_PATH, "LANG": "C.UTF-8", "HOME": home, "TMPDIR": temporary}
    return base | dict(passed_on) | dict(given)
