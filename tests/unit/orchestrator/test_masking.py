"""What workers are told of a task's requirements holds no secret of it."""

from typing import Any

import pytest

from contracts.addresses import MASK
from orchestrator.decisions.masking import masked


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"env": {"TOKEN": "s3cret", "EMPTY": ""}}, {"env": {"TOKEN": MASK, "EMPTY": MASK}}),
        ({"repository": "https://user:s3cret@host/a.git"}, {"repository": f"https://{MASK}@host/a.git"}),
        ({"repository": "https://s3cret@host/a@b.git"}, {"repository": f"https://{MASK}@host/a@b.git"}),
        ({"repository": "HTTP://user:s3@cret@host:80/a"}, {"repository": f"HTTP://{MASK}@host:80/a"}),
    ],
)
def test_secrets_are_masked(given: dict[str, Any], told: dict[str, Any]) -> None:
    assert masked(given | {"ref": "main"}) == told | {"ref": "main"}


@pytest.mark.parametrize(
    "requirements",
    [
        {},
        {"env": {}, "tags": ["a"]},
        {"repository": "https://host/a@b.git"},
        {"repository": "git@host:a/b.git"},
        {"repository": "ssh://git@host/a.git"},
        {"repository": "/srv/a"},
    ],
)
def test_what_is_no_secret_is_told_as_it_was_written(requirements: dict[str, Any]) -> None:
    assert masked(requirements) == requirements
