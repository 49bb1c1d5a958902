"""The fleet's memory: shared once however often it comes, and found by its words."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from contracts import streams, subjects
from servicekit.bus.rpc import RpcError, call
from tests.conftest import StackEnv
from tests.support.producer import settled
from tests.support.questioning import Broker, a_broker
from tests.support.stack import TestNats

PIN: dict[str, Any] = {"title": "Pin numpy", "content": "Builds fail on numpy 3", "tags": ["python", "ci"]}


@pytest.fixture
async def broker(stack_env: StackEnv, nats_server: TestNats) -> AsyncGenerator[Broker]:
    async with a_broker(stack_env("questions"), nats_server) as it:
        yield it


async def share(broker: Broker, *bodies: dict[str, Any], worker_id: str = "worker-1") -> None:
    make = broker.producer.make
    await broker.producer.send(*(make("learning", body, worker_id=worker_id) for body in bodies))
    await settled(broker.bus, streams.QUESTIONS, "question-broker")


async def titles(broker: Broker, query: str, **more: Any) -> list[str]:
    found = await broker.rpc("search_learnings", query=query, **more)
    return [learning.title for learning in found.learnings]


async def test_what_one_worker_learned_another_finds(broker: Broker) -> None:
    await share(broker, PIN | {"repository": "/src/app", "confidence_percent": 80})
    found = await broker.rpc("search_learnings", "worker-2", query="failing builds")
    assert found.total == 1
    learning = found.learnings[0]
    assert (learning.title, learning.content, learning.tags) == (PIN["title"], PIN["content"], PIN["tags"])
    assert (learning.worker_id, learning.repository, learning.confidence_percent) == ("worker-1", "/src/app", 80)
    assert learning.learning_id.startswith("learning-")
    assert learning.score > 0


async def test_the_same_learning_is_counted_and_a_redelivered_one_is_not(broker: Broker) -> None:
    await share(broker, PIN, PIN | {"title": "PIN  numpy"})
    await share(broker, PIN, worker_id="worker-2")
    await broker.producer.repeat_all(1)
    await settled(broker.bus, streams.QUESTIONS, "question-broker")
    found = await broker.rpc("search_learnings", query="numpy")
    assert [(one.title, one.times_shared, one.worker_id) for one in found.learnings] == [("Pin numpy", 3, "worker-1")]


async def test_a_title_counts_more_than_a_tag_and_a_tag_more_than_the_text(broker: Broker) -> None:
    texts = ("content", "tags", "title")
    for place in texts:
        body = {"title": f"In the {place}", "content": "nothing", "tags": ["other"]}
        await share(broker, body | {place: ["docker"] if place == "tags" else f"docker {place}"})
    assert await titles(broker, "docker") == ["docker title", "In the tags", "In the content"]


async def test_a_search_is_narrowed_by_tags_and_repository(broker: Broker) -> None:
    await share(broker, PIN | {"title": "numpy here", "repository": "/src/app"})
    await share(broker, PIN | {"title": "numpy there", "repository": "/src/other", "tags": ["ci"]})
    await share(broker, PIN | {"title": "numpy everywhere", "repository": "*", "tags": []})
    assert set(await titles(broker, "numpy", repository="/src/app")) == {"numpy here", "numpy everywhere"}
    assert await titles(broker, "numpy", tags=["python", "ci"]) == ["numpy here"]
    assert len(await titles(broker, "numpy", limit=2)) == 2
    assert (await broker.rpc("search_learnings", query="numpy", limit=1)).total == 3


async def test_where_nothing_has_all_words_any_word_will_do_but_none_that_is_unwanted(broker: Broker) -> None:
    await share(broker, PIN, {"title": "Cache wheels", "content": "Saves minutes"})
    assert set(await titles(broker, "numpy wheels")) == {"Cache wheels", "Pin numpy"}
    assert await titles(broker, 'numpy nothing -"saves minutes" -wheels') == ["Pin numpy"]
    assert await titles(broker, "numpy or wheels -minutes") == ["Pin numpy"]
    assert await titles(broker, "rust") == []
    assert await titles(broker, "the of") == []


async def test_an_empty_search_is_refused(broker: Broker) -> None:
    subject = subjects.rpc("question-broker", "search_learnings", "worker-1")
    with pytest.raises(RpcError, match="query") as refused:
        await call(broker.bus, subject, b'{"query": ""}')
    assert refused.value.code == "invalid_input"


async def test_learnings_are_listed_newest_first_or_searched_by_pages(broker: Broker) -> None:
    for number in range(5):
        await share(broker, PIN | {"title": f"Pin numpy {number}"})
    for query in ({}, {"query": "numpy"}):
        seen: list[str] = []
        params: dict[str, Any] = {"limit": 2, **query}
        while params.get("cursor", "") is not None:
            page = (await broker.client.get("/v1/learnings", params=params)).json()
            seen += [item["title"] for item in page["items"]]
            params["cursor"] = page.get("next_cursor")
        assert seen == [f"Pin numpy {number}" for number in (4, 3, 2, 1, 0)]
    none = await broker.client.get("/v1/learnings", params={"tag": "python", "repository": "/x", "query": "rust"})
    assert none.json()["items"] == []
    assert (await broker.client.get("/v1/learnings", params={"cursor": "x"})).status_code == 422
