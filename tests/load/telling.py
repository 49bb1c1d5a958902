"""The tables in which a run of `tests.load.analytics` is told."""

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

Json = dict[str, Any]
GOAL_MS = 150.0
FLAT = 1.3


def show(results: Json, *, as_json: bool) -> None:
    """Print everything."""
    if as_json:
        print(json.dumps({"cores": os.cpu_count(), "load": os.getloadavg(), "histories": results}, indent=1))
        return
    print(f"\nAnalytics over a fleet's month; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end")
    for part in (_filled(results), _sizes(results), _reports(results), _agreed(results)):
        print()
        for line in part:
            print(line)


def _filled(results: Json) -> Iterable[str]:
    yield _line("events", [f"{int(events):,}" for events in results])
    spents = [found["filled"]["projection"] for found in results.values()]
    totals = [spent["events"] + spent["news"] for spent in spents]
    seconds = [spent["decoding_s"] + spent["projecting_s"] for spent in spents]
    rates = [total / took for total, took in zip(totals, seconds, strict=True)]
    copied = [_per_second(found["filled"]["log"]) for found in results.values()]
    yield _line("projected, decoding included (events/s)", [f"{rate:,.0f}" for rate in rates])
    yield _line("  without decoding", [_rate(total, spent) for total, spent in zip(totals, spents, strict=True)])
    shares = [spent["cpu_s"] / took for spent, took in zip(spents, seconds, strict=True)]
    yield _line("  CPU of the process (% of a core)", [f"{100 * share:.0f}" for share in shares])
    costs = [1e6 * spent["cpu_s"] / total for spent, total in zip(spents, totals, strict=True)]
    yield _line("  CPU of the process (µs/event)", [f"{cost:.0f}" for cost in costs])
    yield _line("raw log by COPY (events/s)", [f"{rate:,.0f}" for rate in copied])


def _rate(total: int, spent: Json) -> str:
    return f"{total / spent['projecting_s']:,.0f}"


def _per_second(log: Json) -> float:
    return (log["events"] + log["news"]) / log["seconds"]


def _sizes(results: Json) -> Iterable[str]:
    yield _line("on disk, indexes included (MB)", [f"{int(events):,}" for events in results])
    raw = [sum(found["filled"]["log"]["sizes"].values()) for found in results.values()]
    projected = [sum(found["filled"]["sizes"].values()) for found in results.values()]
    yield _line("raw log", [f"{size / 1e6:,.1f}" for size in raw])
    shares = [100 * part / whole for part, whole in zip(projected, raw, strict=True)]
    pairs = zip(projected, shares, strict=True)
    yield _line("projections", [f"{size / 1e6:,.1f} ({share:.0f} %)" for size, share in pairs])
    tables = {table for found in results.values() for table in found["filled"]["sizes"]}
    largest = list(results.values())[-1]["filled"]["sizes"]
    for table in sorted(tables, key=lambda name: -largest.get(name, 0)):
        sizes = [found["filled"]["sizes"].get(table, 0) / 1e6 for found in results.values()]
        if max(sizes) >= 0.1:
            yield _line(f"  {table}", [f"{size:,.1f}" for size in sizes])


def _reports(results: Json) -> Iterable[str]:
    titles = f"{'report (ms)':34}{'events':>12}{'first':>9}{'cold p50':>10}{'p99':>9}"
    yield f"{titles}{'cached p50':>12}{'p99':>9}{'SQL p50':>12}"
    names = list(list(results.values())[-1]["reports"])
    for name in names:
        for events, found in results.items():
            yield _report(name, int(events), found["reports"][name])
    if len(results) > 1:
        yield ""
        yield f"goal: cold p99 < {GOAL_MS:.0f} ms, and ≤ {FLAT} × that of the smaller history"
        yield from (_goal(name, [found["reports"][name] for found in results.values()]) for name in names)


def _report(name: str, events: int, report: Json) -> str:
    cold, cached, plain = report["cold"], report["cached"], report["plain"]
    return (
        f"{name:34}{events:>12,}{report['first']:>9.1f}{cold['p50']:>10.1f}{cold['p99']:>9.1f}"
        f"{cached['p50']:>12.1f}{cached['p99']:>9.1f}{plain['p50']:>12,.0f}"
    )


def _goal(name: str, reports: Sequence[Json]) -> str:
    smaller, larger = reports[0], reports[-1]
    p99, growth = larger["cold"]["p99"], larger["cold"]["p50"] / smaller["cold"]["p50"]
    tail = larger["cold"]["p99"] / smaller["cold"]["p99"]
    faster = larger["plain"]["p50"] / larger["cold"]["p50"]
    met = "met" if p99 < GOAL_MS and growth <= FLAT else "NOT MET"
    return (
        f"{name:34}p99 {p99:>8.1f} ms; p50 × {growth:.2f}, p99 × {tail:.2f}; {faster:>8,.0f} × faster than SQL: {met}"
    )


def _agreed(results: Json) -> Iterable[str]:
    for events, found in results.items():
        agreements = found["agreements"]
        if agreements:
            held = sum(one["holds"] for one in agreements)
            yield f"reports and SQL agree at {int(events):,} events in {held} of {len(agreements)} figures"
            yield from (_disagreed(one) for one in agreements if not one["holds"])


def _disagreed(one: Json) -> str:
    return f"  {one['report']}: {one['figure']}: the report says {one['told']}, SQL {one['reckoned']}"


def _line(label: str, values: Sequence[str]) -> str:
    return f"{label:44}" + "".join(f"{value:>22}" for value in values)
