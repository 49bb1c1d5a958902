"""What the tests of this folder share: everything, running once a test process."""

from collections.abc import Iterator

import pytest

from tests.support.besieged import Besieged, besieged
from tests.support.stack import TestPostgres


@pytest.fixture(scope="session")
def system(postgres: TestPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Besieged]:
    """The gateway and the four services."""
    with besieged(postgres, tmp_path_factory.mktemp("besieged")) as running:
        yield running
