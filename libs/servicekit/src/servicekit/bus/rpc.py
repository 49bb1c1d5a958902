"""Request and reply for the worker tools that need an answer, by nats.micro."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from typing import TypeVar

import nats.errors
from nats.micro import add_service
from nats.micro.request import Request
from nats.micro.service import EndpointConfig, Service
from opentelemetry.trace import SpanKind
from pydantic import ValidationError

from contracts import spans, subjects
from contracts.base import Model
from servicekit.bus.connection import Bus
from servicekit.bus.failures import reason_of
from servicekit.bus.ratelimit import RateLimit
from servicekit.errors import invalid_input
from servicekit.logs import get_logger
from servicekit.metrics import RPC_CALL_SECONDS, RPC_CALLS, RPC_REFUSED, RPC_REQUESTS, RPC_SECONDS
from servicekit.traces import continued, current_trace_id, inject_headers, span

Handler = Callable[[str, bytes], Awaitable[bytes]]
"""Takes the id of the worker that asks and the request's JSON; gives the answer's JSON."""

RequestT = TypeVar("RequestT", bound=Model)

VERSION = "1.0.0"
MOST_AT_ONCE = 256
MOST_OF_ONE = 64
"""Requests of one worker that are answered at a time; those that wait for an answer stay long."""
RATE_OF_ONE, BURST_OF_ONE = 500.0, 2_000
"""In requests a second: the largest checkpoint is read in some 500 parts, one after the other."""
FINISH_S = 5.0
ERROR_CODE, ERROR = "Nats-Service-Error-Code", "Nats-Service-Error"
OK = "ok"
UNAVAILABLE = "unavailable"
INTERNAL = "internal"
RATE_LIMITED = "rate_limited"

log = get_logger(__name__)


class RpcError(Exception):
    """The other side refused, or is not there. `code` is the other side's own, or `unavailable`."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.category = UNAVAILABLE if code == UNAVAILABLE else "invalid"


async def serve(bus: Bus, service: str, handlers: Mapping[str, Handler]) -> None:
    """Answer each verb, for as long as the bus lives; replicas share the requests.

    A request that waits holds up no other, and no worker may ask without end. A handler's exception with `code` and
    `detail` is told to the asker as it is; any other is logged, and told as `internal`.
    """

    desk = _Desk()
    bus.on_drain(desk.finish)

    async def start() -> None:
        micro = await add_service(bus.nc, name=service, version=VERSION)
        for verb, handler in handlers.items():
            await _add(micro, service, verb, partial(desk.take, verb, handler))
        await bus.flush()

    await bus.once_connected(start)


async def call(bus: Bus, subject: str, payload: bytes, timeout_s: float = 5.0) -> bytes:
    """Ask on a subject made by `contracts.subjects.rpc`. Raises RpcError."""
    with _asked(subject, SpanKind.CLIENT) if current_trace_id() else nullcontext():
        return await _call(bus, subject, payload, timeout_s)


async def _call(bus: Bus, subject: str, payload: bytes, timeout_s: float) -> bytes:
    service, verb = subjects.asked_of(subject)
    try:
        with RPC_CALL_SECONDS.labels(service).time():
            answer = await bus.request(subject, payload, timeout_s, dict(inject_headers()) or None)
    except (nats.errors.Error, OSError, TimeoutError) as error:
        RPC_CALLS.labels(service, verb, UNAVAILABLE).inc()
        raise RpcError(UNAVAILABLE, f"no answer on {subject}: {error or type(error).__name__}") from error
    headers = answer.headers or {}
    RPC_CALLS.labels(service, verb, headers.get(ERROR_CODE, OK)).inc()
    if ERROR_CODE in headers:
        raise RpcError(headers[ERROR_CODE], headers.get(ERROR, ""))
    return answer.data


def typed(request: type[RequestT], answer: Callable[[str, RequestT], Awaitable[Model]]) -> Handler:
    """A handler that takes the request as its contract; one that is none is told as `invalid_input`."""

    async def handle(worker_id: str, payload: bytes) -> bytes:
        try:
            asked = request.model_validate_json(payload or b"{}")
        except ValidationError as error:
            raise invalid_input([dict(detail) for detail in error.errors(include_url=False)], request) from error
        return (await answer(worker_id, asked)).to_json()

    return handle


class Askers:
    """How much each worker asks: one that asks without end must not keep out the others."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._rate = RateLimit(RATE_OF_ONE, BURST_OF_ONE)

    def objection(self, worker_id: str, now_s: float) -> str | None:
        """Why a worker may not ask now, with what to do; None lets it in, until `answered`."""
        if self._open[worker_id] >= MOST_OF_ONE:
            return f"{MOST_OF_ONE} requests of {worker_id} are being answered: wait until one is"
        if not self._rate.allows(worker_id, now_s):
            return f"{worker_id} asks more than {RATE_OF_ONE:g} times a second: try again in a second"
        self._open[worker_id] += 1
        return None

    def answered(self, worker_id: str) -> None:
        """One request that was let in is answered."""
        self._open[worker_id] -= 1
        if not self._open[worker_id]:
            del self._open[worker_id]


class _Desk:
    """Answers requests side by side: nats.micro would begin the next one of a verb when the last one is answered."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._answering: set[asyncio.Task[None]] = set()
        self._askers = Askers()

    async def take(self, verb: str, handler: Handler, request: Request) -> None:
        worker_id = _asker(request)
        objection = self._askers.objection(worker_id, asyncio.get_running_loop().time())
        if objection is not None:
            RPC_REFUSED.inc()
            RPC_REQUESTS.labels(verb, RATE_LIMITED).inc()
            await request.respond_error(RATE_LIMITED, objection)
            return
        await self._room.acquire()
        task = asyncio.create_task(_answer(verb, handler, request))
        self._answering.add(task)
        task.add_done_callback(partial(self._done, worker_id))

    async def finish(self) -> None:
        """Wait until all that was taken is answered, for a while."""
        if self._answering:
            await asyncio.wait(self._answering, timeout=FINISH_S)

    def _done(self, worker_id: str, task: asyncio.Task[None]) -> None:
        self._answering.discard(task)
        self._askers.answered(worker_id)
        self._room.release()
        if not task.cancelled() and (error := task.exception()):
            log.warning("rpc.unanswered", error=repr(error))


async def _add(micro: Service, service: str, verb: str, take: Callable[[Request], Awaitable[None]]) -> None:
    config = EndpointConfig(name=verb, subject=subjects.rpc(service, verb, "*"), handler=take)
    await micro.add_endpoint(config)


def _asker(request: Request) -> str:
    return request.subject.rsplit(".", 1)[1]


def _asked(subject: str, kind: SpanKind) -> AbstractContextManager[object]:
    """The span of a request, on either side of the bus. One of nobody's trace has none: workers ask all the time."""
    *address, worker_id = subject.split(".")
    name = "/".join(address[2:] or address[1:])
    return span(name, kind, {"rpc.system.name": spans.SYSTEM, "rpc.method": name, spans.WORKER_ID: worker_id})


async def _answer(verb: str, handler: Handler, request: Request) -> None:
    traced = continued(request.headers), _asked(request.subject, SpanKind.SERVER)
    with ExitStack() as stack, RPC_SECONDS.labels(verb).time():
        for context in traced if request.headers else ():
            stack.enter_context(context)
        outcome = await _answered(handler, request)
    RPC_REQUESTS.labels(verb, outcome).inc()


async def _answered(handler: Handler, request: Request) -> str:
    """How it ended: `ok`, or the code of the error that was told."""
    try:
        answer = await handler(_asker(request), request.data)
    except Exception as error:
        code = getattr(error, "code", None)
        if not isinstance(code, str):
            log.exception("rpc.failed", subject=request.subject)
            await request.respond_error(INTERNAL, "the service failed to answer")
            return INTERNAL
        await request.respond_error(code, getattr(error, "detail", reason_of(error)))
        return code
    await request.respond(answer)
    return OK
