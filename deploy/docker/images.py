"""Build the images: `python deploy/docker/images.py --builder docker --registry ghcr.io/you --tag 0.1.0`.

All last stages of the Dockerfile are built one after the other, so that they share what they have in common. Beside
them a bill of materials (CycloneDX) is written for each. Standard library alone: it runs wherever Python does.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DOCKERFILE = HERE / "Dockerfile"
BUILDERS: Mapping[str, tuple[str, ...]] = {
    "docker": ("docker", "build"),
    "podman": ("podman", "build", "--layers"),
    "buildah": ("buildah", "build", "--layers"),
}
"""How each builds; the last two keep no layer of theirs to use again, unless they are told to."""
PUSHES: Mapping[str, tuple[str, ...]] = {name: (name, "push") for name in BUILDERS}
# An image with an attestation beside it is an index, which not everything that takes images can load.
ENVIRONMENT: Mapping[str, str] = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
STAGE = re.compile(r"^FROM\s+(?P<base>\S+)\s+AS\s+(?P<name>\S+)\s*$")
INSTALL = re.compile(r"add\s+/added/own(?P<options>(?:\s+--\S+(?:\s+[^-\s]\S*)?)*)")


class BuildFailed(Exception):
    """What went wrong, in a sentence."""


@dataclass
class Stage:
    """A stage of a Dockerfile: its name, and its instructions with continued lines joined."""

    name: str
    base: str
    instructions: list[str] = field(default_factory=list[str])

    def has(self, instruction: str) -> bool:
        """Whether it has such an instruction."""
        return any(line.split(None, 1)[0] == instruction for line in self.instructions)


@dataclass(frozen=True)
class Order:
    """What is to be built, with which builder, and how it is called and labelled."""

    builder: str
    targets: tuple[str, ...]
    prefix: str
    tag: str
    arguments: Mapping[str, str]

    def reference(self, target: str) -> str:
        """The name and tag of an image."""
        return f"{self.prefix}{target}:{self.tag}"


def stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile."""
    found: list[Stage] = []
    for line in _joined(text):
        begun = STAGE.match(line)
        if begun:
            found.append(Stage(begun["name"], begun["base"]))
        elif found:
            found[-1].instructions.append(line)
    return found


def targets(text: str) -> tuple[str, ...]:
    """The stages that are images: those that say what runs in them."""
    return tuple(stage.name for stage in stages(text) if stage.has("ENTRYPOINT"))


def packages(text: str, target: str) -> tuple[str, ...]:
    """Options of uv for the packages of the workspace that an image is made from, and for what it leaves out."""
    built = next(stage for stage in stages(text) if stage.name == f"{target}-built")
    found = INSTALL.search("\n".join(built.instructions))
    assert found, f"the stage {built.name} adds nothing to /added/own"
    words = [word for word in found["options"].split() if word != "--no-editable"]
    return tuple("--no-emit-package" if word == "--no-install-package" else word for word in words)


def build_command(order: Order, target: str) -> list[str]:
    """The command that builds an image."""
    arguments = [part for name, value in order.arguments.items() for part in ("--build-arg", f"{name}={value}")]
    which = ["--file", str(DOCKERFILE), "--target", target, "--tag", order.reference(target)]
    return [*BUILDERS[order.builder], *which, *arguments, str(ROOT)]


def bill_command(order: Order, target: str, file: Path, syft: str | None) -> list[str]:
    """The command that writes what is in an image: all of it with syft, else what the lock file says of Python's."""
    if syft:
        return [syft, "scan", f"{order.builder}:{order.reference(target)}", "--output", f"cyclonedx-json={file}"]
    chosen = packages(DOCKERFILE.read_text(), target)
    export = ["uv", "export", "--frozen", "--no-dev", "--quiet", "--no-header", "--format", "cyclonedx1.5"]
    return [*export, *chosen, "--output-file", str(file)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Build; the exit code."""
    options = _parser(targets(DOCKERFILE.read_text())).parse_args(arguments)
    try:
        if shutil.which(options.builder) is None:
            raise BuildFailed(f"{options.builder} is not on PATH; say BUILDER=docker, podman or buildah")
        _carry_out(_order(options), options)
    except BuildFailed as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    return 0


def _order(options: argparse.Namespace) -> Order:
    chosen = tuple(options.images) or targets(DOCKERFILE.read_text())
    prefix = "".join(f"{part.strip('/')}/" for part in (options.registry, options.repository) if part)
    return Order(options.builder, chosen, prefix, options.tag or _version(), _arguments(options))


def _carry_out(order: Order, options: argparse.Namespace) -> None:
    options.bills.mkdir(parents=True, exist_ok=True)
    syft = shutil.which("syft") if order.builder != "buildah" else None
    for target in order.targets:
        _run(build_command(order, target))
        _run(bill_command(order, target, options.bills / f"{target}.cdx.json", syft))
        if options.push:
            _run([*PUSHES[order.builder], order.reference(target)])
        print(f"images: {order.reference(target)}", flush=True)


def _parser(known: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Build the images of mews.", allow_abbrev=False)
    parser.add_argument("images", nargs="*", metavar="IMAGE", help=f"some of {', '.join(known)} (default: all)")
    parser.add_argument("--builder", choices=tuple(BUILDERS), default="docker")
    parser.add_argument("--registry", default="", help="such as ghcr.io/you; empty for images of this machine")
    parser.add_argument("--repository", default="mews", help="what stands before each name (default: mews)")
    parser.add_argument("--tag", default="", help="default: the version of the project")
    parser.add_argument("--python-image", default="", help="the base (default: what the Dockerfile says)")
    parser.add_argument("--source", default="", help="address of the repository, for the label")
    parser.add_argument("--bills", type=Path, default=ROOT / "dist" / "sbom", help="folder of the bills of materials")
    parser.add_argument("--push", action="store_true", help="push each image once it is built")
    return parser


def _arguments(options: argparse.Namespace) -> dict[str, str]:
    given = {"PYTHON_IMAGE": options.python_image, "SOURCE": options.source}
    return {"VERSION": options.tag or _version(), "REVISION": _revision()} | {
        name: value for name, value in given.items() if value
    }


def _version() -> str:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def _revision() -> str:
    """The commit, and whether anything differs from it."""
    git = ["git", "-C", str(ROOT)]
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=False).stdout
    return f"{commit}-dirty" if commit and changed.strip() else commit or "unknown"


def _joined(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [" ".join(line.split()) for line in "\n".join(lines).replace("\\\n", " ").splitlines()]


def _run(command: Sequence[str]) -> None:
    print(f"+ {' '.join(command)}", flush=True)
    done = subprocess.run(command, cwd=ROOT, env={**ENVIRONMENT, **os.environ}, check=False)
    if done.returncode != 0:
        raise BuildFailed(f"`{' '.join(command[:2])} …` ended with {done.returncode}")


if __name__ == "__main__":
    sys.exit(main())
