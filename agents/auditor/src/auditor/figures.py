"""The figures of an audit. Frozen values; what `measure --json` prints."""

from pydantic import BaseModel, ConfigDict


class Figure(BaseModel):
    """The base of all figures."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class LanguageFigures(Figure):
    """Files and lines of one language."""

    language: str
    files: int
    lines: int


class ProjectFigures(Figure):
    """What the project is. Paths are relative to its folder, with `/`."""

    name: str
    version: str | None = None
    layout: str
    """`src`, `flat`, `modules`, `nested` or `none`."""
    packages: list[str]
    source_files: int
    test_files: int
    test_paths: list[str]
    languages: list[LanguageFigures]
    size_bytes: int


class DependencyFigure(Figure):
    """One declared dependency and what is installed beside the auditor."""

    name: str
    group: str
    """`runtime`, `extra:<name>`, `group:<name>`, `build` or `file:<name>`."""
    specifier: str = ""
    installed: str | None = None
    satisfied: bool | None = None
    """None: its marker does not apply here, or its specifier is not a PEP 440 one."""


class DependencyFigures(Figure):
    """The declared dependencies."""

    declared: list[DependencyFigure] = []
    notes: list[str] = []

    def count(self, prefix: str) -> int:
        """How many are in the groups that start with `prefix`."""
        return sum(1 for one in self.declared if one.group.startswith(prefix))


class TestCase(Figure):
    """One test that ran. `outcome`: passed, failed, error, skipped, xfailed."""

    __test__ = False

    name: str
    classname: str
    outcome: str
    duration_ms: float
    message: str | None = None
    details: str | None = None
    passed_before_error: bool = False
    """The test itself passed and its teardown then raised: pytest counts both."""

    @property
    def label(self) -> str:
        """Name for a person."""
        return f"{self.classname}::{self.name}" if self.classname else self.name


class TestFigures(Figure):
    """One run of the test suite, counted as the last line of pytest counts it."""

    __test__ = False

    total: int
    passed: int
    failed: int
    errors: int
    skipped: int
    xfailed: int
    xpassed: int
    duration_ms: int
    exit_code: int
    slowest: list[TestCase]
    unsuccessful: list[TestCase]
    command: str
    how: str
    """In words: with the project's own pytest configuration, without it, and so on."""

    @property
    def green(self) -> bool:
        """Nothing failed."""
        return self.failed == 0 and self.errors == 0 and self.exit_code == 0


class FileCoverage(Figure):
    """Coverage of one file."""

    path: str
    percent: float
    statements: int
    missing: int


class CoverageFigures(Figure):
    """Coverage of the project's own code. `percent` is the TOTAL of `coverage report`, unrounded."""

    percent: float
    line_percent: float
    branch_percent: float | None
    statements: int
    missing: int
    branches: int
    branches_covered: int
    files: list[FileCoverage]


class FunctionFigures(Figure):
    """Complexity of one function."""

    name: str
    path: str
    line: int | None = None
    complexity: int
    rank: str | None = None


class FileFigures(Figure):
    """What one own file is like."""

    path: str
    loc: int = 0
    sloc: int = 0
    maintainability: float | None = None
    rank: str | None = None
    cyclomatic_mean: float | None = None
    cyclomatic_max: int | None = None
    cognitive: int | None = None


class ComplexityFigures(Figure):
    """Complexity and size of the project's own code, as radon and complexipy count them."""

    blocks: int
    """Classes, functions and methods, as `radon cc -a` counts them."""
    cyclomatic_mean: float
    """Mean over the blocks, as `radon cc -a` prints it."""
    cyclomatic_max: int
    ranks: dict[str, int]
    maintainability_mean: float
    """Mean over the files of `radon mi`."""
    maintainability_min: float
    loc: int
    lloc: int
    sloc: int
    comments: int
    cognitive_total: int
    cognitive_max: int
    worst_cyclomatic: list[FunctionFigures]
    worst_cognitive: list[FunctionFigures]
    files: list[FileFigures]
    unreadable: list[str]


class SecurityFinding(Figure):
    """One finding of bandit."""

    path: str
    line: int
    rule: str
    name: str
    severity: str
    """LOW, MEDIUM or HIGH."""
    confidence: str
    message: str


class SecurityFigures(Figure):
    """Findings of bandit in the project's own code."""

    high: int
    medium: int
    low: int
    undefined: int = 0
    rules: dict[str, int]
    findings: list[SecurityFinding]
    lines_scanned: int
    unreadable: list[str]

    @property
    def total(self) -> int:
        """All findings."""
        return self.high + self.medium + self.low + self.undefined


class HotspotFigures(Figure):
    """A function in which time is spent."""

    function: str
    path: str
    line: int
    calls: int
    self_ms: float
    total_ms: float
    own: bool = False
    """It is the project's code."""


class ProfileFigures(Figure):
    """cProfile of one test."""

    test: str
    duration_ms: float
    calls: int
    hotspots: list[HotspotFigures]


class CommandFigures(Figure):
    """A command that ran, as one can type it in the project's folder."""

    command: str
    exit_code: int | None
    duration_ms: int


class Problem(Figure):
    """Something that could not be measured."""

    phase: str
    code: str
    message: str
    output: str = ""


class Figures(Figure):
    """All that is known of a project; None is what was not measured."""

    project: ProjectFigures
    dependencies: DependencyFigures = DependencyFigures()
    tests: TestFigures | None = None
    coverage: CoverageFigures | None = None
    complexity: ComplexityFigures | None = None
    security: SecurityFigures | None = None
    profile: ProfileFigures | None = None
    problems: list[Problem] = []
    commands: list[CommandFigures] = []
