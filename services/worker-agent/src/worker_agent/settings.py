"""The settings of the worker-agent, read from the environment once."""

import re
import socket
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from contracts.base import Name, WorkerId
from servicekit.settings import ServiceSettings
from worker_agent.decisions.grants import Policy
from worker_agent.decisions.rates import Rate, SendLimits
from worker_agent.domain import Target, ToolProfile

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
MEBIBYTE = 1024 * 1024
AGENT_KEYS = ("CURSOR_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "CODEX_API_KEY", "GEMINI_API_KEY")
MODEL_ADDRESSES = ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "GOOGLE_GEMINI_BASE_URL")


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = (pair.partition("=") for pair in value.split(",") if pair.strip())
    return {agent.strip(): model.strip() for agent, _, model in pairs}


def _own_id() -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())[:64] or "worker"


Names = Annotated[tuple[Name, ...], NoDecode, BeforeValidator(_split)]
Models = Annotated[dict[str, Name], NoDecode, BeforeValidator(_pairs)]


class StopPolicy(StrEnum):
    """What becomes of running attempts when this process is told to stop."""

    resume = "resume"
    leave = "leave"


class Settings(ServiceSettings):
    """What every service has, and these."""

    worker_id: WorkerId = Field(default_factory=_own_id)
    """Id of this worker: letters, digits, `_` and `-`; the host's name if it is left out."""
    manager_host: str | None = None
    """Host of the manager's machine: there NATS is looked for unless NATS_HOST says otherwise."""
    worker_tags: Names = ()
    """Tags of this worker, separated by commas; a task may ask for some."""
    worker_capabilities: Names = ()
    """What this worker can do beside running its agents, separated by commas."""
    worker_stop: StopPolicy = StopPolicy.resume
    """What SIGTERM means: `resume`, a later start takes the running attempts up again, if it comes within their leases;
    `leave`, this worker does not come back, and its tasks are moved at once."""
    max_concurrent_tasks: int = Field(default=3, ge=1, le=1_000)
    """How many attempts run here at a time."""
    default_agent: str = "auditor"
    """Agent of a task that names none."""
    worker_tool_profile: ToolProfile = ToolProfile.full
    """Tools that an agent sees: `core`, what daily work needs, or `full`; a granted request adds to it."""
    data_dir: Path = Path("data")
    """Folder of the spool and the journal; it must outlive the process."""
    sandbox_socket: str = "/run/mews/sandbox.sock"
    """Path of the sandbox's Unix socket."""
    agent_python: str = sys.executable
    """Interpreter, as the sandbox sees it, of the agents that are Python programs."""
    agent_path: str = ""
    """Folders, as the sandbox sees them and separated by colons, where agents' programs are looked for before PATH."""
    agent_models: Models = {}
    """Model of a task that names none, for each agent: `claude=sonnet,codex=gpt-5-codex`."""
    cursor_api_key: SecretStr | None = None
    """Key of the agent `cursor`. A task's own `env` counts more than each of these keys and addresses."""
    anthropic_api_key: SecretStr | None = None
    """Key of the agent `claude`, and of `opencode` for models of Anthropic."""
    openai_api_key: SecretStr | None = None
    """Key of the agent `codex`, and of `opencode` for models of OpenAI."""
    codex_api_key: SecretStr | None = None
    """Key of the agent `codex` alone; counts more than OPENAI_API_KEY there."""
    gemini_api_key: SecretStr | None = None
    """Key of the agent `gemini`, and of `opencode` for models of Google."""
    anthropic_base_url: str | None = None
    """Address of a server that stands for Anthropic's."""
    openai_base_url: str | None = None
    """Address of a server that stands for OpenAI's, with `/v1` at its end."""
    google_gemini_base_url: str | None = None
    """Address of a server that stands for Google's."""
    worker_mcp_port: int = Field(default=0, ge=0, le=65_535)
    """Port of the MCP endpoint on loopback; 0 takes a free one and keeps it across restarts."""
    http_port: int = Field(default=8105, ge=0, le=65_535)
    """Port of the probes and metrics; 0 takes a free one and logs it."""

    heartbeat_ms: int = Field(default=5_000, ge=100)
    """Time between two heartbeats."""
    usage_ms: int = Field(default=5_000, ge=1_000)
    """Time between two samples of what an agent uses."""
    run_ms: int = Field(default=2 * HOUR_MS, ge=1_000)
    """Longest run of an agent whose task names no limit."""
    silence_ms: int = Field(default=15 * MINUTE_MS, ge=1_000)
    """Longest time without output or report of an agent whose task names no limit."""
    verify_ms: int = Field(default=15 * MINUTE_MS, ge=1_000)
    """Longest run of all verify commands of a task that names no limit."""
    memory_limit_mb: int | None = Field(default=None, ge=1)
    """Memory of an agent whose task names no limit; the sandbox's own limit if left out."""
    stop_grace_ms: int = Field(default=3_000, ge=0)
    """Time between TERM and KILL for an agent that is cancelled: it is to be gone within 5 s."""
    completion_linger_ms: int = Field(default=60_000, ge=0)
    """How long an agent may stay after report_completion before it is ended; its work counts all the same."""
    pause_grace_ms: int = Field(default=2_000, ge=0)
    """How long check_commands tells an agent of a pause before its processes are stopped."""
    rpc_timeout_ms: int = Field(default=5_000, ge=10)
    """How long a tool waits for a service of the platform that does not answer."""
    result_linger_ms: int = Field(default=15_000, ge=0)
    """How long an agent's program may stay after its last result before it is ended; its result counts all the same."""
    attempt_max_crashes: int = Field(default=3, ge=1)
    """How often this worker-agent may die while it has an attempt and take it up again, before it gives it up."""
    sandbox_patience_ms: int = Field(default=60_000, ge=0)
    """How long the sandbox may be away before an attempt that needs it fails."""
    push_ms: int = Field(default=2 * MINUTE_MS, ge=1_000)
    """How long a remote may take to accept a push; after that the result is kept as an artifact."""
    save_ms: int = Field(default=10_000, ge=0)
    """How long an outcome waits for its unpushed result to be kept; after that it is told, and that is done later."""
    bundle_max_mb: int = Field(default=64, ge=1)
    """Largest unpushed result that is kept as an artifact; it is held in memory on its way."""
    unsaved_retention_ms: int = Field(default=24 * HOUR_MS, ge=0)
    """How long a workspace is kept for unpushed work that cannot be saved; then it is removed, and an error says so."""
    workspace_retention_ms: int = Field(default=10 * MINUTE_MS, ge=0)
    """How long the workspace of an attempt is kept after its end."""
    workspace_budget_mb: int = Field(default=10_240, ge=0)
    """Most disk that the workspaces of ended attempts may take; beyond it the oldest are removed before their time. 0:
    any."""
    attempt_memory_ms: int = Field(default=24 * HOUR_MS, ge=0)
    """How long an attempt is remembered after its end, so that no late repeat of its assignment runs it again."""

    spool_max_mb: int = Field(default=512, ge=16)
    """Most disk that unpublished events may take; what does not fit is refused."""
    spool_linger_ms: int = Field(default=2, ge=0, le=1_000)
    """How long an event after a pause may wait for others to share a batch with it."""
    spool_busy_linger_ms: int = Field(default=10, ge=0, le=1_000)
    """The same while one event follows another: larger batches cost each tool call less."""
    max_event_bytes: int = Field(default=512 * 1024, ge=1_024, le=960 * 1024)
    """Largest event; as a message, it must be below the 1 MiB that NATS takes of a worker."""
    max_tool_body_bytes: int = Field(default=4 * 1024 * 1024, ge=1_024)
    """Largest request that the MCP endpoint reads."""

    max_tool_connections: int = Field(default=512, ge=1)
    """Connections that the MCP endpoint holds at a time; one more is answered with 503."""
    attempt_events_per_s: float = Field(default=500, gt=0)
    """What an attempt may send through tools on the average, in events a second; beyond it a call is refused with
    `rate_limited` and the time to wait. Its output has as much, and is thinned beyond it."""
    attempt_events_burst: int = Field(default=2_000, ge=1)
    """How many of these at once after a quiet time."""
    attempt_mb_per_s: float = Field(default=4, gt=0)
    """The same in MB a second."""
    attempt_mb_burst: float = Field(default=16, gt=0)
    """The same at once after a quiet time, in MB."""
    attempt_object_mb_per_s: float = Field(default=16, gt=0)
    """How much an attempt may put into the object store, in MB a second; a large one is paid for by the next."""
    attempt_calls_at_once: int = Field(default=64, ge=1)
    """Calls of tools of one attempt that may be under way at a time, those that wait for an answer among them."""

    max_artifact_mb: int = Field(default=32, ge=1, le=1_024)
    """Largest artifact."""
    artifact_quota_mb: int = Field(default=256, ge=1)
    """All artifacts of an attempt together; request_resources may raise it."""
    max_checkpoint_mb: int = Field(default=64, ge=1, le=1_024)
    """Largest checkpoint before it is compressed; a file in it is written back in one request to the sandbox, which
    takes SANDBOX_MAX_TRANSFER_MB."""

    max_open_questions: int = Field(default=20, ge=1)
    """Questions and requests of an attempt that may be open at a time; request_resources may raise it."""

    grant_memory_mb: int | None = Field(default=None, ge=0)
    """Highest memory that an attempt gets by request_resources without asking the manager; for this and the next seven:
    twice what the attempt has itself if left out, and nothing beyond that with 0."""
    grant_run_ms: int | None = Field(default=None, ge=0)
    """The same for the time that its agent may run."""
    grant_cpu_ms: int | None = Field(default=None, ge=0)
    """The same for its CPU time."""
    grant_processes: int | None = Field(default=None, ge=0)
    """The same for the processes that it may have at a time."""
    grant_disk_mb: int | None = Field(default=None, ge=0)
    """The same for what its workspace may take."""
    grant_output_mb: int | None = Field(default=None, ge=0)
    """The same for what its agent may write to its output."""
    grant_artifact_mb: int | None = Field(default=None, ge=0)
    """The same for all its artifacts together."""
    grant_questions: int | None = Field(default=None, ge=0)
    """The same for its open questions."""
    grant_tools: Names = ("*",)
    """Tools and tool profiles that an attempt gets without asking, as patterns separated by commas; `none` for none."""
    grant_dependencies: Names = ()
    """Packages that are installed without asking, as patterns separated by commas: `requests`, `pytest-*`, `npm:*`."""

    def policy(self, known_tools: frozenset[str]) -> Policy:
        """What request_resources gets without asking; `known_tools`: names of tools and profiles."""
        ceilings = {target: getattr(self, f"grant_{target}") for target in Target}
        return Policy(ceilings, self.grant_tools, self.grant_dependencies, known_tools)

    @property
    def send_limits(self) -> SendLimits:
        """How fast each attempt may send."""
        object_rate = self.attempt_object_mb_per_s * MEBIBYTE
        return SendLimits(
            Rate(self.attempt_events_per_s, self.attempt_events_burst),
            Rate(self.attempt_mb_per_s * MEBIBYTE, self.attempt_mb_burst * MEBIBYTE),
            Rate(object_rate, object_rate),
            self.attempt_calls_at_once,
        )

    @property
    def agent_keys(self) -> dict[str, str]:
        """The keys that are set, by the names of their variables."""
        keys = {name: getattr(self, name.lower()) for name in AGENT_KEYS}
        return {name: key.get_secret_value() for name, key in keys.items() if key is not None}

    @property
    def agent_variables(self) -> dict[str, str]:
        """Keys and addresses of models, by the names of their variables."""
        addresses = {name: getattr(self, name.lower()) for name in MODEL_ADDRESSES}
        return self.agent_keys | {name: address for name, address in addresses.items() if address is not None}

    @model_validator(mode="before")
    @classmethod
    def _bus_beside_manager(cls, given: dict[str, Any]) -> dict[str, Any]:
        host = given.get("manager_host")
        return {"nats_host": host} | given if host else given

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        return folder.absolute()
