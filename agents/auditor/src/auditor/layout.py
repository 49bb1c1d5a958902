"""Decides from file names and configuration what is the project's own code and what are its tests."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

NOT_OWN = frozenset(
    {"test", "tests", "testing", "doc", "docs", "example", "examples", "script", "scripts", "tool", "tools"}
    | {"bench", "benchmark", "benchmarks", "build", "dist", "vendor", "third_party", "downstream"}
    | {"node_modules", "site-packages", "env", "venv", "virtualenv"}
)
TEST_FOLDERS = frozenset({"test", "tests"})
TEST_FILES = ("test_*.py", "*_test.py", "conftest.py")
NOT_MODULES = frozenset({"setup.py", "noxfile.py", "tasks.py", "fabfile.py", "dodo.py", "versioneer.py"})


@dataclass(frozen=True)
class Layout:
    """Where things are; paths are relative, with `/`."""

    kind: str
    """`src`, `flat`, `modules`, `nested` or `none`."""
    roots: tuple[str, ...]
    """Folders to import from."""
    targets: tuple[str, ...]
    """Packages and modules that are the project's own code."""
    own_files: tuple[str, ...]
    test_files: tuple[str, ...]
    test_paths: tuple[str, ...]
    excluded: tuple[str, ...]
    """Folders and files inside the targets that are tests."""


def decide_layout(files: Iterable[str], configured_tests: Sequence[str] = ()) -> Layout:
    """The layout of a project with these files. `configured_tests` are pytest's `testpaths`."""
    python = sorted(name for name in files if name.endswith(".py"))
    kind, targets = _find_targets(python)
    test_paths = _own_test_paths(configured_tests, targets)
    tests = tuple(name for name in python if _is_test(name, test_paths))
    test_set = frozenset(tests)
    inside = tuple(name for name in python if _is_below_any(name, targets))
    return Layout(
        kind=kind,
        roots=tuple(sorted({_parent(target) for target in targets})),
        targets=targets,
        own_files=tuple(name for name in inside if name not in test_set),
        test_files=tests,
        test_paths=tuple(configured_tests) or _top_test_paths(tests),
        excluded=_collapse([name for name in inside if name in test_set]),
    )


def _find_targets(python: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    packages = _top_packages(python)
    in_src = tuple(name for name in packages if _parent(name) == "src") + _modules(python, "src")
    if in_src:
        return "src", in_src
    flat = tuple(name for name in packages if _parent(name) == ".")
    if flat:
        return "flat", flat
    if packages:
        return "nested", packages
    modules = _modules(python, ".")
    if modules:
        return "modules", modules
    return _plain_folders(python)


def _top_packages(python: Sequence[str]) -> tuple[str, ...]:
    folders = {_parent(name) for name in python if PurePosixPath(name).name == "__init__.py"} - {"."}
    top = {name for name in folders if _parent(name) not in folders}
    return tuple(sorted(name for name in top if not NOT_OWN.intersection(PurePosixPath(name).parts)))


def _modules(python: Sequence[str], folder: str) -> tuple[str, ...]:
    return tuple(
        name for name in python if _parent(name) == folder and not _named_like_test(name) and name not in NOT_MODULES
    )


def _plain_folders(python: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    # Namespace packages and folders of scripts: what is not a test counts, whatever its folder is called.
    rest = [name for name in python if not _is_test(name, ()) and name not in NOT_MODULES]
    folders = tuple(sorted({PurePosixPath(name).parts[0] for name in rest}))
    return ("nested", folders) if folders else ("none", ())


def _own_test_paths(configured: Sequence[str], targets: Sequence[str]) -> tuple[str, ...]:
    # `testpaths = ["toolz"]` means "tests are somewhere in the package", not "the package is a test".
    return tuple(path for path in configured if not any(_is_below(target, path) for target in targets))


def _is_test(name: str, test_paths: Sequence[str]) -> bool:
    path = PurePosixPath(name)
    in_folder = bool(TEST_FOLDERS.intersection(path.parts[:-1]))
    return in_folder or _named_like_test(name) or _is_below_any(name, test_paths)


def _named_like_test(name: str) -> bool:
    return any(fnmatchcase(PurePosixPath(name).name, pattern) for pattern in TEST_FILES)


def _top_test_paths(tests: Sequence[str]) -> tuple[str, ...]:
    folders = {_topmost_test_folder(name) or _parent(name) for name in tests}
    return tuple(sorted(name for name in folders if not any(_is_below(name, o) for o in folders if o != name)))


def _collapse(tests: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({_topmost_test_folder(name) or name for name in tests}))


def _topmost_test_folder(name: str) -> str | None:
    parts = PurePosixPath(name).parts
    for index, part in enumerate(parts[:-1]):
        if part in TEST_FOLDERS:
            return "/".join(parts[: index + 1])
    return None


def _is_below_any(name: str, folders: Sequence[str]) -> bool:
    return any(_is_below(name, folder) for folder in folders)


def _is_below(name: str, folder: str) -> bool:
    return folder == "." or name == folder or name.startswith(folder.rstrip("/") + "/")


def _parent(name: str) -> str:
    return str(PurePosixPath(name).parent)
