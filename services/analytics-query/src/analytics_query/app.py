"""The composition root of analytics-query: the only place where clients are made."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from analytics_query import subscriptions
from analytics_query.api import reports, router
from analytics_query.cache import RedisAnswers
from analytics_query.handlers.answering import Answers
from analytics_query.handlers.gathering import Sources
from analytics_query.handlers.projecting import Projector
from analytics_query.settings import Settings
from analytics_query.store import (
    PostgresDocuments,
    PostgresProjections,
    PostgresRecords,
    PostgresRollups,
    PostgresSums,
)
from contracts import streams
from servicekit.bus import Bus, DeadLetters, keep_declared
from servicekit.cache import Cache
from servicekit.clock import SystemClock
from servicekit.health import Readiness
from servicekit.http import create_http_app
from servicekit.lifecycle import Background
from servicekit.migrations import schema_check
from servicekit.pg import Database

SERVICE = "analytics-query"
SCHEMA = "analytics"
MIGRATIONS = "analytics_query.migrations"
CONSUMED = {
    streams.TELEMETRY: subscriptions.TELEMETRY_CONSUMER,
    streams.QUESTIONS: subscriptions.QUESTIONS_CONSUMER,
}


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI application."""
    clock = SystemClock()
    readiness = Readiness(clock)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        database = await Database.connect(settings, SCHEMA)
        bus = await Bus.connect(settings, SERVICE)
        cache = Cache.connect(settings)
        documents = app.state.documents = PostgresDocuments(database)
        records, rollups, sums = PostgresRecords(database), PostgresRollups(database), PostgresSums(database)
        app.state.clock = clock
        app.state.sources = Sources(sums, rollups, documents, records)
        answers = RedisAnswers(cache, clock, settings.report_cache_ttl_ms)
        app.state.answers = Answers(answers, documents, clock, settings.report_stale_ms)
        projector = Projector(PostgresProjections(database))
        readiness.add("schema", schema_check(database, MIGRATIONS))
        readiness.add("bus", bus.check)
        await keep_declared(bus, settings)
        dead_letters = DeadLetters(database.pool)
        gathering = subscriptions.Gathering(settings.projection_max_events, settings.projection_wait_ms)
        async with Background(readiness) as background:
            for stream, consumer in CONSUMED.items():
                loop = subscriptions.consume_events(bus, dead_letters, projector, gathering, stream, consumer)
                background.start(stream.lower(), loop)
            background.start("news", subscriptions.consume_news(bus, dead_letters, projector))
            yield
        await bus.drain()
        await cache.close()
        await database.close()

    routers = [router, reports.router]
    return create_http_app(service=SERVICE, settings=settings, lifespan=lifespan, routers=routers, readiness=readiness)
