"""Amounts in words: what is plain is understood, and nothing is guessed."""

import pytest

from contracts.questions import RequestedResource
from worker_agent.decisions.amounts import Amount, Form, amount_of
from worker_agent.domain import Target

COMPUTE, STORAGE, QUOTA = RequestedResource.compute, RequestedResource.storage, RequestedResource.api_quota


@pytest.mark.parametrize(
    ("resource", "text", "amount"),
    [
        (COMPUTE, "512 MB", Amount(Target.memory_mb, 512)),
        (COMPUTE, "2GB", Amount(Target.memory_mb, 2048)),
        (COMPUTE, "1.5 GiB of RAM", Amount(Target.memory_mb, 1536)),
        (COMPUTE, "+1 GB", Amount(Target.memory_mb, 1024, Form.more)),
        (COMPUTE, "1 GB more memory", Amount(Target.memory_mb, 1024, Form.more)),
        (COMPUTE, "to 4 GB", Amount(Target.memory_mb, 4096, Form.total)),
        (COMPUTE, "memory_mb=4096", Amount(Target.memory_mb, 4096, Form.total)),
        (COMPUTE, "4096", Amount(Target.memory_mb, 4096)),
        (COMPUTE, "30 minutes", Amount(Target.run_ms, 1_800_000)),
        (COMPUTE, "1h", Amount(Target.run_ms, 3_600_000)),
        (COMPUTE, "run_ms 600000", Amount(Target.run_ms, 600_000)),
        (COMPUTE, "90 seconds of CPU time", Amount(Target.cpu_ms, 90_000)),
        (COMPUTE, "64 processes", Amount(Target.processes, 64)),
        (STORAGE, "10 GB", Amount(Target.disk_mb, 10_240)),
        (STORAGE, "500", Amount(Target.disk_mb, 500)),
        (STORAGE, "output 100 MB", Amount(Target.output_mb, 100)),
        (QUOTA, "artifacts +100 MB", Amount(Target.artifact_mb, 100, Form.more)),
        (QUOTA, "40 questions", Amount(Target.questions, 40)),
        (COMPUTE, "1 kB", Amount(Target.memory_mb, 1)),
    ],
)
def test_what_is_plain_is_understood(resource: RequestedResource, text: str, amount: Amount) -> None:
    assert amount_of(resource, text) == amount


@pytest.mark.parametrize(
    ("resource", "text"),
    [
        (COMPUTE, "2 cores"),
        (COMPUTE, "a GPU"),
        (COMPUTE, "2 GB and 30 minutes"),
        (COMPUTE, "1 hour 30 minutes"),
        (COMPUTE, "between 2 and 4 GB"),
        (COMPUTE, "-1 GB"),
        (COMPUTE, "30m"),
        (COMPUTE, "wall 30"),
        (COMPUTE, "10 MB processes"),
        (COMPUTE, "disk 10 GB"),
        (COMPUTE, "+ to 1 GB"),
        (COMPUTE, "9" * 400),
        (STORAGE, "30 minutes"),
        (STORAGE, "an S3 bucket of 10 GB"),
        (QUOTA, "1000 requests to the GitHub API"),
        (QUOTA, "1000"),
        (COMPUTE, "memory"),
        (RequestedResource.tool_access, "2 GB"),
    ],
)
def test_what_is_not_plain_is_left_to_the_manager(resource: RequestedResource, text: str) -> None:
    assert amount_of(resource, text) is None
