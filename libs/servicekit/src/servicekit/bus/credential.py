"""`python -m servicekit.bus.credential FILE service NAME | worker ID`: wait until a credential gives what one may need.

A credential of an earlier version is valid, and may lack a right of this one: what starts with it asks in vain.
"""

import argparse
import base64
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from contracts.permissions import Rights, lacking, rights_of_service, rights_of_worker
from servicekit.bus.keys import Credentials

LOOK_EVERY_S = 2.0
RIGHTS_OF: dict[str, Callable[[str], Rights]] = {"service": rights_of_service, "worker": rights_of_worker}


def main(arguments: Sequence[str] | None = None) -> None:
    """Wait, and say what for whenever it changes."""
    parser = argparse.ArgumentParser(prog="python -m servicekit.bus.credential", allow_abbrev=False)
    parser.add_argument("file", type=Path, help="the credentials file")
    parser.add_argument("kind", choices=tuple(RIGHTS_OF), help="whose it is")
    parser.add_argument("name", help="of the service, or id of the worker")
    given = parser.parse_args(arguments)
    needed, told = RIGHTS_OF[given.kind](given.name), ""
    while reason := reason_to_wait(given.file, needed):
        if reason != told:
            print(f"waiting for {given.file}: {reason}; `mews cluster setup` makes it", flush=True)
            told = reason
        time.sleep(LOOK_EVERY_S)


def reason_to_wait(file: Path, needed: Rights) -> str | None:
    """Why a process with these needs should not start with this file; None where nothing is amiss."""
    try:
        credentials = Credentials.parse(file.read_text())
    except FileNotFoundError:
        return "there is no such credential yet"
    except (OSError, ValueError) as error:
        return str(error)
    missing = lacking(needed, rights_given_by(credentials.jwt))
    return f"it gives no right to {', '.join(missing)}" if missing else None


def rights_given_by(token: str) -> Rights:
    """What a user's token allows; without a list, everything."""
    body = token.split(".")[1]
    said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["nats"]
    publish, subscribe = (said.get(verb, {}).get("allow") or [">"] for verb in ("pub", "sub"))
    return Rights(tuple(publish), tuple(subscribe))


if __name__ == "__main__":
    main()
