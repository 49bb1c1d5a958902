from sandbox.processes.procfs import ProcessStat
from sandbox.processes.sampler import strays


def test_a_child_of_another_session_is_a_stray() -> None:
    own = ProcessStat(2, 1, 10, "S", 0, 0, 1, 0)
    other = own._replace(pid=3, session=3)
    assert strays([own, other], session=10) == [other]
