"""What this project's processes make of an environment: their own settings read it, as they do at their start."""

import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import get_args
from unittest.mock import patch

from pydantic import SecretStr, ValidationError

import analytics_query.settings
import devstack
import mcp_gateway.settings
import orchestrator.settings
import question_broker.settings
import sandbox.settings
import telemetry_ingest.settings
import worker_agent.settings
from contracts.sandbox import ProcessLimits
from devstack.admin import SCHEMAS
from servicekit.settings import ServiceSettings
from tests.support.manifests.objects import Container

SERVICES: dict[str, type[ServiceSettings]] = {
    "orchestrator": orchestrator.settings.Settings,
    "telemetry-ingest": telemetry_ingest.settings.Settings,
    "analytics-query": analytics_query.settings.Settings,
    "question-broker": question_broker.settings.Settings,
    "mcp-gateway": mcp_gateway.settings.Settings,
    "worker-agent": worker_agent.settings.Settings,
}
SANDBOX = "sandbox"
TOOLS = "tools"
TOOLS_SOURCE = Path(devstack.__file__).parent
IMAGES = frozenset({*SERVICES, SANDBOX, TOOLS})

BESIDE = frozenset({"POD_NAME", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "TZ"})
"""Variables that no settings hold: for other variables to refer to, or read by libraries and by what an agent runs."""
WORD = re.compile(r'"([A-Z][A-Z0-9]*_[A-Z0-9_]+)"')
SECRET_NAME = re.compile(r"(PASSWORD|TOKENS?|API_KEY|STATE_KEYS|CALLERS)$")


def image_of(container: Container) -> str:
    """The image's own name: neither registry nor tag."""
    return re.sub(r"[:@].*$", "", str(container.body["image"]).rpartition("/")[2])


def unknown(image: str, names: set[str]) -> set[str]:
    """Variables that the process of an image does not read: misspelt ones would be ignored without a word."""
    if image == TOOLS:
        known = _tools_names()
    elif image == SANDBOX:
        known = _sandbox_names()
    else:
        known = _fields(SERVICES[image])
    return {name for name in names if name.upper() not in known | BESIDE}


def refused(image: str, variables: Mapping[str, str]) -> list[str]:
    """Why the process of an image would not start with these variables."""
    try:
        if image == SANDBOX:
            sandbox.settings.load(variables)
        else:
            with patch.dict(os.environ, variables, clear=True):
                SERVICES.get(image, ServiceSettings)()
    except ValidationError as error:
        return [f"{'.'.join(map(str, found['loc'])).upper()}: {found['msg']}" for found in error.errors()]
    return []


def is_secret(image: str, name: str) -> bool:
    """Whether a variable's value must not be in a manifest."""
    field = SERVICES[image].model_fields.get(name.lower()) if image in SERVICES else None
    kinds = (field.annotation, *get_args(field.annotation)) if field else ()
    return SecretStr in kinds or SECRET_NAME.search(name) is not None


def _fields(settings: type[ServiceSettings]) -> set[str]:
    return {field.upper() for field in settings.model_fields}


@cache
def _tools_names() -> set[str]:
    """Words in capitals in the command line's source, the shared settings that it reads, and passwords of roles."""
    sources = "".join(file.read_text() for file in TOOLS_SOURCE.rglob("*.py"))
    roles = {f"{schema}_{role}_password".upper() for schema in SCHEMAS for role in ("owner", "app")}
    return {*WORD.findall(sources), *_fields(ServiceSettings), *roles}


def _sandbox_names() -> set[str]:
    limits = {f"{group}_{name}" for group in ("default", "max") for name in ProcessLimits.model_fields}
    return {f"SANDBOX_{name.upper()}" for name in {*sandbox.settings.Settings.model_fields, *limits}}
