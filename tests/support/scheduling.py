"""Which test process runs what, and when: all that share servers in the same one, and what takes long first."""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

END_TO_END = "tests/e2e/"
LONG_FIRST = (END_TO_END, "tests/chaos/", "tests/security/", "tests/deploy/", "tests/contract/", "tests/integration/")


class TogetherByFile(LoadScopeScheduling):
    """The end-to-end tests are one piece of work; every other file is one by itself."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        # Files with few tests are those that take long.
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return END_TO_END if nodeid.startswith(END_TO_END) else nodeid.partition("::")[0]


def rank(nodeid: str) -> int:
    """How early a test should start: what starts last must not take long."""
    found = (number for number, folder in enumerate(LONG_FIRST) if nodeid.startswith(folder))
    return next(found, len(LONG_FIRST))
