import pytest

from servicekit.cache import Cache, is_away
from servicekit.health import NotReady
from servicekit.settings import ServiceSettings
from tests.support.stack import TestRedis


def settings(redis: TestRedis) -> ServiceSettings:
    known = {name.lower(): value for name, value in redis.env().items()}
    return ServiceSettings.model_validate(known | {"redis_timeout_ms": 500})


async def test_a_cache_is_made_while_redis_is_away_and_outlives_its_absence(redis_server: TestRedis) -> None:
    redis_server.stop()
    cache = Cache.connect(settings(redis_server))
    assert not await answers(cache)
    redis_server.start()
    assert await answers(cache)
    await cache.ready()
    redis_server.kill()
    assert not await answers(cache)
    with pytest.raises(NotReady, match="Redis is away: "):
        await cache.ready()
    redis_server.start()
    assert await answers(cache)
    await cache.close()


async def answers(cache: Cache) -> bool:
    try:
        await cache.check()
    except Exception as error:
        if not is_away(error):
            raise
        return False
    return True
