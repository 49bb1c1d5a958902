"""Which test process runs what: all tests that share one running system go to the same."""

from xdist.scheduler import LoadScopeScheduling

END_TO_END = "tests/e2e/"


class TogetherEndToEnd(LoadScopeScheduling):
    """The end-to-end tests are one piece of work, which starts first; every other test is one by itself."""

    def _split_scope(self, nodeid: str) -> str:
        return END_TO_END if nodeid.startswith(END_TO_END) else nodeid
