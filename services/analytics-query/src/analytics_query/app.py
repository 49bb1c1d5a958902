"""The composition root of analytics-query: the only place where clients are made."""

import os
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from analytics_query import loops, subscriptions
from analytics_query.api import reports, router
from analytics_query.cache import RedisAnswers
from analytics_query.domain.consumers import CONSUMERS
from analytics_query.handlers.answering import Answers
from analytics_query.handlers.gathering import Sources
from analytics_query.handlers.projecting import Projector
from analytics_query.handlers.rebuilding import Pace, Rebuilder, Summary
from analytics_query.handlers.warming import Warmth
from analytics_query.settings import Settings
from analytics_query.store import (
    PLANNER,
    PostgresDocuments,
    PostgresProjections,
    PostgresRecords,
    PostgresRollups,
    PostgresSums,
    policies,
    rebuilding,
)
from analytics_query.upstreams import open_log
from contracts import streams
from servicekit.bus import Bus, DeadLetters, keep_declared
from servicekit.cache import Cache
from servicekit.clock import SystemClock
from servicekit.deadletters import DeadLetterDesk
from servicekit.health import Readiness
from servicekit.http import create_http_app, dead_letters_router
from servicekit.leader import LeaderLease
from servicekit.lifecycle import Background
from servicekit.migrations import schema_check
from servicekit.pg import Database
from servicekit.retention import Retention, dead_letter_policies

SERVICE = "analytics-query"
SCHEMA = "analytics"
MIGRATIONS = "analytics_query.migrations"
LEASE = "projection"


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI application."""
    readiness = Readiness(SystemClock())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        database = await Database.connect(settings, SCHEMA)
        # Statements that write and those that report want different plans, and writing never waits for a reader.
        writing = await Database.connect(settings, SCHEMA, planner=PLANNER)
        bus = await Bus.connect(settings, SERVICE)
        cache = Cache.connect(settings)
        _offer(app, settings, database, cache)
        schema = schema_check(database, MIGRATIONS)
        readiness.add("schema", schema)
        readiness.add("bus", bus.check)
        readiness.add("redis", cache.ready, advisory=True)
        await keep_declared(bus, settings)
        dead_letters = DeadLetters(database.pool, SERVICE)
        app.state.dead_letters = DeadLetterDesk(database, dead_letters, SystemClock())
        async with Background(readiness, begin_when=schema) as background:
            background.start("dead letters", app.state.dead_letters.watch)
            background.start("retention", _retention(settings, database).run)
            _start(background, settings, database, PostgresProjections(writing), bus, dead_letters)
            if settings.quality_metrics_ms:
                shown = loops.expose_quality(app.state.sources.sums, SystemClock(), settings.quality_metrics_ms)
                background.start("quality", shown)
            if settings.report_warm_ms and settings.report_kept_numbers:
                warm = loops.keep_warm(Warmth(app.state.sources), SystemClock(), settings.report_warm_ms)
                background.start("warm", warm)
            yield
        await bus.drain()
        await cache.close()
        await writing.close()
        await database.close()

    routers = [router, reports.router, dead_letters_router]
    return create_http_app(service=SERVICE, settings=settings, lifespan=lifespan, routers=routers, readiness=readiness)


def _offer(app: FastAPI, settings: Settings, database: Database, cache: Cache) -> None:
    """What the edges ask for."""
    clock, documents = SystemClock(), PostgresDocuments(database)
    app.state.clock, app.state.documents = clock, documents
    sums = PostgresSums(database, settings.report_kept_numbers)
    app.state.sources = Sources(sums, PostgresRollups(database), documents, PostgresRecords(database))
    answers = RedisAnswers(cache, clock, settings.report_cache_ttl_ms)
    app.state.answers = Answers(answers, documents, clock, settings.report_stale_ms)


def _start(
    background: Background,
    settings: Settings,
    database: Database,
    projections: PostgresProjections,
    bus: Bus,
    dead_letters: DeadLetters,
) -> None:
    reign, clock = loops.Reign(), SystemClock()
    holder = f"{socket.gethostname()}:{os.getpid()}"
    lease = LeaderLease(database, LEASE, holder, settings.projection_lease_ms / 1000)
    projector = Projector(projections, settings.projection_documents, settings.projection_rollups)
    gathering = subscriptions.Gathering(settings.projection_max_events, settings.projection_wait_ms)
    background.start("lead", loops.lead(lease, reign, settings.projection_lease_ms))
    days = (settings.rollup_minute_days, settings.rollup_hour_days)
    background.start("rollups", loops.retain(projections, clock, *days, settings.retention_tick_ms))
    background.start("watch", loops.watch(PostgresDocuments(database), settings.projection_watch_ms))
    for stream in (streams.TELEMETRY, streams.QUESTIONS):
        consume = subscriptions.consume_events(bus, dead_letters, projector, gathering, stream, CONSUMERS[stream])
        background.start(stream.lower(), loops.while_leading(reign, consume))
    news = subscriptions.consume_news(bus, dead_letters, projector, gathering)
    background.start("news", loops.while_leading(reign, news))


def _retention(settings: Settings, database: Database) -> Retention:
    own = policies(settings.analytics_retention_days, settings.log_retention_days or 0)
    kept = [*dead_letter_policies(settings), *own]
    return Retention(database, SystemClock(), SERVICE, kept, settings.retention_tick_ms)


async def rebuild(settings: Settings, tell: Callable[[str], None]) -> Summary:
    """Make all projections anew from the log; `tell` gets a line every now and then."""
    pace = Pace(settings.rebuild_wait_ms / 1000, settings.rebuild_write_events)
    async with open_log(settings) as log, rebuilding(settings, SCHEMA) as transaction:
        return await Rebuilder(log, SystemClock(), tell, pace).rebuild(transaction)
