"""How long an answer takes from the manager's request to the worker: over HTTP, PostgreSQL, the outbox and NATS.

    python -m tests.load.answers [--answers 400] [--at-once 1] [--earlier 0] [--json]

The question-broker is a process of its own. A worker's durable consumer listens on `worker.answer.<worker>`. The clock
starts before the answer is posted and stops when the worker has the message. The baseline is bare NATS in the same run:
a message of the same size, published to the same stream and received by the same consumer. The manager's request alone
stands beside one durable commit of PostgreSQL, of which the answer's way has two. With `--earlier`, so many
answered questions are there before, and reading open questions with their suggestions is measured too.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import uvloop
from nats.aio.msg import Msg

from contracts import streams, subjects
from contracts.batches import ANSWER_BATCH
from servicekit.bus import Bus
from servicekit.ids import new_id
from servicekit.settings import ServiceSettings
from tests.load.measuring import Report, Servers, fresh_servers, percentiles
from tests.support.producer import Producer
from tests.support.waiting import eventually

WORKER = "worker-load"
PATIENCE_S = 60.0
# As in any language, the n-th word is about n times rarer than the first.
VOCABULARY = 5_000
FIRST = ["service", "test", "database", "cache", "twice", "branch", "merge", "deploy", "token", "parser", "client"]
WORDS = FIRST + [f"word{number}" for number in range(len(FIRST), VOCABULARY)]
EARLIER = """
    INSERT INTO questions (question_id, kind, state, worker_id, task_id, attempt, question, question_type, options,
        priority, asked_at, answer, answered_by, answered_at)
    SELECT 'q-old-' || n, 'question', 'answered', 'worker-' || n % 50, 'task-' || n, 1,
        (SELECT 'Should the ' || string_agg(($2::text[])[floor(power($3, random()))::int], ' ') || '?'
            FROM generate_series(1, 9 + n * 0) AS i),
        'technical', '[]', 'medium', now() - n * interval '1 minute', 'answer ' || n % 97, 'ada', now()
    FROM generate_series(1, $1::int) AS n
"""


class Ears:
    """A worker's consumer, and when it heard of each message."""

    def __init__(self) -> None:
        self.heard: dict[str, float] = {}

    async def listen(self, bus: Bus, durable: str) -> None:
        """Pull from the worker's own durable for as long as the connection lasts."""
        inbox = bus.nc.new_inbox()
        await bus.js.pull_subscribe(subjects.answer(WORKER), durable, streams.COMMANDS)
        await bus.nc.subscribe(inbox, cb=self._hear)
        request = b'{"batch": 1000000, "expires": 600000000000}'
        await bus.nc.publish(f"$JS.API.CONSUMER.MSG.NEXT.{streams.COMMANDS}.{durable}", request, inbox)
        await bus.nc.flush()

    async def _hear(self, message: Msg) -> None:
        now = time.perf_counter()
        if not message.data:
            return
        try:
            for answer in ANSWER_BATCH.validate_json(message.data).events:
                self.heard[answer.question_id] = now
        except ValueError:
            self.heard[message.data[:40].decode().strip()] = now
        await message.ack()


@asynccontextmanager
async def broker(servers: Servers) -> AsyncGenerator[str]:
    """The question-broker as a process; its base address."""
    env = servers.env("questions") | {"HTTP_PORT": "18104"}
    for command in ("migrate", "serve"):
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "question_broker", command, env=env)
        if command == "migrate":
            assert await process.wait() == 0
    url = "http://127.0.0.1:18104"
    try:
        async with httpx.AsyncClient() as client:
            await eventually(lambda: _ready(client, url), within=PATIENCE_S)
        yield url
    finally:
        process.terminate()
        await process.wait()


async def _ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def ask(producer: Producer, client: httpx.AsyncClient, count: int) -> list[str]:
    """Ask so many questions, and wait until the broker has them."""
    ids = [new_id("q") for _ in range(count)]
    for at in range(0, count, 100):
        now = datetime.now(UTC)  # noqa: TID251
        events = [
            producer.make(
                "question",
                {"question": "Should the service test the database cache twice?", "question_type": "technical"},
                question_id=one,
                worker_id=WORKER,
                occurred_at=now,
            )
            for one in ids[at : at + 100]
        ]
        await producer.send(*events)

    async def shown() -> bool:
        return (await client.get(f"/v1/questions/{ids[-1]}")).status_code == 200

    await eventually(shown, within=PATIENCE_S)
    return ids


async def timed(ids: list[str], ears: Ears, at_once: int, say: Callable[[str], Any]) -> list[float]:
    """Milliseconds from saying to hearing, `at_once` at a time."""
    latencies: list[float] = []
    waiting = iter(ids)

    async def work() -> None:
        for one in waiting:
            began = time.perf_counter()
            await say(one)
            await eventually(lambda one=one: ears.heard.get(one), within=PATIENCE_S)
            latencies.append((ears.heard[one] - began) * 1_000)

    await asyncio.gather(*(work() for _ in range(at_once)))
    return latencies


async def measure(servers: Servers, arguments: argparse.Namespace, report: Report) -> None:
    """All figures."""
    settings = ServiceSettings.model_validate({k.lower(): v for k, v in servers.env("questions").items()})
    async with broker(servers) as url, httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as client:
        bus = await Bus.connect(settings, "load")
        ears = Ears()
        await ears.listen(bus, WORKER)
        if arguments.earlier:
            await fill(servers, arguments.earlier)
        ids = await ask(Producer(bus), client, arguments.answers)

        posted: list[float] = []

        async def answer(question_id: str) -> None:
            began = time.perf_counter()
            response = await client.post(f"/v1/questions/{question_id}/answer", json={"answer": "yes"})
            posted.append((time.perf_counter() - began) * 1_000)
            assert response.status_code == 200

        async def publish(name: str) -> None:
            await bus.js.publish(subjects.answer(WORKER), name.ljust(400).encode())

        warm = max(10, arguments.answers // 10)
        reading = [await _read(client, ids[-1], 20)] if arguments.earlier else []
        await timed(ids[:warm], ears, arguments.at_once, answer)
        product = percentiles(await timed(ids[warm:], ears, arguments.at_once, answer))
        bare = percentiles(await timed([new_id("b") for _ in ids[warm:]], ears, arguments.at_once, publish))
        for name in ("p50", "p99"):
            report.add(f"answer to worker, {name}", "ms", product[name], bare[name], higher_is_better=False)
        commit = percentiles(await commits(servers, len(ids) - warm))
        posts = percentiles(posted[warm:])
        for name in ("p50", "p99"):
            report.add(f"the manager's request alone, {name}", "ms", posts[name], commit[name], higher_is_better=False)
        for alone, page in reading:
            report.add("open question with suggestions, p50", "ms", alone["p50"], bare["p50"], higher_is_better=False)
            report.add("open question with suggestions, p99", "ms", alone["p99"], bare["p99"], higher_is_better=False)
            report.add("page of 50 with suggestions, p50", "ms", page["p50"], bare["p50"], higher_is_better=False)
        await bus.drain()


async def _read(client: httpx.AsyncClient, question_id: str, times: int) -> tuple[Any, Any]:
    async def took(path: str) -> float:
        began = time.perf_counter()
        body = (await client.get(path)).json()
        assert (body["items"][0] if "items" in body else body)["suggestions"]
        return (time.perf_counter() - began) * 1_000

    alone = [await took(f"/v1/questions/{question_id}") for _ in range(times * 2)]
    return percentiles(alone), percentiles([await took("/v1/questions?state=open&limit=50") for _ in range(times)])


async def commits(servers: Servers, count: int) -> list[float]:
    """Milliseconds of one durable commit each: the answer's way has two of them, one after the other."""
    connection = await asyncpg.connect(servers.database.dsn("questions"))
    took: list[float] = []
    for number in range(count):
        began = time.perf_counter()
        await connection.execute("INSERT INTO questions.closed_attempts VALUES ($1, 1)", f"task-load-{number}")
        took.append((time.perf_counter() - began) * 1_000)
    await connection.close()
    return took


async def fill(servers: Servers, count: int) -> None:
    """Answered questions of earlier days."""
    owner = await asyncpg.connect(servers.database.dsn("questions", owner=True))
    await owner.execute("SET search_path TO questions")
    await owner.execute(EARLIER, count, WORDS, len(WORDS))
    await owner.execute("ANALYZE questions")
    await owner.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--answers", type=int, default=400)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--earlier", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    report = Report(f"answers on their way to a worker, {arguments.at_once} at once; pid {os.getpid()}")
    with fresh_servers() as servers:
        uvloop.run(measure(servers, arguments, report))
    report.show(as_json=arguments.json)


if __name__ == "__main__":
    main()
