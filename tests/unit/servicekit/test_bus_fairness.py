from servicekit.bus.fairness import FairShare, Turns
from servicekit.bus.ratelimit import RateLimit
from servicekit.bus.rpc import BURST_OF_ONE, MOST_OF_ONE, Askers

SHARE = FairShare(bytes_per_s=100_000, burst_bytes=50_000, behind=10, most_waiting=50)
SIZE = 10_000 - 1_024
BEHIND = 1_000


class Stream:
    """Messages that come one after another, each at its time."""

    def __init__(self, share: FairShare = SHARE) -> None:
        self.turns = Turns(share)
        self.sequence = 0
        self.now_s = 100.0

    def comes(self, sender: str, pending: int = BEHIND, size: int = SIZE) -> float:
        self.sequence += 1
        return self.turns.delay_s(sender, self.sequence, size, pending, self.now_s)


def test_while_the_consumer_keeps_up_nobody_waits() -> None:
    stream = Stream()
    stream.comes("calm", pending=0)
    assert {stream.comes("loud", pending=9) for _ in range(1_000)} == {0.0}


def test_behind_a_flood_the_others_have_their_turn_and_the_flood_comes_back_at_its_pace() -> None:
    stream = Stream()
    for _ in range(20):
        stream.comes("loud")
    stream.now_s += 1
    delays: dict[str, list[float]] = {"loud": [], "calm": []}
    for _ in range(3):
        delays["calm"].append(stream.comes("calm"))
        delays["loud"] += [stream.comes("loud") for _ in range(10)]
        stream.now_s += 0.2
    assert delays["calm"] == [0.0, 0.0, 0.0]
    waited = [delay for delay in delays["loud"] if delay]
    assert len(waited) >= 20
    # 10,000 bytes at 100,000 a second: a tenth of a second apart.
    assert min(waited) >= SHARE.least_delay_s
    assert max(waited) > 0.1 * len(waited)


def test_who_is_alone_does_not_wait_for_anybody() -> None:
    stream = Stream()
    assert {stream.comes("loud") for _ in range(1_000)} == {0.0}


def test_equal_senders_do_not_wait_however_much_they_send() -> None:
    stream = Stream()
    delays: set[float] = set()
    for number in range(4_000):
        stream.now_s += 0.001
        delays.add(stream.comes(f"w{number % 8}"))
    assert delays == {0.0}


def flooded(share: FairShare = SHARE) -> Stream:
    """A stream with a flood that has to wait, beside one that is calm."""
    stream = Stream(share)
    for _ in range(200):
        stream.comes("loud", pending=0)
    stream.now_s += 1
    stream.comes("calm", pending=0)
    return stream


def test_no_more_waits_than_a_durable_can_bear() -> None:
    stream = flooded()
    delays = [stream.comes("loud") for _ in range(200)]
    assert all(delays[:50])
    assert not any(delays[50:])
    assert stream.turns.waiting == 50


def test_nothing_waits_longer_than_the_most_and_what_comes_again_is_judged_again() -> None:
    stream = flooded(FairShare(bytes_per_s=1, burst_bytes=50_000, behind=10))
    assert stream.comes("loud") == FairShare().most_delay_s
    again = stream.sequence
    assert stream.turns.waiting == 1
    stream.now_s += 30
    assert stream.turns.delay_s("loud", again, SIZE, 0, stream.now_s) == 0.0
    assert stream.turns.waiting == 0


def test_who_has_used_little_does_not_wait_however_little_the_others_use() -> None:
    stream = Stream()
    for _ in range(4):
        stream.comes("more")
    stream.now_s += 0.2
    stream.comes("less", size=1)
    stream.now_s += 0.2
    assert stream.comes("more") == 0.0


def test_a_flood_that_is_over_is_forgotten() -> None:
    stream = flooded()
    assert stream.comes("loud") > 0
    stream.now_s += 600
    stream.comes("calm")
    assert stream.comes("loud") == 0.0


def test_many_small_messages_are_a_flood_too() -> None:
    stream = Stream()
    for _ in range(2_000):
        stream.comes("loud", pending=0, size=1)
    stream.now_s += 0.2
    stream.comes("calm", pending=0, size=1)
    assert stream.comes("loud", size=1) > 0


def test_a_worker_that_asks_without_end_is_told_so_and_others_are_let_in() -> None:
    askers = Askers()
    assert [askers.objection("loud", 5.0) for _ in range(MOST_OF_ONE)] == [None] * MOST_OF_ONE
    assert "wait until one is" in (askers.objection("loud", 5.0) or "")
    assert askers.objection("calm", 5.0) is None
    askers.answered("loud")
    assert askers.objection("loud", 5.0) is None


def test_a_worker_may_ask_so_often_and_after_a_second_again() -> None:
    askers, objections = Askers(), list[str | None]()
    for _ in range(BURST_OF_ONE + 2):
        objections.append(askers.objection("loud", 5.0))
        if objections[-1] is None:
            askers.answered("loud")
    assert not any(objections[:BURST_OF_ONE])
    assert "500 times a second" in (objections[-1] or "")
    assert askers.objection("loud", 6.0) is None


def test_one_that_was_quiet_has_its_whole_burst_and_one_that_keeps_the_pace_is_never_refused() -> None:
    limit = RateLimit(per_s=2, burst=4)
    assert [limit.allows("burst", 100.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert [limit.allows("steady", 100.0 + n / 2) for n in range(50)] == [True] * 50
    assert limit.allows("burst", 100.5)


def test_what_costs_much_is_paid_for_by_what_comes_after_it() -> None:
    limit = RateLimit(per_s=1, burst=4)
    assert limit.allows("large", 100.0, cost=20)
    assert not limit.allows("large", 115.0)
    assert limit.allows("large", 116.0)


def test_of_many_senders_those_that_are_quiet_are_forgotten_and_the_loud_one_is_not() -> None:
    limit = RateLimit(per_s=0.001, burst=0, most_known=10)
    assert limit.allows("loud", 100.0)
    for n in range(1_000):
        assert limit.allows(f"forged-{n}", 100.0)
        assert not limit.allows("loud", 100.0)
    assert limit.allows("forged-0", 100.0)
