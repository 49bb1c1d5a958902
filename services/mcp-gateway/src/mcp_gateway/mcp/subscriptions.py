"""`subscriptions/listen`: streams that tell a client which of the resources it named have changed.

Handshake clients subscribe once and are told later, which needs a session; the gateway keeps none, and says so.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass

from mcp import MCPError
from mcp.server import Server, ServerRequestContext
from mcp.server.context import CallNext, HandlerResult
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    DiscoverResult,
    RequestParams,
    ServerCapabilities,
    SubscriptionFilter,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from mcp_gateway.decisions.news import changed_with_task
from mcp_gateway.domain import addresses
from mcp_gateway.domain.principals import Principal
from mcp_gateway.handlers.watching import watch_tail
from mcp_gateway.mcp.authentication import caller
from mcp_gateway.mcp.measures import LISTENING
from mcp_gateway.ports import Telemetry, Upstreams

Context = ServerRequestContext[Upstreams]

_HANDSHAKE_SUBSCRIPTIONS = frozenset({"resources/subscribe", "resources/unsubscribe"})
_NO_SESSION = (
    "this endpoint keeps no session, so it could not tell you later; follow a task with monitor_task and wait: true, "
    "or speak protocol 2026-07-28 and use subscriptions/listen"
)


@dataclass(frozen=True, slots=True)
class ListenLimits:
    """How much may be listened to at once, in one process."""

    streams: int
    tasks: int
    """Tasks whose live tail is watched."""
    together_ms: int
    """Changes of a resource within this time are told once."""


class Subscriptions:
    """All open listen streams of this process: a `Listeners`, and the handler of `subscriptions/listen`."""

    def __init__(self, limits: ListenLimits) -> None:
        self._limits = limits
        self._bus = InMemorySubscriptionBus()
        self._listen = ListenHandler(self._bus, max_subscriptions=limits.streams)
        self._open = 0
        self._uris: Counter[str] = Counter()
        self._tails = _Tails(self)
        self._callers: dict[asyncio.Timeout, Principal] = {}
        self._due: set[str] = set()
        self._wake = asyncio.Event()

    def changed(self, uris: Iterable[str]) -> None:
        """Tell those who listen to them, within `together_ms`."""
        self._due |= {uri for uri in uris if uri in self._uris}
        if self._due:
            self._wake.set()

    def all_may_have_changed(self) -> None:
        """Tell everybody."""
        self.changed(list(self._uris))

    async def run(self) -> None:
        """Tell what is due, until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._limits.together_ms / 1000)
            self._wake.clear()
            due, self._due = self._due, set()
            for uri in sorted(due):
                await self._bus.publish(ResourceUpdated(uri))

    async def close_on(self, stopping: asyncio.Event) -> None:
        """End all streams in order once the gateway is told to stop."""
        await stopping.wait()
        self._listen.close()

    async def listen(self, context: Context, params: SubscriptionsListenRequestParams) -> SubscriptionsListenResult:
        """One stream, until its client leaves or the gateway stops. Lists never change while a process lives."""
        uris = list(dict.fromkeys(filter(addresses.is_known, params.notifications.resource_subscriptions or ())))
        self._admit(uris)
        wanted = SubscriptionFilter(resource_subscriptions=uris or None)
        with self._registered(uris, context.lifespan_context.telemetry):
            return await self._listen_as(caller(), context, params.model_copy(update={"notifications": wanted}))

    def end_ended(self, has_ended: Callable[[Principal], bool]) -> None:
        """End the streams of callers who would not be let in any more."""
        for stream, principal in list(self._callers.items()):
            if has_ended(principal):
                stream.reschedule(asyncio.get_running_loop().time())

    async def _listen_as(
        self, principal: Principal, context: Context, params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        stream = asyncio.timeout(None)
        try:
            async with stream:
                self._callers[stream] = principal
                return await self._listen(context, params)
        except TimeoutError as error:
            raise MCPError(code=INVALID_REQUEST, message="the credential that began this stream has ended") from error
        finally:
            self._callers.pop(stream, None)

    def _admit(self, uris: list[str]) -> None:
        if self._open >= self._limits.streams:
            raise MCPError(
                code=INTERNAL_ERROR,
                message=f"{self._open} streams are open here already, the most that LISTEN_STREAMS allows; try later",
            )
        tasks = self._tails.with_more(uris)
        if tasks > self._limits.tasks:
            raise MCPError(
                code=INVALID_PARAMS,
                message=f"{tasks} tasks would be listened to at once; LISTEN_TASKS allows {self._limits.tasks}: "
                "listen to fewer tasks",
            )

    @contextmanager
    def _registered(self, uris: list[str], telemetry: Telemetry) -> Generator[None]:
        self._open += 1
        LISTENING.inc()
        self._uris.update(uris)
        self._tails.add(uris, telemetry)
        try:
            yield
        finally:
            self._open -= 1
            LISTENING.dec()
            self._uris -= Counter(uris)
            self._tails.remove(uris)


class _Tails:
    """One watched live tail for each task that is listened to, however many listen to it."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions
        self._users: Counter[str] = Counter()
        self._watching: dict[str, asyncio.Task[None]] = {}

    def with_more(self, uris: Iterable[str]) -> int:
        """How many tasks would be watched with these too."""
        return len(set(self._users) | _tasks(uris))

    def add(self, uris: Iterable[str], telemetry: Telemetry) -> None:
        for task_id in _tasks(uris):
            self._users[task_id] += 1
            if task_id not in self._watching:
                watching = watch_tail(task_id, telemetry, self._news_of(task_id))
                self._watching[task_id] = asyncio.create_task(watching, name=f"watch-{task_id}")

    def remove(self, uris: Iterable[str]) -> None:
        tasks = _tasks(uris)
        self._users -= Counter(tasks)
        for task_id in tasks - set(self._users):
            self._watching.pop(task_id).cancel()

    def _news_of(self, task_id: str) -> Callable[[], None]:
        uris = changed_with_task(task_id)
        return lambda: self._subscriptions.changed(uris)


async def refuse_handshake_subscriptions(ctx: Context, call_next: CallNext) -> HandlerResult:
    """Middleware that says why there are none; a handler would announce them."""
    if ctx.method in _HANDSHAKE_SUBSCRIPTIONS:
        raise MCPError(code=METHOD_NOT_FOUND, message=f"{ctx.method} is not offered: {_NO_SESSION}")
    return await call_next(ctx)


def announce_truly(server: Server[Upstreams]) -> None:
    """Answer `server/discover` without the changes of lists that the SDK would announce with listening."""

    async def discover(context: Context, _: RequestParams | None) -> DiscoverResult:
        capabilities = server.get_capabilities(protocol_version=context.protocol_version)
        return DiscoverResult(
            supported_versions=list(MODERN_PROTOCOL_VERSIONS),
            capabilities=_with_fixed_lists(capabilities),
            instructions=server.instructions,
        )

    server.add_request_handler("server/discover", RequestParams, discover)


def _with_fixed_lists(capabilities: ServerCapabilities) -> ServerCapabilities:
    fixed = {"list_changed": False}
    parts = {name: getattr(capabilities, name) for name in ("tools", "prompts", "resources")}
    return capabilities.model_copy(
        update={name: part.model_copy(update=fixed) for name, part in parts.items() if part is not None}
    )


def _tasks(uris: Iterable[str]) -> set[str]:
    return {task_id for uri in uris if (task_id := addresses.task_in(uri)) is not None}
