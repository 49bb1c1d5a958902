"""The proto files say the same as the Pydantic contracts."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from contracts.batches import EVENT_BATCH
from contracts.events import EVENT_TYPES
from tests.support.examples import FULL, MINIMAL, event

ROOT = Path(__file__).parents[2]
CASES = [(kind, size, body) for size, bodies in (("full", FULL), ("minimal", MINIMAL)) for kind, body in bodies.items()]


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("proto")
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}", f"--python_out={out}"]
    subprocess.run([*protoc, "mews/v1/contracts.proto"], check=True, cwd=ROOT / "proto")
    sys.path.insert(0, str(out))
    try:
        return importlib.import_module("mews.v1.contracts_pb2")
    finally:
        sys.path.remove(str(out))


def through_proto(message_type: Any, wire: bytes) -> bytes:
    message = json_format.Parse(wire, message_type())
    received = message_type.FromString(message.SerializeToString())
    return json_format.MessageToJson(received, preserving_proto_field_name=True).encode()


def test_the_proto_file_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, "proto/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_kind_has_a_full_and_a_minimal_example() -> None:
    assert FULL.keys() == MINIMAL.keys() == EVENT_TYPES.keys()


def test_full_examples_leave_no_field_of_an_event_body_out() -> None:
    optional = {"outcome": set(), "registered": set()}
    for kind, body in FULL.items():
        fields = EVENT_TYPES[kind].model_fields["body"].annotation.model_fields.keys()  # type: ignore[union-attr]
        assert fields - body.keys() - optional.get(kind, set()) == set(), kind


@pytest.mark.parametrize(("kind", "size", "body"), CASES, ids=[f"{k}-{s}" for k, s, _ in CASES])
def test_an_event_survives_its_typed_proto_message(messages: Any, kind: str, size: str, body: dict[str, Any]) -> None:
    sent = event(kind, body)
    message_type = getattr(messages, type(sent).__name__)
    back = type(sent).model_validate_json(through_proto(message_type, sent.to_json()))
    assert back == sent
    assert json.loads(back.to_json()) == json.loads(sent.to_json())


@pytest.mark.parametrize(("kind", "size", "body"), CASES, ids=[f"{k}-{s}" for k, s, _ in CASES])
def test_an_event_survives_in_a_batch_of_the_untyped_union(
    messages: Any, kind: str, size: str, body: dict[str, Any]
) -> None:
    wire = json.dumps({"producer": "spool-1", "batch": 1, "events": [event(kind, body).to_dict()]}).encode()
    sent = EVENT_BATCH.validate_json(wire)
    assert EVENT_BATCH.validate_json(through_proto(messages.EventBatch, wire)) == sent
