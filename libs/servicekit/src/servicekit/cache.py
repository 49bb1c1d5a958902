"""Redis, for what may be lost."""

from ssl import TLSVersion
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from servicekit.health import NotReady
from servicekit.settings import ServiceSettings

MAX_CONNECTIONS = 32
IDLE_CHECK_S = 30


class Cache:
    """A pooled client that connects when it is first used, and again after Redis was away."""

    def __init__(self, client: "Redis") -> None:
        self.client = client

    @classmethod
    def connect(cls, settings: ServiceSettings) -> "Cache":
        """Make the client; nothing here waits or fails."""
        timeout_s = settings.redis_timeout_ms / 1000
        client = Redis(
            host=settings.redis_host,
            port=settings.redis_port,
            db=settings.redis_db,
            username=settings.redis_user,
            password=settings.redis_password.get_secret_value() if settings.redis_password else None,
            **_tls(settings),
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            health_check_interval=IDLE_CHECK_S,
            max_connections=MAX_CONNECTIONS,
            # A command that was cut off may have been done; only the caller knows whether it bears repetition.
            retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries=1),
            retry_on_error=[RedisConnectionError],
        )
        return cls(client)

    async def check(self) -> None:
        """Ask for a sign of life; raises what went wrong."""
        await self.client.ping()

    async def ready(self) -> None:
        """A readiness check: raises NotReady unless Redis gives a sign of life."""
        try:
            await self.check()
        except (RedisError, OSError) as error:
            raise NotReady(f"Redis is away: {str(error) or type(error).__name__}") from error

    async def close(self) -> None:
        """Close all connections."""
        await self.client.aclose()


def _tls(settings: ServiceSettings) -> dict[str, Any]:
    if not settings.redis_tls:
        return {}
    return {
        "ssl": True,
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_min_version": TLSVersion.TLSv1_2,
        "ssl_ca_certs": settings.redis_tls_ca,
        "ssl_certfile": settings.redis_tls_certificate,
        "ssl_keyfile": settings.redis_tls_key,
    }


def is_away(error: BaseException) -> bool:
    """Whether an error means that Redis does not answer, rather than that it refuses."""
    return isinstance(error, RedisConnectionError | RedisTimeoutError)
