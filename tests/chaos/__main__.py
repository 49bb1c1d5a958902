"""Break a real platform by a plan, and see whether anything was lost, done twice, or left behind.

    python -m tests.chaos --seed 1 --minutes 3 [--tasks 300] [--workers 8] [--only kill,freeze]
                          [--report FILE] [--json] [--keep] [--plan]

Several seeds (`--seed 1 2 3`) run one after the other on the same platform. `--plan` prints what would be injected, and
does nothing. `--keep` leaves logs, journals and data where they are, and says where. Exit code 1: an invariant does
not hold.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path

from devstack.supervision.strays import adopt_orphans, end_descendants
from tests.chaos.cluster import running_cluster
from tests.chaos.evidence import Evidence
from tests.chaos.isolation import isolate
from tests.chaos.keeping import marked_with
from tests.chaos.plan import Fault, Plan, make_plan, skew_of, tempo_of
from tests.chaos.report import as_json, as_text, schedule
from tests.chaos.rounds import Outcome, Round, write_journal

LEFT = "left_running"


def main() -> int:
    """The command line; its exit code."""
    asked = _arguments()
    skew = skew_of(asked.seed[0], asked.workers) if asked.skew else None
    plans = [make_plan(seed, asked.minutes, asked.workers, asked.only, skew) for seed in asked.seed]
    if asked.plan:
        print("\n".join(schedule(plan) for plan in plans))
        return 0
    isolate()
    adopt_orphans()
    # The path of a Unix socket is short.
    home = Path(tempfile.mkdtemp(prefix="mews-chaos-"))
    try:
        outcomes, left = asyncio.run(_run(home, plans, asked))
    finally:
        end_descendants()
        if not asked.keep:
            shutil.rmtree(home, ignore_errors=True)
    _tell(outcomes, left, asked, home)
    return 1 if left or any(outcome.violations for outcome in outcomes) else 0


async def _run(home: Path, plans: list[Plan], asked: argparse.Namespace) -> tuple[list[Outcome], list[str]]:
    """All rounds; then what still runs of the platform after it was stopped."""
    outcomes: list[Outcome] = []
    async with running_cluster(home, asked.workers, tempo_of(asked.minutes), plans[0].skew) as cluster:
        earlier: Evidence | None = None
        for plan in plans:
            _say(f"{schedule(plan)}\nin {home}")
            outcome = await Round(cluster, plan, asked.tasks, earlier, _say).run()
            earlier = outcome.evidence
            outcomes.append(outcome)
            write_journal(home / "agents", outcome)
            _say(as_text(outcome))
    left = [f"{pid}: {command}" for pid, command in marked_with(str(home))]
    return outcomes, left


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _tell(outcomes: list[Outcome], left: list[str], asked: argparse.Namespace, home: Path) -> None:
    rounds = [as_json(outcome) for outcome in outcomes]
    whole = {"minutes": asked.minutes, "workers": asked.workers, "tasks": asked.tasks, LEFT: left, "rounds": rounds}
    if asked.report:
        Path(asked.report).write_text(json.dumps(whole, indent=1) + "\n")
    if asked.json:
        print(json.dumps(whole))
    else:
        print("\n".join([*(as_text(outcome) for outcome in outcomes), *(f"still runs: {one}" for one in left)]))
    if asked.keep:
        print(f"kept: {home}", file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--seed", type=int, nargs="+", default=[1], help="what decides everything; several for several rounds"
    )
    parser.add_argument("--minutes", type=float, default=3.0, help="length of each round, with its calm end")
    parser.add_argument("--tasks", type=int, default=300, help="tasks of each round")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--only", type=_faults, default=tuple(Fault), help="only these faults, separated by commas")
    parser.add_argument("--no-skew", dest="skew", action="store_false", help="let all clocks be right")
    parser.add_argument("--report", help="file for the whole report, as JSON")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--keep", action="store_true", help="leave logs, journals and data")
    parser.add_argument("--plan", action="store_true", help="print the plan, and do nothing")
    return parser.parse_args()


def _faults(names: str) -> tuple[Fault, ...]:
    return tuple(Fault(name.strip()) for name in names.split(",") if name.strip())


if __name__ == "__main__":
    sys.exit(main())
