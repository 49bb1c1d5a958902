"""Settings of the gateway, read from the environment."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from mcp_gateway.decisions.access import AuthMode, check_setup, parse_keys, parse_tokens
from mcp_gateway.decisions.audit.redacting import Bounds
from mcp_gateway.decisions.clients import Network, parse_networks
from mcp_gateway.decisions.issuers import check_algorithms, check_oauth, parse_issuers, parse_roles
from mcp_gateway.decisions.limiting import Rate
from mcp_gateway.domain.credentials import KeyAges, TokenPolicy
from mcp_gateway.domain.needs import Effect
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
    """`token`: callers show a bearer token: an API key, one of GATEWAY_TOKENS, or one of an authorization server.
    `local`: everybody may call, on loopback only, and is an administrator."""
    gateway_tokens: SecretStr = SecretStr("")
    """Accepted tokens as `name:sha256` or `name:sha256:role`, separated by commas, without a role an operator's; the
    name is told to the services as the actor. API keys and OAuth need none."""
    gateway_key_check_ms: int = Field(default=2_000, ge=100)
    """How often a replica asks PostgreSQL how the API keys that it knows stand; then it lets in no revoked one."""
    gateway_key_keep_ms: int = Field(default=900_000, ge=1_000)
    """How long a replica believes an API key that it knows while PostgreSQL is away."""
    gateway_oauth_issuers: Names = ()
    """Authorization servers whose tokens (JWT) are accepted: `https://issuer`, whose keys are found by its metadata, or
    `https://issuer=https://address/of/its/keys`, separated by commas. Empty: none."""
    gateway_resource_url: str | None = None
    """The address at which clients reach `/mcp`, such as `https://mews.example.com/mcp`: the audience that a token must
    have, and what the protected-resource metadata names. OAuth needs it."""
    gateway_oauth_audiences: Names = ()
    """Audiences that are accepted beside it, for authorization servers that give names of their own."""
    gateway_oauth_algorithms: Names = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
    """Signature algorithms that are accepted; all of them asymmetric."""
    gateway_oauth_roles: Names = ("mews:viewer=viewer", "mews:operator=operator", "mews:admin=admin")
    """What scopes, or values of other claims, mean: `value=role`. The highest counts; without any there is no entry."""
    gateway_oauth_role_claims: Names = ("scope", "scp", "roles")
    """Claims in which those values are looked for; a dot leads into an object, such as `realm_access.roles`."""
    gateway_oauth_name_claims: Names = ("sub", "client_id")
    """The first of these claims that a token has names the caller."""
    gateway_oauth_leeway_ms: int = Field(default=30_000, ge=0, le=300_000)
    """How far the clocks of an authorization server and the gateway may be apart."""
    gateway_oauth_keys_ms: int = Field(default=300_000, ge=1_000)
    """The keys of an authorization server are fetched again when they are older than this."""
    gateway_oauth_pause_ms: int = Field(default=10_000, ge=100)
    """A key that is not known is looked for at the authorization server at most once in this time."""
    gateway_oauth_keep_ms: int = Field(default=86_400_000, ge=1_000)
    """How long keys are believed while their authorization server is away."""
    gateway_trusted_proxies: Names = ()
    """Addresses or networks of proxies in front, whose X-Forwarded-For is believed; only for counting failures."""
    rate_limit_reads_per_minute: int = Field(default=1_800, ge=0)
    """Reading requests of one caller over all replicas, in the long run; 0: without limit. None in local mode."""
    rate_limit_reads_burst: int = Field(default=300, ge=1)
    """How many of them at once."""
    rate_limit_writes_per_minute: int = Field(default=600, ge=0)
    """The same for requests that change something."""
    rate_limit_writes_burst: int = Field(default=200, ge=1)
    """How many of them at once."""
    rate_limit_answers_within_ms: int = Field(default=250, ge=1)
    """How long a request waits for Redis to count it, before the replica counts by itself."""
    auth_failures_per_minute: int = Field(default=30, ge=1)
    """Wrong credentials from one address, in the long run, before only known ones are admitted from there."""
    auth_failures_burst: int = Field(default=20, ge=1)
    """How many of them at once."""
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
    inbox_retention_days: int = Field(default=90, ge=0)
    """How long the mark of a producer is kept after its last batch, longer than `EVENTS` keeps one; 0: for ever."""
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
    def token_policy(self) -> TokenPolicy | None:
        """Which tokens of authorization servers are accepted; None: none."""
        issuers = parse_issuers(self.gateway_oauth_issuers)
        if not issuers or self.gateway_resource_url is None:
            return None
        return TokenPolicy(
            issuers=issuers,
            audiences=frozenset({self.gateway_resource_url, *self.gateway_oauth_audiences}),
            algorithms=check_algorithms(self.gateway_oauth_algorithms),
            roles=parse_roles(self.gateway_oauth_roles),
            role_claims=self.gateway_oauth_role_claims,
            name_claims=self.gateway_oauth_name_claims,
            leeway_s=self.gateway_oauth_leeway_ms / 1000,
        )

    @property
    def key_ages(self) -> KeyAges:
        """How long keys of authorization servers are believed."""
        times_ms = (self.gateway_oauth_keys_ms, self.gateway_oauth_pause_ms, self.gateway_oauth_keep_ms)
        return KeyAges(*(time_ms / 1000 for time_ms in times_ms))

    @property
    def trusted_proxies(self) -> tuple[Network, ...]:
        """Whose X-Forwarded-For is believed."""
        return parse_networks(self.gateway_trusted_proxies)

    @property
    def rates(self) -> dict[Effect, Rate]:
        """How much a caller may do."""
        return {
            Effect.read: Rate(self.rate_limit_reads_per_minute, self.rate_limit_reads_burst),
            Effect.write: Rate(self.rate_limit_writes_per_minute, self.rate_limit_writes_burst),
        }

    @property
    def allowed_failures(self) -> Rate:
        """Wrong credentials from one address."""
        return Rate(self.auth_failures_per_minute, self.auth_failures_burst)

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
            check_setup(self.auth_mode, self.http_host, self.state_keys)
            check_oauth(self.gateway_oauth_issuers, self.gateway_resource_url)
            # Each of them is read once, so that what is wrong in it is told at the start.
            _ = self.tokens, self.token_policy, self.trusted_proxies
        except UnsafeSetup as error:
            raise ValueError(error.detail) from error
        return self
