"""Servers that somebody else runs, named by the environment variables of the reference."""

from collections.abc import Mapping

from devstack.servers.base import ServerInfo


def given_nats(env: Mapping[str, str]) -> ServerInfo | None:
    """The NATS server of NATS_HOST, NATS_PORT, NATS_USER and NATS_PASSWORD, if a host is named."""
    return _given(env, "NATS", 4222)


def given_redis(env: Mapping[str, str]) -> ServerInfo | None:
    """The Redis server of REDIS_HOST, REDIS_PORT and REDIS_PASSWORD, if a host is named."""
    return _given(env, "REDIS", 6379)


def given_postgres(env: Mapping[str, str]) -> ServerInfo | None:
    """The PostgreSQL server of POSTGRES_HOST, _PORT, _USER and _PASSWORD (an administrator), if a host is named."""
    return _given(env, "POSTGRES", 5432, user="postgres")


def _given(env: Mapping[str, str], prefix: str, port: int, user: str | None = None) -> ServerInfo | None:
    host = env.get(f"{prefix}_HOST")
    if not host:
        return None
    return ServerInfo(
        host=host,
        port=int(env.get(f"{prefix}_PORT") or port),
        user=env.get(f"{prefix}_USER") or user,
        password=env.get(f"{prefix}_PASSWORD") or None,
    )
