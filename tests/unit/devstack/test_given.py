from devstack.servers.base import ServerInfo
from devstack.servers.given import given_nats, given_postgres, given_redis


def test_nothing_is_given_without_a_host():
    env = {"NATS_PORT": "4222", "REDIS_HOST": "", "POSTGRES_USER": "postgres"}
    assert given_nats(env) is given_redis(env) is given_postgres(env) is None


def test_the_references_variables_name_a_server():
    env = {
        "POSTGRES_HOST": "localhost",
        "POSTGRES_PASSWORD": "postgres",
        "NATS_HOST": "bus",
        "NATS_PORT": "4333",
        "REDIS_HOST": "cache",
        "REDIS_PASSWORD": "secret",
    }
    assert given_postgres(env) == ServerInfo("localhost", 5432, "postgres", "postgres")
    assert given_nats(env) == ServerInfo("bus", 4333)
    assert given_redis(env) == ServerInfo("cache", 6379, password="secret")
