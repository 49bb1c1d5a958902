import json

import pytest

from sandbox import errors
from sandbox.problems import respond


def kinds(of: type[errors.SandboxError]) -> list[type[errors.SandboxError]]:
    below = [found for kind in of.__subclasses__() for found in kinds(kind)]
    return below or [of]


@pytest.mark.parametrize("kind", kinds(errors.SandboxError))
def test_every_error_has_a_code_and_a_status_of_its_kind(kind: type[errors.SandboxError]) -> None:
    answer = respond(kind("what happened"))
    body = json.loads(bytes(answer.body))
    assert kind.code != errors.SandboxError.code
    assert 400 <= answer.status_code < 600
    assert (body["code"], body["status"], body["detail"]) == (kind.code, answer.status_code, "what happened")


def test_no_two_errors_share_a_code() -> None:
    codes = [kind.code for kind in kinds(errors.SandboxError)]
    assert len(set(codes)) == len(codes)
