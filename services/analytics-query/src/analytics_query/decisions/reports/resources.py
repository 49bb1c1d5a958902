"""Resources: memory and its leaks, CPU, disk, network, database connections, tokens and cost."""

from collections.abc import Collection

from analytics_query.decisions.reports.definitions import Definition, Two, figures_of, is_wanted
from analytics_query.decisions.reports.evident import spread_of
from analytics_query.decisions.reports.recipes import Per, Portion, Quantile, Total, Used
from analytics_query.decisions.reports.words import amount, counted
from analytics_query.decisions.statistics.intervals import Interval
from analytics_query.decisions.statistics.proportions import Share, wilson
from analytics_query.decisions.statistics.ranked import Ranked
from analytics_query.domain.spreads import MICRO
from contracts.analytics import Finding, Section
from contracts.base import Level

MEMORY, CPU = ("memory", "resource_usage"), ("cpu", "resource_usage")
IO, NETWORK, DATABASE = ("io", "resource_usage"), ("network", "resource_usage"), ("database",)
TOKENS, COST = ("tokens",), ("cost",)
SEEN, USED = "outcome: observed", "resource, progress"

DEFINITIONS = (
    Definition("memory_peak_p50", "mb", Quantile("memory_peak_mb@", 0.5), MEMORY, "lower", source=SEEN),
    Definition("memory_peak_p95", "mb", Quantile("memory_peak_mb@", 0.95), MEMORY, "lower", source=SEEN),
    Definition("memory_peak_max", "mb", Quantile("memory_peak_mb@", 1), MEMORY, "lower", source=SEEN),
    Definition("memory_used_p95", "mb", Quantile("memory_used_mb@", 0.95), MEMORY, "lower", source=USED),
    Definition("heap_used_p95", "mb", Quantile("heap_used_mb@", 0.95), MEMORY, "lower", source="resource"),
    Definition("leaking_attempts", "percent", Portion(("leaks",), ("attempts_ended",)), MEMORY, "lower", source=USED),
    Definition("leak_slope_p50", "mb_per_hour", Quantile("leak_mb_per_hour", 0.5), MEMORY, "lower", source=USED),
    Definition("cpu_time_p50", "ms", Quantile("cpu_ms@", 0.5), CPU, "lower", source=SEEN),
    Definition("cpu_time_p95", "ms", Quantile("cpu_ms@", 0.95), CPU, "lower", source=SEEN),
    Definition("agent_time_p50", "ms", Quantile("agent_ms@", 0.5), CPU, "lower", source=SEEN),
    Definition("cpu_percent_p50", "percent", Quantile("cpu_percent@", 0.5), CPU, source=USED),
    Definition("cpu_percent_p95", "percent", Quantile("cpu_percent@", 0.95), CPU, source=USED),
    Definition("cpu_spikes_per_attempt", "count", Per(("cpu_spikes",), "attempts_ended"), CPU, "lower", source=USED),
    Definition("disk_read_p95", "mb", Quantile("disk_read_mb@", 0.95), IO, "lower", source="resource"),
    Definition("disk_write_p95", "mb", Quantile("disk_write_mb@", 0.95), IO, "lower", source="resource"),
    Definition("disk_used_p95", "mb", Quantile("disk_used_mb@", 0.95), IO, "lower", source="resource"),
    Definition("network_sent_p95", "mb", Quantile("sent_mb@", 0.95), NETWORK, "lower", source="resource"),
    Definition("network_received_p95", "mb", Quantile("received_mb@", 0.95), NETWORK, "lower", source="resource"),
    Definition("network_requests_p95", "count", Quantile("requests@", 0.95), NETWORK, "lower", source="resource"),
    Definition("connections_p95", "count", Quantile("connections_active@", 0.95), DATABASE, "lower", source="resource"),
    Definition("connections_allowed", "count", Quantile("connections_max@", 0.5), DATABASE, source="resource"),
    Definition(
        "tokens_input",
        "tokens",
        Total(("tokens_input@",), samples="tokens@"),
        TOKENS,
        "lower",
        source="token_usage, outcome",
    ),
    Definition(
        "tokens_output",
        "tokens",
        Total(("tokens_output@",), samples="tokens@"),
        TOKENS,
        "lower",
        source="token_usage, outcome",
    ),
    Definition(
        "tokens_cached_share",
        "percent",
        Used("tokens_cached@", "tokens_input@", "tokens@"),
        TOKENS,
        "higher",
        source="token_usage, outcome",
    ),
    Definition("tokens_per_attempt_p50", "tokens", Quantile("tokens@", 0.5), TOKENS, "lower", source="token_usage"),
    Definition("tokens_per_attempt_p95", "tokens", Quantile("tokens@", 0.95), TOKENS, "lower", source="token_usage"),
    Definition(
        "cost_total",
        "usd",
        Total(("cost_microusd@",), 1 / MICRO, "cost_usd@"),
        COST,
        "lower",
        source="token_usage, outcome",
    ),
    Definition("cost_per_attempt_p50", "usd", Quantile("cost_usd@", 0.5), COST, "lower", source="token_usage, outcome"),
    Definition(
        "cost_per_attempt_p95", "usd", Quantile("cost_usd@", 0.95), COST, "lower", source="token_usage, outcome"
    ),
    Definition(
        "cost_per_completed_attempt",
        "usd",
        Per(("cost_microusd@",), "attempts_completed", 1 / MICRO),
        COST,
        "lower",
        source="token_usage, outcome",
    ),
)


def resources_section(two: Two, wanted: Collection[str]) -> Section:
    """What was used, and what stands out."""
    findings = [
        *(_leaks(two) if is_wanted(MEMORY, wanted) else []),
        *(_spikes(two) if is_wanted(CPU, wanted) else []),
        *(_connections(two) if is_wanted(DATABASE, wanted) else []),
    ]
    return Section(name="resources", title="Resources", figures=figures_of(DEFINITIONS, two, wanted), findings=findings)


def _leaks(two: Two) -> list[Finding]:
    leaks, ended = two.now.counts.get("leaks", 0), two.now.counts.get("attempts_ended", 0)
    slopes = Ranked.of(spread_of(two.now, "leak_mb_per_hour")[0])
    slope = slopes.median
    if not leaks or slope is None:
        return []
    low, high = wilson(Share(min(leaks, ended), ended)).scaled(100)
    share = "" if low is None or high is None else f" ({low:.0f} to {high:.0f} % of attempts, 95 % interval)"
    text = (
        f"Memory grew significantly in {counted(leaks, 'attempt')}{share}, by {amount(slope, 'mb_per_hour')} in the "
        f"median (Theil-Sen slope{_between(slopes.quantile_interval(0.5))})."
    )
    return [
        Finding(
            kind="memory_leak",
            severity=Level.high,
            text=text,
            metric="leak_slope_p50",
            effect=slope,
            effect_measure="mb_per_hour",
            samples=leaks,
        )
    ]


def _between(ends: Interval) -> str:
    if ends.low is None or ends.high is None:
        return ""
    return f"; 95 % interval {amount(ends.low, 'mb')} to {amount(ends.high, 'mb_per_hour')}"


def _spikes(two: Two) -> list[Finding]:
    spikes, ended = two.now.counts.get("cpu_spikes", 0), two.now.counts.get("attempts_ended", 0)
    if not spikes:
        return []
    text = f"{counted(spikes, 'CPU spike')} in {counted(ended, 'ended attempt')}: far above the attempt's own median."
    return [Finding(kind="cpu_spike", severity=Level.low, text=text, metric="cpu_spikes_per_attempt", samples=spikes)]


def _connections(two: Two) -> list[Finding]:
    active, _ = spread_of(two.now, "connections_active@")
    allowed, _ = spread_of(two.now, "connections_max@")
    used, most = Ranked.of(active).quantile(0.95), Ranked.of(allowed).median
    if used is None or not most or used < 0.9 * most:
        return []
    text = f"Database connections are nearly used up: {used:.0f} of {most:.0f} at the 95th percentile."
    return [Finding(kind="database", severity=Level.high, text=text, metric="connections_p95", samples=active.count)]
