"""The command `mews-auditor`."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from auditor.errors import SettingsError
from auditor.figures import Figures
from auditor.settings import existing_folder, read_settings

EXIT_CODES = """exit codes:
  0    the audit is done and its completion was reported, whatever it found
  1    it broke down
  2    the command line or a variable is wrong
  3    there is no Python code to audit
  4    the worker's MCP endpoint could not be reached or refused the token
  143  ended by a signal
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    chosen = _parser().parse_args(arguments)
    # Not before: a worker tries its auditor with `--help` at each start, and an audit takes two seconds to load.
    from auditor.app import EXIT_USAGE

    try:
        return _measure(chosen.folder, as_json=chosen.json) if chosen.what == "measure" else _run(chosen.project)
    except SettingsError as error:
        print(f"mews-auditor: {error}", file=sys.stderr)
        return EXIT_USAGE


def summary_lines(figures: Figures) -> list[str]:
    """The figures in short, for a person."""
    tests, coverage, measured, found = figures.tests, figures.coverage, figures.complexity, figures.security
    return [
        f"tests       {tests.passed} passed, {tests.failed} failed, {tests.errors} errors, {tests.skipped} skipped"
        if tests
        else "tests       none ran",
        f"coverage    {coverage.percent:.2f}%" if coverage else "coverage    not measured",
        f"complexity  mean {measured.cyclomatic_mean:.2f}, highest {measured.cyclomatic_max}; maintainability "
        f"{measured.maintainability_mean:.2f}; {measured.loc} lines"
        if measured
        else "complexity  not measured",
        f"security    {found.high} high, {found.medium} medium, {found.low} low"
        if found
        else "security    not measured",
        *(f"problem     {problem.phase}: {problem.message}" for problem in figures.problems),
    ]


def _run(project: Path) -> int:
    from auditor.app import run_audit
    from auditor.reporter import emit_line

    return asyncio.run(run_audit(read_settings(os.environ, project), emit_line))


def _measure(folder: Path, *, as_json: bool) -> int:
    from auditor.app import EXIT_DONE, measure_project

    figures = asyncio.run(measure_project(existing_folder(folder)))
    print(json.dumps(figures.model_dump(mode="json"), indent=2) if as_json else "\n".join(summary_lines(figures)))
    return EXIT_DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mews-auditor",
        description="Audits a Python project and reports through the worker's MCP tools.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="what", required=True)
    run = commands.add_parser("run", help="audit and report; reads MEWS_MCP_URL, MEWS_MCP_TOKEN and others")
    run.add_argument("--project", type=Path, default=Path(), help="the project's folder (default: the current one)")
    measure = commands.add_parser("measure", help="print the figures, without any MCP")
    measure.add_argument("folder", type=Path)
    measure.add_argument("--json", action="store_true", help="all figures as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
