"""Packages that an agent may ask for: how they are named, and the command that installs one in its own folder."""

import re
from typing import NamedTuple

NPM = "npm:"
PYPI_SPEC = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:\[[A-Za-z0-9._,\s-]+\])?"
    r"(?:\s*(?:[<>=!~]=?|===)\s*[A-Za-z0-9.*+!_-]+(?:\s*,\s*(?:[<>=!~]=?|===)\s*[A-Za-z0-9.*+!_-]+)*)?"
)
NPM_SPEC = re.compile(r"(?P<name>(?:@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*)(?:@[\^~<>=]{0,2}[A-Za-z0-9.*+-]+)?")
FOLDER = "$HOME/.local/granted"

PYPI_INSTALL = """set -e
folder="$HOME/.local/granted/$2"
rm -rf "$folder"
if command -v uv >/dev/null; then
  exec uv pip install --quiet --python "$(command -v python3)" --target "$folder" "$1"
fi
exec python3 -m pip install --quiet --disable-pip-version-check --target "$folder" "$1"
"""
NPM_INSTALL = """set -e
folder="$HOME/.local/granted/$2"
rm -rf "$folder"
mkdir -p "$folder"
exec npm install --no-fund --no-audit --loglevel=error --prefix "$folder" "$1"
"""
REMOVE = 'rm -rf "$HOME/.local/granted/$1"'


class Package(NamedTuple):
    """A package of PyPI or npm. `spec` is what its installer is given, `name` what an allow-list names."""

    name: str
    spec: str

    @property
    def is_npm(self) -> bool:
        """Whether npm has it; otherwise PyPI does."""
        return self.name.startswith(NPM)

    @property
    def folder(self) -> str:
        """Name of its own folder below the granted ones."""
        return re.sub(r"[^a-z0-9._-]+", "-", self.name)

    @property
    def use(self) -> str:
        """How a program finds it, in words."""
        place = f"{FOLDER}/{self.folder}"
        if self.is_npm:
            return f"set NODE_PATH={place}/node_modules; its programs are in {place}/node_modules/.bin"
        return f"set PYTHONPATH={place}; its programs are in {place}/bin"

    @property
    def install(self) -> tuple[str, ...]:
        """The command that installs it, below the HOME of the one who runs it."""
        return ("/bin/sh", "-c", NPM_INSTALL if self.is_npm else PYPI_INSTALL, "install", self.spec, self.folder)

    @property
    def removal(self) -> tuple[str, ...]:
        """The command that removes it."""
        return ("/bin/sh", "-c", REMOVE, "remove", self.folder)


def package_of(text: str) -> Package | None:
    """`requests`, `requests>=2`, `npm:left-pad`, `npm:@scope/name@1.2`; None for all else, such as URLs and options."""
    spec = text.strip()
    if spec.startswith(NPM):
        spec = spec.removeprefix(NPM)
        found = NPM_SPEC.fullmatch(spec)
        return Package(NPM + found["name"], spec) if found else None
    found = PYPI_SPEC.fullmatch(spec)
    return Package(plain_name(found["name"]), spec) if found else None


def plain_name(name: str) -> str:
    """A name, or a pattern of names, as it is compared: PyPI takes `Ruamel.Yaml` and `ruamel-yaml` for one."""
    return name if name.startswith(NPM) else re.sub(r"[-_.]+", "-", name).lower()
