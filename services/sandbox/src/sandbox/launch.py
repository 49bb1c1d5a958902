"""The start of a supervisor: a script, run as `python -I -S launch.py <control fd>` so that nothing else is loaded."""

import os
import sys


def _main() -> None:
    # At the end of the path: whatever lies beside this package must not stand before the standard library.
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from sandbox.supervisor.supervise import supervise

    supervise(int(sys.argv[1]))


if __name__ == "__main__":
    _main()
