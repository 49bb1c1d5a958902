"""The composition root of the question-broker: the only place where clients are made."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from question_broker import loops, rpc, subscriptions
from question_broker.api import router
from question_broker.handlers.escalating import Escalating
from question_broker.handlers.waiting import Closings
from question_broker.settings import Settings
from question_broker.store import PostgresEscalations, PostgresLearnings, PostgresQuestions, PostgresRules, policies
from question_broker.upstreams import open_webhook
from servicekit.bus import Bus, DeadLetters, keep_declared
from servicekit.bus.rpc import serve
from servicekit.clock import Clock, SystemClock
from servicekit.deadletters import DeadLetterDesk
from servicekit.health import Readiness
from servicekit.http import create_http_app, dead_letters_router
from servicekit.lifecycle import Background
from servicekit.migrations import schema_check
from servicekit.outbox import OutboxRelay
from servicekit.pg import Database
from servicekit.retention import Retention, dead_letter_policies

SERVICE = "question-broker"
SCHEMA = "questions"
MIGRATIONS = "question_broker.migrations"
# The words of a question are not known when a search is planned: reading all questions would look cheap.
PLANNER = {"enable_seqscan": "off"}


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI application."""
    clock = SystemClock()
    readiness = Readiness(clock)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        database = await Database.connect(settings, SCHEMA, planner=PLANNER)
        bus = await Bus.connect(settings, SERVICE)
        relay = OutboxRelay(database, bus, SERVICE)
        closings = Closings()
        questions, learnings = PostgresQuestions(database, relay.notify, closings.tell), PostgresLearnings(database)
        escalations = PostgresEscalations(database)
        app.state.questions, app.state.learnings, app.state.clock = questions, learnings, clock
        app.state.rules, app.state.escalations = PostgresRules(database), escalations
        schema = schema_check(database, MIGRATIONS)
        readiness.add("schema", schema)
        readiness.add("bus", bus.check)
        await keep_declared(bus, settings)
        dead_letters = DeadLetters(database.pool, SERVICE)
        app.state.dead_letters = DeadLetterDesk(database, dead_letters, clock)
        async with (
            open_webhook(settings.webhook) as webhook,
            Background(readiness, begin_when=schema) as background,
        ):
            background.start("dead letters", app.state.dead_letters.watch)
            background.start("retention", _retention(settings, database, clock).run)
            background.start("relay", relay.run)
            background.start("expiry", loops.expire(questions, clock, settings.expiry_tick_ms))
            background.start("measure", loops.measure(questions, clock))
            asking = subscriptions.consume_questions(bus, dead_letters, questions, settings.asking_policy, clock)
            background.start("questions", asking)
            background.start("news", subscriptions.consume_news(bus, dead_letters, questions, clock))
            if webhook is not None:
                escalating = Escalating(escalations, webhook, settings.escalation_policy, clock)
                background.start("escalation", loops.escalate(escalating, settings.escalation_tick_ms))
            await serve(bus, SERVICE, rpc.verbs(questions, learnings, closings, clock))
            yield
        closings.end()
        await bus.drain()
        await database.close()

    routers = [router, dead_letters_router]
    return create_http_app(service=SERVICE, settings=settings, lifespan=lifespan, routers=routers, readiness=readiness)


def _retention(settings: Settings, database: Database, clock: Clock) -> Retention:
    own = policies(
        settings.question_retention_days,
        settings.attempt_retention_days,
        settings.learning_retention_days,
        settings.inbox_retention_days,
    )
    return Retention(database, clock, SERVICE, [*dead_letter_policies(settings), *own], settings.retention_tick_ms)
