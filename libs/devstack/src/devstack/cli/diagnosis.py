"""`mews doctor`: what is missing or wrong, and how to mend it."""

from dataclasses import asdict

import typer

from devstack.cli.output import AsJson, console, print_json
from devstack.diagnosis import Level, examine
from devstack.environ import user_environment
from devstack.paths import layout

MARKS = {
    Level.ok: "[green]ok[/green]",
    Level.note: "[dim]–[/dim]",
    Level.warning: "[yellow]![/yellow]",
    Level.error: "[red]x[/red]",
}


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(doctor)


def doctor(as_json: AsJson = False) -> None:
    """Say what is missing or wrong on this machine, and how to mend it (exit code 1 if something must be)."""
    place = layout()
    findings = examine(place, user_environment(place.root))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            console.print(f"{MARKS[finding.level]:2} {finding.subject:14} {finding.detail}", soft_wrap=True)
            if finding.remedy:
                console.print(f"   {'':14} → {finding.remedy}", soft_wrap=True)
    if any(finding.level is Level.error for finding in findings):
        raise typer.Exit(1)
