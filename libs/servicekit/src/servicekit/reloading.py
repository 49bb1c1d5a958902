"""Serving while one develops: the service starts again whenever a file of its source has changed."""

import os
import runpy
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from socket import socket

from uvicorn import Config
from uvicorn.supervisors import ChangeReload

VARIABLE = "HTTP_RELOAD"
SHARED = ("servicekit", "contracts")


def serve_reloading(module: str) -> None:
    """Run `python -m <module> serve` in a process of its own, again after each change, until SIGTERM or SIGINT.

    One that ends by itself, as with an error in the source, is started at the next change.
    """
    # The processes that are started serve, instead of watching in turn.
    os.environ[VARIABLE] = "false"
    folders = [str(_folder(name)) for name in (module, *SHARED)]
    config = Config(module, reload=True, reload_dirs=folders, log_config=None)
    ChangeReload(config, target=partial(_serve_once, module), sockets=[]).run()


def _serve_once(module: str, sockets: list[socket] | None = None) -> None:
    sys.argv = [module, "serve"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _folder(module: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{module} is no package with source", name=module)
    return Path(spec.origin).parent
