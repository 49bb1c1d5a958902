"""Request and reply for the worker tools that need an answer, by nats.micro."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import nats.errors
from nats.micro import add_service
from nats.micro.request import Request
from nats.micro.service import EndpointConfig, Service

from contracts import subjects
from servicekit.bus.connection import Bus
from servicekit.bus.failures import reason_of
from servicekit.logs import get_logger

Handler = Callable[[str, bytes], Awaitable[bytes]]
"""Takes the id of the worker that asks and the request's JSON; gives the answer's JSON."""

VERSION = "1.0.0"
ERROR_CODE, ERROR = "Nats-Service-Error-Code", "Nats-Service-Error"
INTERNAL = "internal"

log = get_logger(__name__)


class RpcError(Exception):
    """The other side refused, or is not there. `code` is the other side's own, or `unavailable`."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.category = "unavailable" if code == "unavailable" else "invalid"


async def serve(bus: Bus, service: str, handlers: Mapping[str, Handler]) -> None:
    """Answer each verb, for as long as the bus lives; replicas share the requests.

    A handler's exception with `code` and `detail` is told to the asker as it is; any other is logged, and told as
    `internal`.
    """

    async def start() -> None:
        micro = await add_service(bus.nc, name=service, version=VERSION)
        for verb, handler in handlers.items():
            await _add(micro, service, verb, handler)
        await bus.flush()

    await bus.once_connected(start)


async def call(bus: Bus, subject: str, payload: bytes, timeout_s: float = 5.0) -> bytes:
    """Ask on a subject made by `contracts.subjects.rpc`. Raises RpcError."""
    try:
        answer = await bus.request(subject, payload, timeout_s)
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise RpcError("unavailable", f"no answer on {subject}: {error or type(error).__name__}") from error
    headers = answer.headers or {}
    if ERROR_CODE in headers:
        raise RpcError(headers[ERROR_CODE], headers.get(ERROR, ""))
    return answer.data


async def _add(micro: Service, service: str, verb: str, handler: Handler) -> None:
    config = EndpointConfig(name=verb, subject=subjects.rpc(service, verb, "*"), handler=partial(_answer, handler))
    await micro.add_endpoint(config)


async def _answer(handler: Handler, request: Request) -> None:
    try:
        answer = await handler(request.subject.rsplit(".", 1)[1], request.data)
    except Exception as error:
        code = getattr(error, "code", None)
        if not isinstance(code, str):
            log.exception("rpc.failed", subject=request.subject)
            return await request.respond_error(INTERNAL, "the service failed to answer")
        return await request.respond_error(code, getattr(error, "detail", reason_of(error)))
    return await request.respond(answer)
