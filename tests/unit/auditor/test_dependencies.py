from auditor.dependencies import read_dependencies

PYPROJECT = {
    "project": {
        "dependencies": ["Requests>=2", "old<1; python_version < '3'"],
        "optional-dependencies": {"fast": ["uvloop"]},
        "dynamic": ["version"],
    },
    "dependency-groups": {"dev": ["pytest~=7.2", {"include-group": "x"}, "not a requirement!!"]},
    "build-system": {"requires": ["hatchling"]},
    "tool": {
        "poetry": {
            "dependencies": {"python": "^3.9", "rich": "^13"},
            "group": {"docs": {"dependencies": {"mkdocs": "*"}}},
        }
    },
}


def test_declarations_of_every_group_are_found_and_compared_with_what_is_installed() -> None:
    figures = read_dependencies(PYPROJECT, {}, {"requests": "2.31", "pytest": "9.2", "old": "3"})
    found = {(one.group, one.name): (one.installed, one.satisfied) for one in figures.declared}
    assert found == {
        ("runtime", "requests"): ("2.31", True),
        ("runtime", "old"): ("3", None),
        ("runtime", "rich"): (None, False),
        ("extra:fast", "uvloop"): (None, False),
        ("group:dev", "pytest"): ("9.2", False),
        ("group:docs", "mkdocs"): (None, False),
        ("build", "hatchling"): (None, False),
    }
    assert len(figures.notes) == 1
    assert figures.count("group:") == 2


def test_setup_files_are_read_without_running_them() -> None:
    setup = "raise SystemExit('must not run')\nsetup(install_requires=['six>=1'], extras_require={'t': ['mock']})"
    config = "[options]\ninstall_requires =\n    attrs>=20  # why\n    # comment\n[options.extras_require]\ndev = tox\n"
    figures = read_dependencies({}, {"setup.py": setup, "setup.cfg": config}, {})
    assert {(one.group, one.name) for one in figures.declared} == {
        ("runtime", "six"),
        ("extra:t", "mock"),
        ("runtime", "attrs"),
        ("extra:dev", "tox"),
    }


def test_options_in_requirements_files_are_no_requirements() -> None:
    text = "-r other.txt\n--index-url x\nflask==3.0  # pinned\n\n"
    figures = read_dependencies({}, {"requirements.txt": text}, {})
    assert [(one.group, one.name, one.specifier) for one in figures.declared] == [
        ("file:requirements.txt", "flask", "==3.0")
    ]


def test_broken_files_give_no_dependencies() -> None:
    assert read_dependencies({"project": 3}, {"setup.py": "def (", "setup.cfg": "[x"}, {}).declared == []
