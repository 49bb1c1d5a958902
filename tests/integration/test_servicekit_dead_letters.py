"""Dead letters on real servers: what operators see of them, and what becomes of them."""

from datetime import timedelta
from typing import Any, Literal

import pydantic
import pytest

from contracts.batches import EVENT_BATCH, Batch
from contracts.deadletters import DeadLetterCause
from contracts.events import Event, EventBase
from contracts.streams import TELEMETRY
from servicekit import deadletters
from servicekit.bus import BatchConsumer, Bus, Outgoing, Received, declare_streams, publish_batches
from servicekit.clock import SystemClock
from servicekit.deadletters import NEWER_WAITS_S, DeadLetterDesk
from servicekit.ids import new_event_id
from servicekit.metrics import REGISTRY
from tests.support.buskit import NOW, a_bus, batch, event_ids, progress, running, settings_of
from tests.support.consuming import DURABLE, Handler, publish, settled
from tests.support.letters import SERVICE, Kit, consumer_of, kit, offline_consumer, put_aside
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually


class Vision(EventBase):
    """A kind of event that only a newer version knows."""

    kind: Literal["vision"] = "vision"
    body: dict[str, Any] = {}


OF_A_NEWER_VERSION: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(Batch[Event | Vision])
BAD = b'{"producer":"spool","batch":2,"events":[{"kind":"progress"}]}'


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"mews_service": SERVICE, **labels}) or 0.0


async def test_a_message_that_failed_is_processed_again_once_and_in_the_name_of_who_asked(
    database: Database, nats_server: TestNats
) -> None:
    async with kit(database) as it, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        handler = Handler(it.db)
        handler.poison = {2}
        sent = [batch(n) for n in (1, 2, 3)]
        before = sample("mews_dead_letters_total", stream=TELEMETRY, reason="failed")
        async with running(consumer_of(bus, it, handler).run()):
            await publish(bus, *sent)
            await eventually(lambda: settled(bus))
            await eventually(lambda: it.listed(state="open"))
            assert sample("mews_dead_letters_total", stream=TELEMETRY, reason="failed") == before + 1
            (letter,) = await it.listed()
            assert (letter["cause"], letter["durable"], letter["retries"]) == ("failed", DURABLE, 0)
            [(outcome, detail)] = await it.settle("retry", str(letter["id"]))
            assert outcome == "failed_again"
            assert "InvalidTextRepresentation" in detail
            (letter,) = await it.listed(state="open")
            assert (letter["retries"], letter["last_error"]) == (1, detail)
            handler.poison.clear()
            assert await it.settle("retry", str(letter["id"]), str(letter["id"])) == [
                ("retried", ""),
                ("unchanged", "it was retried already"),
            ]
        assert sorted(await handler.applied()) == sorted(event_ids(sent))
        (letter,) = await it.listed(state="retried")
        assert (letter["settled_by"], letter["retries"], letter.get("last_error")) == ("ann", 2, None)
        await it.desk.measure()
        assert sample("mews_dead_letters_open") == 0


async def test_what_came_on_another_way_meanwhile_takes_no_second_effect(database: Database) -> None:
    async with kit(database) as it:
        handler = Handler(it.db)
        offline_consumer(database, it, handler)
        sealed = batch(7)
        ids = [await put_aside(it, sealed.to_json(), n) for n in (1, 2)]
        assert await it.settle("retry", *ids) == [("retried", "")] * 2
        assert await handler.applied() == event_ids([sealed])


async def test_one_event_is_processed_again_though_its_batch_was_applied(database: Database) -> None:
    async with kit(database) as it:
        handler = Refusing(it)
        offline_consumer(database, it, handler)
        event = progress()
        letter = await put_aside(it, event.to_json(), event_id=event.event_id)
        assert await it.settle("retry", letter) == [("failed_again", "nobody asked")]
        assert len(await it.listed()) == 1
        handler.refuses = False
        assert await it.settle("retry", letter) == [("retried", "")]
        assert await handler.applied() == [event.event_id] * 2


def seen(number: int) -> Batch[Any]:
    """A batch of a newer worker: a kind that is known, and one that is not."""
    known = progress()
    vision = Vision.model_validate(known.to_dict() | {"event_id": new_event_id(), "kind": "vision"})
    return Batch[Any](producer="spool", batch=number, events=[known, vision])


async def test_what_a_newer_version_says_waits_for_that_version_here_and_wakes_nobody(
    database: Database, nats_server: TestNats
) -> None:
    async with kit(database) as it, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        handler, sent = Handler(it.db), [seen(1), batch(2)]
        async with running(consumer_of(bus, it, handler).run()):
            messages = [Outgoing("worker.progress.w1", one.message_id, one.to_json()) for one in sent]
            assert all(await publish_batches(bus, messages))
            await eventually(lambda: settled(bus))
        assert await handler.applied() == event_ids(sent[1:])
        await it.desk.process_newer()
        assert [letter["retries"] for letter in await it.listed(state="open")] == [0], "one before it may be on its way"
        await it.db.pool.execute("UPDATE dead_letter SET recorded_at = recorded_at - interval '6 s'")
        for _ in range(2):
            await it.desk.process_newer()
            (letter,) = await it.listed(state="open")
            assert (letter["cause"], letter["retries"]) == ("newer", 1)
        await it.desk.measure()
        assert sample("mews_dead_letters_open") == 0

        # The next process is of the version that knows it.
        BatchConsumer(bus, TELEMETRY, DURABLE, OF_A_NEWER_VERSION, handler, it.letters)
        updated = DeadLetterDesk(it.db, it.letters, SystemClock())
        async with running(updated.watch()):
            await eventually(lambda: it.listed(state="retried"))
        assert await handler.applied() == event_ids([*sent[1:], sent[0]])
        (letter,) = await it.listed()
        assert (letter["settled_by"], letter["retries"]) == (SERVICE, 2)


async def test_what_a_newer_version_said_long_ago_waits_for_somebody(database: Database) -> None:
    async with kit(database) as it:
        now = SystemClock().now()
        for number, waited_s in enumerate((NEWER_WAITS_S - 60, NEWER_WAITS_S + 60)):
            letter = await put_aside(it, b"{}", number, cause=DeadLetterCause.newer)
            at, place = now - timedelta(seconds=waited_s), int(letter.rpartition(":")[2])
            await it.db.pool.execute("UPDATE dead_letter SET recorded_at = $1 WHERE id = $2", at, place)
        await it.desk.measure()
        assert sample("mews_dead_letters_open") == 1


class Refusing(Handler):
    """Puts each event aside after it was written, as a service does with what is not for it."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit.db)
        self._letters = kit.letters
        self.refuses = True

    async def __call__(self, received: list[Received[Batch[Event]]]) -> None:
        await super().__call__(received)
        for one in received:
            for event in one.batch.events if self.refuses else []:
                arguments = (TELEMETRY, one.subject, event.to_json(), "nobody asked", {}, NOW)
                await self._letters.record(*arguments, durable=DURABLE, event_id=event.event_id)


async def test_what_is_no_message_of_the_contract_fails_again_and_can_be_dropped_for_a_reason(
    database: Database,
) -> None:
    async with kit(database) as it:
        offline_consumer(database, it, Handler(it.db))
        letter = await put_aside(it, BAD + b"\x00")
        [(outcome, detail)] = await it.settle("retry", letter)
        assert outcome == "failed_again"
        assert "JSON" in detail
        refused = await it.http.post("/v1/dead-letters/drop", json={"ids": [letter]})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input")
        assert "reason" in refused.json()["detail"]
        assert await it.settle("drop", letter, reason="garbage") == [("dropped", "")]
        assert await it.settle("drop", letter, reason="twice") == [("unchanged", "it was dropped already")]
        assert await it.settle("retry", letter) == [("unchanged", "it was dropped already")]
        (dropped,) = await it.listed(state="dropped")
        assert (dropped["settled_by"], dropped["settled_reason"]) == ("ann", "garbage")


async def test_letters_that_nobody_would_process_say_so(database: Database) -> None:
    async with kit(database) as it:
        core = await put_aside(it, b"beat", delivery=None, durable=None)
        orphan = await put_aside(it, b"{}", durable="gone", delivery="gone:1:1")
        outcomes = await it.settle("retry", core, orphan, "kit-test:999999", "other:1")
        assert [outcome for outcome, _ in outcomes] == ["not_retryable", "not_retryable", "not_found", "not_found"]
        assert "drop it" in outcomes[0][1]
        assert "'gone'" in outcomes[1][1]


async def test_a_letter_of_the_version_before_is_processed_by_its_place(database: Database) -> None:
    async with kit(database) as it:
        handler = Handler(it.db)
        offline_consumer(database, it, handler)
        sealed = batch(1)
        letter = await put_aside(it, sealed.to_json(), durable=None)
        assert await it.settle("retry", letter) == [("retried", "")]
        assert await handler.applied() == event_ids([sealed])


async def test_a_server_that_is_away_leaves_the_letter_as_it_is(database: Database) -> None:
    async with kit(database) as it:

        async def away(_: object) -> None:
            raise ConnectionRefusedError("the database of the test")

        bus = Bus(settings_of(database), "offline")
        BatchConsumer(bus, TELEMETRY, DURABLE, EVENT_BATCH, away, it.letters)
        letter = await put_aside(it, batch(1).to_json())
        [(outcome, detail)] = await it.settle("retry", letter)
        assert (outcome, "ask again" in detail) == ("unavailable", True)
        (still,) = await it.listed(state="open")
        assert (still["retries"], still.get("last_error")) == (0, None)


async def test_letters_are_listed_newest_first_by_page_and_filter(database: Database) -> None:
    async with kit(database) as it:
        causes = [DeadLetterCause.invalid, DeadLetterCause.foreign]
        made = [await put_aside(it, b"x", n, cause=causes[n % 2]) for n in range(5)]
        first = (await it.http.get("/v1/dead-letters", params={"limit": 3})).json()
        rest = (await it.http.get("/v1/dead-letters", params={"limit": 3, "cursor": first["next_cursor"]})).json()
        assert [one["id"] for one in first["items"] + rest["items"]] == made[::-1]
        assert "next_cursor" not in rest
        assert [one["id"] for one in await it.listed(cause="foreign")] == [made[3], made[1]]
        assert await it.listed(stream="QUESTIONS") == []
        assert len(await it.listed(subject="worker.progress.w1")) == 5
        await it.desk.measure()
        assert sample("mews_dead_letters_open") == 5
        assert sample("mews_dead_letters_oldest_seconds") > 0


async def test_a_letter_is_shown_with_what_it_said(database: Database) -> None:
    async with kit(database) as it:
        letter = await put_aside(it, b"caf\xc3\xa9 \xff" + b"x" * 70_000)
        shown = (await it.http.get(f"/v1/dead-letters/{letter}")).json()
        assert shown["payload"].startswith("café \\xffx")
        assert (shown["is_cut"], shown["payload_bytes"], shown["headers"]) == (True, 70_007, {"h": "v"})
        missing = await it.http.get("/v1/dead-letters/kit-test:123456")
        assert (missing.status_code, missing.json()["code"]) == (404, "dead_letter_not_found")


@pytest.mark.parametrize("cursor", ["WzBd", "WyJ4Il0", "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OV0", "nonsense!"])
async def test_a_cursor_that_the_list_did_not_give_out_is_refused(database: Database, cursor: str) -> None:
    async with kit(database) as it:
        answer = await it.http.get("/v1/dead-letters", params={"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


async def test_letters_that_wait_for_a_newer_version_hide_no_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadletters, "OPEN", deadletters.OPEN.replace(str(deadletters.MOST_COUNTED), "3"))
    async with kit(database) as it:
        for number in range(4):
            await put_aside(it, b"{}", number, cause=DeadLetterCause.newer)
        await put_aside(it, b"{}", 4, cause=DeadLetterCause.foreign)
        await it.db.pool.execute("UPDATE dead_letter SET recorded_at = now()")
        await it.desk.measure()
        assert sample("mews_dead_letters_open") == 1
