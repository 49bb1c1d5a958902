"""The composition root of telemetry-ingest: the only place where clients are made."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from contracts import streams
from servicekit.bus import Bus, DeadLetters, keep_declared
from servicekit.cache import Cache
from servicekit.clock import Clock, SystemClock
from servicekit.deadletters import DeadLetterDesk
from servicekit.health import Readiness
from servicekit.http import admitting, create_http_app, dead_letters_router
from servicekit.lifecycle import Background
from servicekit.migrations import schema_check
from servicekit.pg import Database
from servicekit.retention import Retention, dead_letter_policies
from telemetry_ingest import loops, subscriptions
from telemetry_ingest.api import router, whole_log
from telemetry_ingest.settings import Settings
from telemetry_ingest.store import PostgresEventLog, policies
from telemetry_ingest.tail import RedisTail

SERVICE = "telemetry-ingest"
SCHEMA = "telemetry"
MIGRATIONS = "telemetry_ingest.migrations"
# Who makes its projections anew from the whole log.
ANALYTICS = "analytics-query"


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI application."""
    clock = SystemClock()
    readiness = Readiness(clock)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        database = await Database.connect(settings, SCHEMA)
        bus = await Bus.connect(settings, SERVICE)
        cache = Cache.connect(settings)
        log = PostgresEventLog(database)
        tail = RedisTail(cache.client, items=settings.tail_items, ttl_s=settings.tail_ttl_s, clock=clock)
        app.state.log, app.state.tail = log, tail
        # A blocking read must end before the client takes the server for dead.
        app.state.live_wait_ms = min(settings.live_heartbeat_ms, settings.redis_timeout_ms // 2)
        schema = schema_check(database, MIGRATIONS)
        readiness.add("schema", schema)
        readiness.add("bus", bus.check)
        readiness.add("redis", cache.ready, advisory=True)
        await keep_declared(bus, settings)
        dead_letters = DeadLetters(database.pool, SERVICE)
        app.state.dead_letters = DeadLetterDesk(database, dead_letters, clock)
        gathering = subscriptions.Gathering(settings.ingest_max_events, settings.ingest_wait_ms)
        async with Background(readiness, begin_when=schema) as background:
            background.start("dead letters", app.state.dead_letters.watch)
            background.start("retention", _retention(settings, database, clock).run)
            tick_s = settings.retention_tick_ms / 1000
            background.start("partitions", loops.keep_partitions(log, clock, tick_s))
            if settings.log_retention_days is not None:
                background.start("log retention", loops.forget_old(log, clock, tick_s, settings.log_retention_days))
            for name, stream in (("events", streams.TELEMETRY), ("questions", streams.QUESTIONS)):
                events = subscriptions.consume_events(bus, dead_letters, log, tail, clock, gathering, stream)
                background.start(name, loops.after_partitions(log, clock, events))
            background.start("decided", subscriptions.consume_decided(bus, dead_letters, log, tail, clock))
            yield
        await bus.drain()
        await cache.close()
        await database.close()

    routers = [router, admitting(whole_log, ANALYTICS), dead_letters_router]
    return create_http_app(service=SERVICE, settings=settings, lifespan=lifespan, routers=routers, readiness=readiness)


def _retention(settings: Settings, database: Database, clock: Clock) -> Retention:
    own = policies(settings.task_attempt_retention_days, settings.log_retention_days or 0)
    return Retention(database, clock, SERVICE, [*dead_letter_policies(settings), *own], settings.retention_tick_ms)
