"""nats-py without WebSockets, which the platform does not use: for them it loads aiohttp wherever that is installed.

That is a sixth of the time in which a service starts, and 10 MB of its memory.
"""

import sys
from importlib import import_module

_AIOHTTP = "aiohttp"

if _AIOHTTP not in sys.modules and "nats" not in sys.modules:
    # As if it were not installed, which nats-py allows for. See the documentation of `sys.modules`.
    sys.modules[_AIOHTTP] = None  # pyright: ignore[reportArgumentType]
    try:
        import_module("nats.aio.transport")
    finally:
        del sys.modules[_AIOHTTP]
