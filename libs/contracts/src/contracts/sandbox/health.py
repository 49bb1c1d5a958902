"""What protects the machine, told plainly."""

from typing import Literal

from contracts.base import Model


class Protection(Model):
    """One protection: whether it is on, and in one sentence what that means here."""

    name: Literal["bubblewrap", "unprivileged", "rlimits", "process_count", "cgroup", "openat2", "undumpable"]
    on: bool
    detail: str


class SandboxReadiness(Model):
    """Answer of `/readyz`: ready with status 200, not ready with 503."""

    ready: bool
    detail: str
    protections: tuple[Protection, ...]
