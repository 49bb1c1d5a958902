"""What the runbooks tell people to type, as far as it can be tried without a cluster."""

import base64
import json
import re
import subprocess
from pathlib import Path

from tests.support.manifests.rendering import CHART

RUNBOOKS = CHART.parents[2] / "docs" / "runbooks"


def test_the_authority_is_put_back_by_a_patch_of_its_key_alone(tmp_path: Path) -> None:
    """A Secret that is replaced loses its labels, and a backup selects by them."""
    text = (RUNBOOKS / "bus-credentials.md").read_text()
    (command,) = re.findall(
        r"`([^`]+) \| kubectl -n mews patch secret mews-bus-authority --patch-file /dev/stdin`", text
    )
    kept = json.dumps({"operator": "a seed", "accounts": ["é"] * 40_000}).encode()
    (tmp_path / "authority").mkdir()
    (tmp_path / "authority" / "authority.json").write_bytes(kept)
    printed = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, check=True)
    (data,) = json.loads(printed.stdout).values()
    assert {key: base64.b64decode(value) for key, value in data.items()} == {"authority.json": kept}
