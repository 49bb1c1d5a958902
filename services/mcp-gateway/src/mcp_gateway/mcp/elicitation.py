"""Asking the person at the client: forms within an answer, their replies within the next call, sealed in between."""

from collections.abc import Mapping

from mcp.server import ServerRequestContext
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.types import (
    CallToolRequestParams,
    ClientCapabilities,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    InputResponse,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from mcp_gateway.domain.asking import Asking, Choice, Dialogue, Form, Reply
from mcp_gateway.mcp.schemas import Schema
from mcp_gateway.mcp.text.layout import printable
from mcp_gateway.ports import Upstreams

ANSWER = "answer"
MORE = "additional_context"


def seal_states(keys: tuple[str, ...], ttl_s: float, audience: str) -> RequestStateBoundary:
    """Middleware that seals what travels with the client: bound to caller, tool, arguments and time.

    The first key seals; all of them open. Without any, a random one: then no other process can go on.
    """
    security = RequestStateSecurity(keys=keys, ttl=ttl_s) if keys else RequestStateSecurity.ephemeral(ttl=ttl_s)
    return RequestStateBoundary(security, default_audience=audience)


def dialogue_of(context: ServerRequestContext[Upstreams], params: CallToolRequestParams) -> Dialogue | None:
    """What was said so far in this call; None for a client that cannot ask anybody, or only while a stream is open."""
    if context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return None
    if not _shows_forms(context.session.client_capabilities):
        return None
    return Dialogue(_replies(params.input_responses or {}), params.request_state)


def input_required(asking: Asking) -> InputRequiredResult:
    """The forms, as the protocol carries them in place of an answer."""
    requests = {form.key: ElicitRequest(params=_form(form)) for form in asking.forms}
    return InputRequiredResult(input_requests={**requests}, request_state=asking.state)


def _shows_forms(capabilities: ClientCapabilities | None) -> bool:
    elicitation = capabilities.elicitation if capabilities else None
    # Without any mode it means forms, which were there before modes were.
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def _replies(responses: Mapping[str, InputResponse]) -> dict[str, Reply]:
    return {key: _reply(given) for key, given in responses.items() if isinstance(given, ElicitResult)}


def _reply(given: ElicitResult) -> Reply:
    content = given.content or {}
    return Reply(Choice(given.action), str(content.get(ANSWER) or ""), str(content.get(MORE) or "") or None)


def _form(form: Form) -> ElicitRequestFormParams:
    answer: Schema = {"type": "string", "title": "Answer"}
    answer |= {"enum": list(form.options)} if form.options else {"minLength": 1}
    if form.default is not None:
        answer["default"] = form.default
    more: Schema = {"type": "string", "title": "More that the worker should know"}
    schema: Schema = {"type": "object", "properties": {ANSWER: answer, MORE: more}, "required": [ANSWER]}
    return ElicitRequestFormParams(message=printable(form.message), requested_schema=schema)
