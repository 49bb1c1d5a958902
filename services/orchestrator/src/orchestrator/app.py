"""The composition root of the orchestrator: the only place where clients are made."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from orchestrator import loops, rpc, store, subscriptions
from orchestrator.api import Services, router
from orchestrator.bus import AssignmentCouriers, Link, SavedCheckpoints, WorkerMailboxes
from orchestrator.handlers.briefing import Briefings
from orchestrator.handlers.checkpoints import Checkpoints
from orchestrator.handlers.creating import Creator
from orchestrator.handlers.deadlines import Deadlines
from orchestrator.handlers.figures import Figures
from orchestrator.handlers.fleet import FleetKeeper
from orchestrator.handlers.leading import Leader
from orchestrator.handlers.managing import Manager
from orchestrator.handlers.questions import Questions
from orchestrator.handlers.reports import Applied, Reports
from orchestrator.handlers.sampling import Sampler
from orchestrator.handlers.scheduling import Scheduler
from orchestrator.handlers.sessions import Sessions
from orchestrator.handlers.showing import FleetShow
from orchestrator.handlers.strays import Strays
from orchestrator.handlers.watching import Watch
from orchestrator.ports import Fleet
from orchestrator.settings import FleetKind, Settings
from servicekit.bus import Bus, DeadLetters, declare_again, keep_declared
from servicekit.bus.objects import Objects
from servicekit.bus.rpc import serve
from servicekit.clock import Clock, SystemClock
from servicekit.deadletters import DeadLetterDesk
from servicekit.health import Readiness
from servicekit.http import create_http_app, dead_letters_router
from servicekit.ids import new_id
from servicekit.leader import LeaderLease
from servicekit.lifecycle import Background
from servicekit.migrations import schema_check
from servicekit.outbox import OutboxRelay
from servicekit.patience import patiently
from servicekit.pg import Database
from servicekit.retention import Retention, dead_letter_policies

SERVICE = "orchestrator"
SCHEMA = "orchestrator"
MIGRATIONS = "orchestrator.migrations"


def create_app(settings: Settings, clock: Clock | None = None) -> FastAPI:
    """The service as an ASGI application."""
    clock = clock or SystemClock()
    readiness = Readiness(clock)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        database = await Database.connect(settings, SCHEMA, planner=store.PLANNER)
        bus = await Bus.connect(settings, SERVICE)
        schema = schema_check(database, MIGRATIONS)
        readiness.add("schema", schema)
        readiness.add("bus", bus.check)
        await keep_declared(bus, settings)
        fleet = await _open_fleet(settings)
        async with Background(readiness, begin_when=schema) as background:
            dead_letters = DeadLetters(database.pool, SERVICE)
            app.state.dead_letters = DeadLetterDesk(database, dead_letters, clock)
            background.start("dead letters", app.state.dead_letters.watch)
            background.start("retention", _retention(settings, database, clock).run)
            app.state.services = await _start(background, settings, clock, database, bus, dead_letters, fleet)
            yield
        if fleet is not None:
            await fleet.close()
        await bus.drain()
        await database.close()

    routers = [router, dead_letters_router]
    return create_http_app(service=SERVICE, settings=settings, lifespan=lifespan, routers=routers, readiness=readiness)


async def _start(
    background: Background,
    settings: Settings,
    clock: Clock,
    database: Database,
    bus: Bus,
    dead_letters: DeadLetters,
    fleet: Fleet | None,
) -> Services:
    # A producer of its own for each start: numbers never repeat, even if the database is put back to an older day.
    relay = OutboxRelay(database, bus, new_id(SERVICE))
    lease = LeaderLease(database, SERVICE, new_id("replica"), settings.leader_lease_ms / 1000)
    tasks = store.PgStore(database, lease, loops.Gather(relay.notify))
    alarm = loops.Alarm(tasks)
    leader = Leader(tasks, clock, settings.lease_ms, settings.offline_after_ms)
    alarm.belong_to(leader)
    couriers = AssignmentCouriers(bus, tasks, clock)
    link = Link(bus, settings.lease_ms)
    policy = settings.retries
    creator = Creator(tasks, clock, policy, alarm.ring)
    watch = Watch(tasks, leader, couriers, link, clock, policy, alarm.ring_for_fleet)
    deadlines = Deadlines(tasks, leader, link, clock, policy, settings.backstop, alarm.ring)
    strays = Strays(tasks, leader, clock)
    scheduler = Scheduler(tasks, leader, couriers, link, clock, settings.trace_join_ms)
    reports = Reports(tasks, clock, policy, dead_letters, partial(_remember, leader, alarm))
    manager = Manager(tasks, clock, policy, alarm.ring, alarm.ring_for_fleet, settings.fleet_traits)
    sessions = Sessions(tasks, clock, policy, alarm.ring_for_fleet)
    bus.on_reconnect(partial(_refill, leader, alarm))

    background.start("outbox", relay.run)
    background.start("publish", couriers.publish)
    background.start("mark", patiently(couriers.mark))
    background.start("create", creator.run)
    background.start("lead", loops.lead(lease, leader, watch, alarm, settings.leader_lease_ms))
    background.start("schedule", loops.schedule(scheduler, alarm, settings.schedule_tick_ms))
    background.start("watch", loops.keep(watch.tick, settings.watch_tick_ms))
    background.start("deadlines", loops.keep(deadlines.tick, settings.watch_tick_ms))
    background.start("strays", loops.keep(strays.tick, settings.watch_tick_ms))
    traits = settings.fleet_traits
    if fleet is not None and traits is not None:
        scaling, changed = settings.scaling, alarm.ring_for_fleet
        keeper = FleetKeeper(tasks, leader, fleet, traits, link, clock, policy, scaling, changed)
        background.start("fleet", loops.keep(keeper.tick, settings.fleet_tick_ms))
    figures = Figures(tasks, leader, clock)
    background.start("figures", loops.keep(figures.tick, settings.metrics_tick_ms))
    if settings.fleet_sample_ms:
        sampler = Sampler(tasks, leader, clock, settings.fleet_sample_ms)
        background.start("sample", loops.sample_fleet(sampler, settings.fleet_sample_ms))
    background.start("tell", patiently(alarm.tell_leader))
    background.start("listen", patiently(partial(store.listen, database, alarm.ring_here)))
    background.start("reports", subscriptions.consume_reports(bus, reports, dead_letters))
    questions = Questions(tasks, clock, policy, alarm.ring)
    background.start("questions", subscriptions.consume_questions(bus, questions, dead_letters))
    refusals = subscriptions.Refusals(dead_letters, clock)
    background.start("refusals", patiently(refusals.put_aside))
    await subscriptions.hear_heartbeats(bus, leader, refusals, clock)
    briefings = Briefings(tasks, clock, alarm.ring)
    await subscriptions.hear_workers(bus, sessions, briefings, refusals, clock)
    checkpoints = Checkpoints(tasks, SavedCheckpoints(Objects(bus)))
    await serve(bus, SERVICE, rpc.verbs(briefings, checkpoints, WorkerMailboxes(bus), clock))
    if settings.nats_declares:
        background.start("declare", partial(declare_again, bus, settings))
    return Services(creator, manager, tasks, FleetShow(tasks, fleet, traits, settings.scaling))


async def _open_fleet(settings: Settings) -> Fleet | None:
    """Each is imported where it is used alone: the client of Kubernetes takes memory that others need not spend."""
    if settings.fleet is FleetKind.kubernetes:
        from orchestrator.fleets.kubernetes import open_kubernetes

        timeout_s = settings.fleet_timeout_ms / 1000
        where = settings.fleet_namespace, settings.fleet_statefulset
        return await open_kubernetes(*where, settings.fleet_kubeconfig, timeout_s)
    if settings.fleet is FleetKind.local:
        from orchestrator.fleets.local import LocalFleet

        return LocalFleet(settings.fleet_socket)
    return None


def _retention(settings: Settings, database: Database, clock: Clock) -> Retention:
    own = store.policies(
        settings.task_retention_days, settings.experience_retention_days, settings.inbox_retention_days
    )
    return Retention(database, clock, SERVICE, [*dead_letter_policies(settings), *own], settings.retention_tick_ms)


def _remember(leader: Leader, alarm: loops.Alarm, applied: Applied) -> None:
    leader.forget(applied.closed)
    if applied.registered:
        alarm.ring_for_fleet()
    elif applied.closed:
        alarm.ring()


async def _refill(leader: Leader, alarm: loops.Alarm) -> None:
    leader.refill("the bus is back")
    alarm.ring()
