"""What is broken when, from the seed alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

SERVERS = ("nats", "postgres", "redis")
SERVICES = (
    "orchestrator-1",
    "orchestrator-2",
    "telemetry-ingest",
    "analytics-query",
    "question-broker",
    "mcp-gateway",
)
CI_SEEDS, CI_MINUTES = (1, 2, 3), 3.0
SHORT_MINUTES = 5.0
WARM_UP_S = 4.0
LONGEST_CALM_S = 150.0
SHORTEST_REST, LONGEST_REST = 0.5, 1.5
"""Between faults that last, in rests of the tempo."""
OUTAGE_S = 60.0
"""How long every server may be away: in each run long enough one is, and the next seed takes another."""


class Fault(StrEnum):
    """A way to do harm."""

    kill = "kill"
    """SIGKILL for a process; it is started again at once."""
    outage = "outage"
    """A server is killed and stays away."""
    freeze = "freeze"
    """SIGSTOP for a process or server, then SIGCONT."""
    stall = "stall"
    """Nothing passes between a worker and NATS, and no connection breaks."""
    cut = "cut"
    """The connections between a worker and NATS break, and no new one comes about."""
    echo = "echo"
    """What was published is published again, later, in another order and under new message ids."""
    full_disk = "full_disk"
    """The disk of a worker's spool and journal is full."""
    rolling = "rolling"
    """Every service is told to stop, one after the other, and started again."""
    redis_lost = "redis_lost"
    """Redis loses all it had, and stays away until the run ends."""


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault: when it begins, in s from the start, who is hit, and how long it lasts."""

    at_s: float
    fault: Fault
    victim: str
    lasts_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Tempo:
    """How fast the platform notices things, and how long things are broken. `longest_s` is for what is broken."""

    lease_ms: int
    heartbeat_ms: int
    offline_after_ms: int
    leader_lease_ms: int
    longest_s: float
    rest_s: float
    between_kills_s: float


SHORT = Tempo(15_000, 1_000, 7_500, 2_000, longest_s=13.5, rest_s=2.5, between_kills_s=9.0)
LONG = Tempo(30_000, 5_000, 15_000, 3_000, longest_s=60.0, rest_s=8.0, between_kills_s=20.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a seed decides about faults. `skew` is the worker with a wrong clock, and by how many seconds."""

    seed: int
    tempo: Tempo
    faults_s: float
    injections: tuple[Injection, ...]
    skew: tuple[str, int] | None


def tempo_of(minutes: float) -> Tempo:
    """The tempo of a run of so many minutes."""
    return SHORT if minutes <= SHORT_MINUTES else LONG


def skew_of(seed: int, workers: int) -> tuple[str, int]:
    """One worker whose clock is an hour ahead or behind."""
    random = Random(f"skew {seed}")
    return f"worker-{random.randint(1, workers)}", random.choice((-3600, 3600))


def make_plan(
    seed: int, minutes: float, workers: int, only: Sequence[Fault] = tuple(Fault), skewed: tuple[str, int] | None = None
) -> Plan:
    """The plan of one run: two thirds of its time, at least all but two minutes, are for faults."""
    random, tempo = Random(f"faults {seed}"), tempo_of(minutes)
    whole_s = minutes * 60
    faults_s = max(whole_s * 2 / 3, whole_s - LONGEST_CALM_S)
    found = [
        *_one_by_one(random, seed, tempo, faults_s, workers, only),
        *_kills(random, tempo, faults_s, workers, only),
        *_losses(seed, tempo, faults_s, only),
    ]
    return Plan(seed, tempo, faults_s, tuple(sorted(found, key=lambda one: one.at_s)), skewed)


def server_of(seed: int) -> str:
    """The server that is away for OUTAGE_S: three seeds in a row take each once."""
    return SERVERS[seed % len(SERVERS)]


def victims(fault: Fault, workers: int) -> tuple[str, ...]:
    """Whom a fault may hit."""
    names = tuple(f"worker-{number}" for number in range(1, workers + 1))
    sandboxes = tuple(f"sandbox-{number}" for number in range(1, workers + 1))
    return {
        Fault.kill: (*SERVICES, *SERVICES, *names, *sandboxes, *SERVERS),
        Fault.outage: SERVERS,
        Fault.freeze: (*SERVICES, *names, *SERVERS),
        Fault.stall: names,
        Fault.cut: names,
        Fault.echo: ("bus",),
        Fault.full_disk: names,
        Fault.rolling: ("services",),
        Fault.redis_lost: ("redis",),
    }[fault]


def _one_by_one(
    random: Random, seed: int, tempo: Tempo, until_s: float, workers: int, only: Sequence[Fault]
) -> list[Injection]:
    """Faults that last, with a rest between them; each kind comes before any comes again."""
    lasting = [fault for fault in only if fault not in (Fault.kill, Fault.redis_lost)]
    found: list[Injection] = []
    deck: list[tuple[Fault, str]] = []
    at_s = WARM_UP_S
    whole = _turn_of_the_whole_outage(random, tempo, until_s, lasting)
    while lasting:
        deck = deck or _deck(random, _kinds(lasting, has_outage=whole is not None and not found), lasting, workers)
        fault, victim = deck.pop()
        lasts_s = _lasts(random, fault, tempo)
        if len(found) == whole:
            deck.append((fault, victim))
            fault, victim, lasts_s = Fault.outage, server_of(seed), OUTAGE_S
        if at_s + lasts_s > until_s:
            break
        found.append(Injection(round(at_s, 2), fault, victim, lasts_s))
        at_s += lasts_s + random.uniform(SHORTEST_REST, LONGEST_REST) * tempo.rest_s
    return found


def _turn_of_the_whole_outage(random: Random, tempo: Tempo, until_s: float, only: Sequence[Fault]) -> int | None:
    """How many other faults come before the outage of OUTAGE_S; None if it has no room, or is not asked for."""
    room_s = until_s - WARM_UP_S - OUTAGE_S
    if room_s < 0 or Fault.outage not in only:
        return None
    return random.randint(0, int(room_s // (tempo.longest_s + LONGEST_REST * tempo.rest_s)))


def _kinds(faults: Sequence[Fault], *, has_outage: bool) -> list[Fault]:
    return [fault for fault in faults if fault is not Fault.outage or not has_outage]


def _deck(random: Random, kinds: Sequence[Fault], faults: Sequence[Fault], workers: int) -> list[tuple[Fault, str]]:
    """Each kind once, drawn from the end; before them outages of each server and some more freezes."""
    first = [(fault, random.choice(victims(fault, workers))) for fault in kinds]
    more = [(Fault.outage, server) for server in SERVERS if Fault.outage in faults]
    if Fault.freeze in faults:
        more += [(Fault.freeze, random.choice(SERVICES[:2])), (Fault.freeze, f"worker-{random.randint(1, workers)}")]
    random.shuffle(first)
    random.shuffle(more)
    return more + first


def _lasts(random: Random, fault: Fault, tempo: Tempo) -> float:
    if fault is Fault.rolling:
        return tempo.longest_s
    return round(random.uniform(0.3, 1.0) * tempo.longest_s, 2)


def _losses(seed: int, tempo: Tempo, until_s: float, only: Sequence[Fault]) -> list[Injection]:
    """Redis is lost for good in every other run, when little else is still to come."""
    is_lost = Fault.redis_lost in only and Random(f"redis {seed}").random() < 0.5
    return [Injection(until_s - tempo.longest_s, Fault.redis_lost, "redis")] if is_lost else []


def _kills(random: Random, tempo: Tempo, until_s: float, workers: int, only: Sequence[Fault]) -> list[Injection]:
    """A process dies now and then, whatever else is broken."""
    found: list[Injection] = []
    at_s = WARM_UP_S + random.uniform(0, tempo.between_kills_s)
    while Fault.kill in only and at_s < until_s:
        found.append(Injection(round(at_s, 2), Fault.kill, random.choice(victims(Fault.kill, workers))))
        at_s += random.uniform(0.4, 1.6) * tempo.between_kills_s
    return found
