"""Which test process runs what: all tests that share one running system go to the same."""

from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("tests/e2e/", "tests/deploy/test_observability.py")
"""What shares one running system."""


class TogetherEndToEnd(LoadScopeScheduling):
    """The tests of one running system are one piece of work, which starts first; every other test is one by itself."""

    def _split_scope(self, nodeid: str) -> str:
        return next((place for place in TOGETHER if nodeid.startswith(place)), nodeid)
