"""Request and reply over nats.micro, on a real broker."""

import pytest

from contracts import subjects
from servicekit.bus.rpc import RpcError, call, serve
from tests.support.buskit import a_bus
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

    async with a_bus(nats_server) as service, a_bus(nats_server) as worker:
        await serve(service, "orchestrator", {"get_task": refuse})
        subject = subjects.rpc("orchestrator", "get_task", "w1")
        with pytest.raises(RpcError, match="no task 'x'") as refused:
            await call(worker, subject, b"{}")
        assert refused.value.code == "task_not_found"
        with pytest.raises(RpcError, match="failed to answer") as failed:
            await call(worker, subject, b"bug")
        assert failed.value.code == "internal"
        with pytest.raises(RpcError, match="no answer") as silent:
            await call(worker, subjects.rpc("nobody", "get_task", "w1"), b"{}")
        assert (silent.value.code, silent.value.category) == ("unavailable", "unavailable")
