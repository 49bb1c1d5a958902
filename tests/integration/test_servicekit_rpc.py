"""Request and reply over nats.micro, on a real broker."""

import asyncio

import pytest

from contracts import subjects
from contracts.rpc import GetAnswer
from servicekit.bus.rpc import RpcError, call, serve, typed
from tests.support.buskit import a_bus
from tests.support.samples import Counted
from tests.support.stack import TestNats


async def test_an_answer_comes_back_to_the_worker_that_asked(nats_server: TestNats) -> None:
    async def get_task(worker_id: str, payload: bytes) -> bytes:
        return worker_id.encode() + b":" + payload

    async with a_bus(nats_server) as service, a_bus(nats_server) as worker:
        await serve(service, "orchestrator", {"get_task": get_task})
        assert await call(worker, subjects.rpc("orchestrator", "get_task", "w1"), b"{}") == b"w1:{}"


async def test_a_refusal_and_a_silence_say_what_they_are(nats_server: TestNats) -> None:
    class NotFoundError(Exception):
        code, category, detail = "task_not_found", "not_found", "no task 'x'"

    async def refuse(_worker: str, payload: bytes) -> bytes:
        if payload == b"bug":
            raise RuntimeError("secret")
        raise NotFoundError

    counted, of_it = Counted(), {"verb": "get_task"}
    async with a_bus(nats_server) as service, a_bus(nats_server) as worker:
        await serve(service, "orchestrator", {"get_task": refuse})
        subject = subjects.rpc("orchestrator", "get_task", "w1")
        with pytest.raises(RpcError, match="no task 'x'") as refused:
            await call(worker, subject, b"{}")
        assert refused.value.code == "task_not_found"
        with pytest.raises(RpcError, match="failed to answer") as failed:
            await call(worker, subject, b"bug")
        assert failed.value.code == "internal"
        for outcome in ("task_not_found", "internal"):
            assert counted("mews_rpc_requests_total", **of_it, outcome=outcome) == 1
            assert counted("mews_rpc_calls_total", **of_it, peer="orchestrator", outcome=outcome) == 1
        assert counted("mews_rpc_request_seconds_count", **of_it) == 2
        with pytest.raises(RpcError, match="no answer") as silent:
            await call(worker, subjects.rpc("nobody", "get_task", "w1"), b"{}")
        assert (silent.value.code, silent.value.category) == ("unavailable", "unavailable")


async def test_a_request_that_waits_holds_up_no_other(nats_server: TestNats) -> None:
    may_answer = asyncio.Event()

    async def wait_if_told(_worker: str, payload: bytes) -> bytes:
        if payload == b"wait":
            await may_answer.wait()
        return payload

    async with a_bus(nats_server) as service, a_bus(nats_server) as worker:
        await serve(service, "broker", {"get_answer": wait_if_told})
        subject = subjects.rpc("broker", "get_answer", "w1")
        waiting = asyncio.create_task(call(worker, subject, b"wait"))
        assert await call(worker, subject, b"now") == b"now"
        assert not waiting.done()
        may_answer.set()
        assert await waiting == b"wait"


async def test_a_request_that_is_none_is_told_by_field(nats_server: TestNats) -> None:
    async def answer(_worker: str, asked: GetAnswer) -> GetAnswer:
        return asked

    async with a_bus(nats_server) as service, a_bus(nats_server) as worker:
        await serve(service, "broker", {"get_answer": typed(GetAnswer, answer)})
        subject = subjects.rpc("broker", "get_answer", "w1")
        assert b"q-1" in await call(worker, subject, b'{"question_id": "q-1", "newer": true}')
        with pytest.raises(RpcError, match="question_id") as refused:
            await call(worker, subject, b"{}")
        assert refused.value.code == "invalid_input"
