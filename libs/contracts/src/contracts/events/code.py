"""Bodies of reports about the code itself: changes, security scans, dependencies."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.base import Count, FilePath, Level, Milliseconds, Model, Name, OptionalText, Text
from contracts.events.reporting import Report


class FindingSeverity(StrEnum):
    """How bad a finding of a scanner is, worst first."""

    critical = "critical"
    high = "high"
    medium = "medium"
    low = "low"
    info = "info"


class SecurityFinding(Model):
    """One thing that a security scanner found."""

    message: Text
    severity: FindingSeverity = FindingSeverity.medium
    confidence: Level | None = None
    rule: Name | None = None
    """The scanner's own id, such as `B105`."""
    cwe: Name | None = None
    cve: Name | None = None
    file_path: FilePath | None = None
    line: Count | None = None
    package: Name | None = None
    fixed_version: Name | None = None


class SecurityScan(Report):
    """Input of `report_security_scan`: what one run of a scanner found."""

    scanner: Name
    """bandit, semgrep, pip-audit, npm audit, trivy, …"""
    findings: Annotated[list[SecurityFinding], Field(max_length=1_000)] = []
    """What was found, worst first; empty: nothing."""
    files_scanned: Count | None = None
    duration_ms: Milliseconds | None = None
    summary: OptionalText | None = None


class Dependency(Model):
    """One dependency of the project."""

    name: Name
    version: Name | None = None
    latest_version: Name | None = None
    direct: bool = True
    """Named by the project itself, not only by another dependency."""
    license: Name | None = None
    vulnerabilities: Annotated[list[Name], Field(max_length=100)] = []
    """Ids of known vulnerabilities."""


class DependencyAnalysis(Report):
    """Input of `report_dependency_analysis`: what the project depends on."""

    ecosystem: Name
    """pypi, npm, cargo, go, maven, …"""
    manifest: FilePath | None = None
    """The file that was read, such as `pyproject.toml`."""
    dependencies: Annotated[list[Dependency], Field(max_length=2_000)] = []
    total: Count | None = None
    """How many there are, if not all are listed."""
    outdated: Count | None = None
    vulnerable: Count | None = None
    conflicts: Annotated[list[Text], Field(max_length=100)] = []
    """Requirements that cannot hold together, in words."""


class FileChangeType(StrEnum):
    """What became of a file."""

    created = "created"
    modified = "modified"
    deleted = "deleted"
    renamed = "renamed"


class ChangedFile(Model):
    """One file of a change."""

    file_path: FilePath
    change: FileChangeType = FileChangeType.modified
    old_path: FilePath | None = None
    """Where it was before it was renamed."""
    lines_added: Count | None = None
    lines_removed: Count | None = None


class CodeChange(Report):
    """Input of `report_code_change`: one change of the code, finished and in one piece."""

    description: Text
    """What was changed, and what for."""
    change_type: Name = "modification"
    """feature, bug_fix, refactoring, test, documentation, configuration, or your own word."""
    files: Annotated[list[ChangedFile], Field(max_length=1_000)] = []
    commit: Name | None = None
    """Id of the commit, if there is one."""
    diff: OptionalText | None = None
    """The change as a unified diff, if it is short."""
