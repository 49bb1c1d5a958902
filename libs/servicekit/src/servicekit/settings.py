"""Settings that all services share, read from the environment. A service's own settings subclass these."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, StringConstraints, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Port = int

GATEWAY = "mcp-gateway"
"""The service that calls all others, in the name of whoever called it."""

KIBIBYTE = 1024
MEBIBYTE = 1024 * 1024


TLS_KEYS = (
    "http_tls_key",
    "nats_tls_key",
    "otel_exporter_otlp_client_key",
    "postgres_tls_key",
    "redis_tls_key",
    "service_tls_key",
)


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Caller = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,63}:[0-9a-f]{64}$")]
Callers = Annotated[tuple[Caller, ...], NoDecode, BeforeValidator(_split)]


class ServiceSettings(BaseSettings):
    """Every field is the environment variable of the same name in capitals; an empty variable counts as unset."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    nats_host: str = "localhost"
    """Host of the NATS server, or several separated by commas, each with its own `:port` if it differs."""
    nats_port: Port = Field(default=4222, ge=1, le=65_535)
    """Port of the NATS server."""
    nats_user: str | None = None
    """User at the NATS server; empty where it asks for none."""
    nats_password: SecretStr | None = None
    """Password of that user."""
    nats_tls: bool = False
    """Whether the connection to NATS is encrypted."""
    nats_tls_ca: str | None = None
    """File with the certificate authority of NATS (PEM); the system's are used where it is empty."""
    nats_tls_certificate: str | None = None
    """File with this client's own certificate for NATS (PEM), where it asks for one."""
    nats_tls_key: str | None = None
    """File with the key of that certificate (PEM)."""
    nats_credentials: str | None = None
    """File with the user's JWT and seed (`.creds`), where NATS asks for them; each connection reads it anew."""
    nats_declares: bool = True
    """Whether this service makes streams and consumers that are missing; where NATS confines services, only the
    orchestrator may, and the others wait for it."""
    nats_replicas: int = Field(default=1, ge=1, le=5)
    """Copies that JetStream keeps of every stream: 1 on one machine, 3 in production."""
    nats_stream_max_bytes: int | None = Field(default=None, ge=1)
    """Most bytes that JetStream keeps of each stream; empty for no limit but the server's."""
    nats_compression: bool = False
    """Whether JetStream compresses its streams on disk (S2)."""

    redis_host: str = "localhost"
    """Host of the Redis server."""
    redis_port: Port = Field(default=6379, ge=1, le=65_535)
    """Port of the Redis server."""
    redis_db: int = Field(default=0, ge=0)
    """Number of the Redis database."""
    redis_user: str | None = None
    """User at Redis (ACL); empty for the default user."""
    redis_password: SecretStr | None = None
    """Password at Redis; empty where it asks for none."""
    redis_tls: bool = False
    """Whether the connection to Redis is encrypted."""
    redis_tls_ca: str | None = None
    """File with the certificate authority of Redis (PEM); the system's are used where it is empty."""
    redis_tls_certificate: str | None = None
    """File with this client's own certificate for Redis (PEM), where it asks for one."""
    redis_tls_key: str | None = None
    """File with the key of that certificate (PEM)."""
    redis_timeout_ms: int = Field(default=1_000, ge=1)
    """How long one Redis command, or connecting, may take."""

    postgres_host: str = "localhost"
    """Host of the PostgreSQL server, or the folder of its Unix socket."""
    postgres_port: Port = Field(default=5432, ge=1, le=65_535)
    """Port of the PostgreSQL server."""
    postgres_db: str = "mcp_manager"
    """Name of the database."""
    postgres_user: str = "postgres"
    """Role of the running service: reads and writes rows of its own schema."""
    postgres_password: SecretStr | None = None
    """Password of that role."""
    postgres_owner_user: str | None = None
    """Role that owns the schema and runs migrations; POSTGRES_USER where it is empty."""
    postgres_owner_password: SecretStr | None = None
    """Password of the owner's role."""
    postgres_tls: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    """How the connection to PostgreSQL is encrypted, as libpq's `sslmode` says it; `verify-full` in production."""
    postgres_tls_ca: str | None = None
    """File with the certificate authority of PostgreSQL (PEM); `verify-ca` and `verify-full` need it."""
    postgres_tls_certificate: str | None = None
    """File with this client's own certificate for PostgreSQL (PEM), where it asks for one."""
    postgres_tls_key: str | None = None
    """File with the key of that certificate (PEM)."""
    postgres_pool_size: int = Field(default=10, ge=1, le=1_000)
    """Most connections to PostgreSQL of one process."""
    postgres_connect_timeout_ms: int = Field(default=5_000, ge=1)
    """How long connecting to PostgreSQL, or waiting for a free connection, may take."""
    postgres_statement_timeout_ms: int = Field(default=30_000, ge=1)
    """How long one SQL statement may take."""
    postgres_lock_timeout_ms: int = Field(default=10_000, ge=1)
    """How long a statement may wait for a lock."""
    postgres_idle_in_transaction_timeout_ms: int = Field(default=30_000, ge=1)
    """How long a transaction may stand idle before the server ends it."""
    migration_lock_timeout_ms: int = Field(default=5_000, ge=1)
    """How long a migration may wait for a lock before it gives up, so that it never holds up the running service."""

    http_host: str = "127.0.0.1"
    """Address on which the service listens."""
    http_port: Port = Field(default=8000, ge=0, le=65_535)
    """Port on which the service listens; 0 takes a free one and logs it."""
    http_reload: bool = False
    """Whether the service starts again whenever its source changes; for development alone."""
    max_body_bytes: int = Field(default=8 * MEBIBYTE, ge=1)
    """Largest request body; a larger one is refused with 413."""
    max_header_bytes: int = Field(default=32 * KIBIBYTE, ge=1_024)
    """Largest sum of a request's headers; more are refused with 431."""
    max_url_bytes: int = Field(default=64 * KIBIBYTE, ge=256)
    """Longest path and query of a request; a longer one is refused with 414."""
    http_head_timeout_ms: int = Field(default=10_000, ge=1)
    """How long the head of a request may take to come before the connection is closed."""
    http_tls_certificate: str | None = None
    """File with the certificate that this service shows (PEM, with its chain); empty: it speaks plain HTTP."""
    http_tls_key: str | None = None
    """File with the key of that certificate (PEM)."""
    http_tls_client_ca: str | None = None
    """File with the authority of callers' certificates (PEM): whoever shows none of it is refused, probes too."""
    service_token: SecretStr | None = None
    """Bearer token of this service alone, which it shows to the services that it calls."""
    service_callers: Callers = ()
    """Who may call this service, as `name:sha256` of the caller's token, separated by commas; a caller may have two
    while its token is replaced. Empty: everybody, on a loopback address only."""
    service_open: bool = False
    """Whether everybody may call, on any address, where SERVICE_CALLERS is empty."""
    service_tls_ca: str | None = None
    """File with the certificate authority of the services that this one calls; the system's are used if empty."""
    service_tls_certificate: str | None = None
    """File with the certificate that this service shows when it calls others (PEM), where they ask for one."""
    service_tls_key: str | None = None
    """File with the key of that certificate (PEM)."""
    http_timeout_ms: int = Field(default=10_000, ge=1)
    """How long a call to another service may take."""
    readiness_timeout_ms: int = Field(default=2_000, ge=1)
    """How long one readiness check may take before it counts as failed."""
    shutdown_grace_ms: int = Field(default=20_000, ge=0)
    """How long work in hand may take to finish after SIGTERM."""

    retention_tick_ms: int = Field(default=3_600_000, ge=100)
    """How often what is too old is looked for."""
    dead_letter_retention_days: int = Field(default=30, ge=0)
    """How long dead letters are kept after they were processed or given up, and those that cannot be processed; 0: for
    ever."""
    dead_letter_open_retention_days: int = Field(default=0, ge=0)
    """How long dead letters are kept that nobody has seen to; 0: for ever."""

    orchestrator_url: str = "http://127.0.0.1:8101"
    """Base address of the orchestrator."""
    telemetry_ingest_url: str = "http://127.0.0.1:8102"
    """Base address of telemetry-ingest."""
    analytics_query_url: str = "http://127.0.0.1:8103"
    """Base address of analytics-query."""
    question_broker_url: str = "http://127.0.0.1:8104"
    """Base address of the question-broker."""
    gateway_url: str = "http://127.0.0.1:8080"
    """Base address of the mcp-gateway."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is logged."""
    log_format: Literal["json", "console"] = "json"
    """One JSON object a line, or lines for a person."""
    otel_exporter_otlp_endpoint: str | None = None
    """Base address of an OTLP/HTTP collector, such as `http://otel:4318`; empty turns tracing off."""
    otel_exporter_otlp_certificate: str | None = None
    """File with the certificate authority of the collector (PEM); well-known ones are used where it is empty."""
    otel_exporter_otlp_client_certificate: str | None = None
    """File with this client's own certificate for the collector (PEM), where it asks for one."""
    otel_exporter_otlp_client_key: str | None = None
    """File with the key of that certificate (PEM)."""
    otel_traces_sampler_arg: float = Field(default=1.0, ge=0, le=1)
    """Share of new traces that is kept."""

    @model_validator(mode="after")
    def _keys_come_with_certificates(self) -> Self:
        for name in TLS_KEYS:
            certificate = name.removesuffix("key") + "certificate"
            if (getattr(self, name) is None) != (getattr(self, certificate) is None):
                raise ValueError(f"{certificate.upper()} and {name.upper()} go together: one is set and one is not")
        if self.http_tls_client_ca is not None and self.http_tls_certificate is None:
            raise ValueError("HTTP_TLS_CLIENT_CA is set but HTTP_TLS_CERTIFICATE is not: callers cannot show theirs")
        return self

    @model_validator(mode="after")
    def _owner_needs_password_of_its_own(self) -> Self:
        if self.postgres_owner_password is not None and self.postgres_owner_user is None:
            raise ValueError("POSTGRES_OWNER_PASSWORD is set but POSTGRES_OWNER_USER is not")
        return self


def explain(error: ValidationError) -> str:
    """One line that names each wrong environment variable; values are left out, since some are secret."""
    return "; ".join(_explain_one(str(e["loc"][0]) if e["loc"] else "", e["msg"]) for e in error.errors())


def _explain_one(field: str, message: str) -> str:
    return f"{field.upper()}: {message}" if field else message.removeprefix("Value error, ")
