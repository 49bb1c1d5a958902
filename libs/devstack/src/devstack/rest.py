"""The gateway's `/v1/…`, for the commands of administrators and operators: the same address and token as MCP."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
from pydantic import BaseModel, TypeAdapter, ValidationError

from contracts.problems import Problem
from devstack.calls import CallRefused, GatewayAway, Target, is_loopback

ANSWER_WITHIN_S = 30.0

Result = TypeVar("Result")


def call_rest(
    target: Target,
    method: str,
    path: str,
    into: type[Result],
    *,
    body: BaseModel | None = None,
    params: Mapping[str, Any] | None = None,
) -> Result:
    """One request to `/v1/…` of the gateway; parameters that are None are left out. Raises GatewayAway, CallRefused."""
    url = urlsplit(target.url)._replace(path=path, query="").geturl()
    headers = {"Authorization": f"Bearer {target.token}"} if target.token else {}
    content = None if body is None else body.model_dump_json(exclude_none=True).encode()
    if content is not None:
        headers["Content-Type"] = "application/json"
    given = {name: value for name, value in (params or {}).items() if value is not None}
    try:
        with httpx2.Client(timeout=ANSWER_WITHIN_S, trust_env=not is_loopback(target.url)) as http:
            response = http.request(method, url, headers=headers, content=content, params=given)
    except httpx2.HTTPError as error:
        cause = str(error) or type(error).__name__
        raise GatewayAway(f"no gateway answers at {target.url} ({cause}); start the system with: mews up") from error
    if response.is_error:
        raise _refused(target, response)
    try:
        return TypeAdapter(into).validate_json(response.content)
    except ValidationError as error:
        raise GatewayAway(f"{url} answers what is not understood; it may be another version") from error


def _refused(target: Target, response: httpx2.Response) -> CallRefused:
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return CallRefused("error", f"the gateway at {target.url} answered {response.status_code}")
    if response.status_code == httpx2.codes.UNAUTHORIZED:
        return CallRefused(problem.code, f"{problem.detail} (give it with --token or MEWS_TOKEN)")
    if response.status_code == httpx2.codes.TOO_MANY_REQUESTS:
        wait = response.headers.get("Retry-After", "a few")
        return CallRefused(problem.code, f"{problem.detail} (in {wait} s)")
    return CallRefused(problem.code, problem.detail)
