"""Settings of the gateway, read from the environment."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from mcp_gateway.decisions.access import AuthMode, check_setup, parse_keys, parse_tokens
from mcp_gateway.decisions.audit.redacting import Bounds
from mcp_gateway.domain.principals import TokenEntry
from mcp_gateway.errors import UnsafeSetup
from mcp_gateway.handlers.audit.recording import RecordingPolicy
from servicekit.settings import ServiceSettings


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


# The database drops nothing younger, whoever asks.
LEAST_AUDIT_DAYS = 31
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class Settings(ServiceSettings):
    """Every field is the environment variable of the same name in capitals."""

    http_port: int = Field(default=8080, ge=0, le=65_535)
    """Port on which the gateway listens; 0 takes a free one."""
    auth_mode: AuthMode = AuthMode.token
    """`token`: callers show a bearer token of GATEWAY_TOKENS. `local`: everybody may call, on loopback only."""
    gateway_tokens: SecretStr = SecretStr("")
    """Accepted tokens as `name:sha256` separated by commas; the name is told to the services as the actor."""
    gateway_allowed_hosts: Names = ()
    """Host headers that are served beside loopback's, such as `mews.example.com` or `mews.example.com:*`."""
    gateway_allowed_origins: Names = ()
    """Origins of web pages that may call beside loopback's, such as `https://ui.example.com`."""
    gateway_state_keys: SecretStr = SecretStr("")
    """Keys that seal what travels with a client between a question to its person and the reply: 32 characters or more
    each, separated by commas, the same for all replicas. The first seals, all of them open, so that one can be replaced
    while others are in use. Local mode takes a random one where it is empty."""
    gateway_state_ttl_ms: int = Field(default=3_600_000, ge=1_000)
    """How long a person may take for a reply, before the client must begin its call again."""
    listen_streams: int = Field(default=1_000, ge=1)
    """Most streams of `subscriptions/listen` that are open at once, in this process."""
    listen_tasks: int = Field(default=500, ge=1)
    """Most tasks that all of them together may listen to."""
    listen_together_ms: int = Field(default=250, ge=1)
    """A resource is told of at most once in this time, however often it changes."""
    monitor_wait_ms: int = Field(default=600_000, ge=1_000)
    """How long monitor_task with `wait` follows a task before it answers with what there is."""
    monitor_poll_ms: int = Field(default=1_000, ge=10)
    """How often it asks for the task's state meanwhile."""

    audit_required: bool = False
    """Whether nothing may be done that cannot be written to the audit log: what changes something is written down
    before it is carried out, and refused while PostgreSQL is away. Without it, entries wait in memory meanwhile, and
    the log tells of the gap."""
    audit_wait_ms: int = Field(default=2_000, ge=1)
    """How long the answer to a call that changes something waits for its entry to be durable."""
    audit_queue: int = Field(default=10_000, ge=1)
    """Most entries that wait in memory while PostgreSQL is away; what comes beyond is lost, and counted in the log."""
    audit_gather_ms: int = Field(default=200, ge=0)
    """How long entries of calls that only read are gathered before they are written together."""
    audit_details_bytes: int = Field(default=4_000, ge=200, le=65_536)
    """Most of a call's arguments, or of a decision, that an entry keeps, as JSON."""
    audit_retention_days: int = Field(default=400, ge=0)
    """How old all entries of a month are before it is dropped, 31 or more; 0 keeps them for ever."""
    audit_head_every_ms: int = Field(default=600_000, ge=100)
    """How often the end of the audit log is told in the process's log, if it has moved."""

    @property
    def tokens(self) -> tuple[TokenEntry, ...]:
        """The accepted tokens."""
        return parse_tokens(self.gateway_tokens.get_secret_value())

    @property
    def state_keys(self) -> tuple[str, ...]:
        """The keys that seal; none in local mode means a random one."""
        return parse_keys(self.gateway_state_keys.get_secret_value())

    @property
    def recording_policy(self) -> RecordingPolicy:
        """How entries of the audit log are kept until they are written."""
        return RecordingPolicy(self.audit_required, self.audit_wait_ms, self.audit_queue, self.audit_gather_ms)

    @property
    def audit_bounds(self) -> Bounds:
        """How much an entry keeps of what it is about."""
        return Bounds(total=self.audit_details_bytes)

    @field_validator("audit_retention_days")
    @classmethod
    def _keeps_long_enough(cls, days: int) -> int:
        if 0 < days < LEAST_AUDIT_DAYS:
            raise ValueError(f"must be 0 (for ever) or at least {LEAST_AUDIT_DAYS}")
        return days

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        try:
            check_setup(self.auth_mode, self.http_host, self.tokens, self.state_keys)
        except UnsafeSetup as error:
            raise ValueError(error.detail) from error
        return self
