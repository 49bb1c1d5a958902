"""Packages: what is a name and a version, and nothing that an installer would take for more."""

import pytest

from worker_agent.decisions.packages import package_of


@pytest.mark.parametrize(
    ("text", "name", "folder"),
    [
        ("requests", "requests", "requests"),
        (" requests>=2 ", "requests", "requests"),
        ("Ruamel.Yaml == 0.18.*", "ruamel-yaml", "ruamel-yaml"),
        ("uvicorn[standard]>=0.30,<1", "uvicorn", "uvicorn"),
        ("npm:left-pad", "npm:left-pad", "npm-left-pad"),
        ("npm:@scope/tool@^1.2.0", "npm:@scope/tool", "npm-scope-tool"),
    ],
)
def test_a_package_is_known_by_its_plain_name(text: str, name: str, folder: str) -> None:
    package = package_of(text)
    assert package is not None
    assert (package.name, package.folder) == (name, folder)
    assert package.spec in text
    assert package.install[-2:] == (package.spec, folder)
    assert folder in package.use


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-r requirements.txt",
        "--index-url=http://evil.example/ requests",
        "git+https://example.com/x.git",
        "./folder",
        "../folder",
        "/etc",
        "https://example.com/x.whl",
        "a b",
        "requests; rm -rf /",
        "requests>=2 --pre",
        "$(id)",
        "npm:",
        "npm:../x",
        "npm:x y",
        "npm:--global",
        "npm:git+ssh://x",
        "npm:file:x",
    ],
)
def test_what_is_more_than_a_name_and_a_version_is_no_package(text: str) -> None:
    assert package_of(text) is None
