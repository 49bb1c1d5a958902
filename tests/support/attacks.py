"""Programs that attack the sandbox in which they run, in plain Python; none does much harm where it succeeds."""

AT_FDCWD = -100
RENAME_EXCHANGE = 2

FORKS = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
HUNDRED = (
    "import os, time\nfor _ in range(100):\n    try:\n        if os.fork() == 0: os.execvp('sleep', ['sleep', '300'])\n"
    "    except OSError: pass\ntime.sleep(300)"
)
ZOMBIES = "import os, time\nwhile True:\n    if os.fork() == 0: os._exit(0)"
HOG = "import time\nheld = []\nwhile True: held.append(b'x' * 5_000_000)"
HOGS = "import os, time\nfor _ in range(20):\n    if os.fork() == 0: break\nheld = b'x' * 20_000_000\ntime.sleep(300)"

GIGABYTE = "import os\nfor _ in range(10_000): os.write(1, b'x' * 99_999 + b'\\n')"
SHORT_LINES = "import os\nwhile True: os.write(1, b'a line like any other\\n' * 1_000)"
NO_NEWLINE = "import os\nfor _ in range(1_000): os.write(1, b'x' * 100_000)"

FILLER = "with open('big', 'wb', buffering=0) as file:\n    while True: file.write(b'x' * 100_000)"
TINY_FILES = "n = 0\nwhile True:\n    open(f'{n}', 'w').close(); n += 1"
# Deeper than is gone through; bounded, since to remove it takes up to 1 ms for each level.
DEEP = "import os, time\nfor _ in range(2_000):\n    os.mkdir('d'); os.chdir('d')\ntime.sleep(300)"

DEAF = (
    "import os, signal, time\nfor n in range(1, 32):\n    if n not in (9, 19): signal.signal(n, signal.SIG_IGN)\n"
    "os.write(1, b'up\\n')\ntime.sleep(300)"
)
DAEMON = (
    "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(300)\n    os._exit(0)\n"
)
STOPS_ITSELF = "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"
STOPS_SUPERVISOR = "import os, signal, time\nos.kill(os.getppid(), signal.SIGSTOP)\ntime.sleep(300)"
KILLS_SUPERVISOR = DAEMON + "import signal\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(300)"
STOPS_THEN_KILLS_SUPERVISOR = (
    DAEMON + "import signal\nparent = os.getppid()\nos.kill(parent, signal.SIGSTOP); time.sleep(0.2)\n"
    "os.kill(parent, signal.SIGKILL)\ntime.sleep(300)"
)
KILLS_ALL = DAEMON + "time.sleep(0.2)\nos.kill(-1, 9)\ntime.sleep(300)"

ENVIRONMENTS = (
    "import os\n"
    "for pid in filter(str.isdigit, os.listdir('/proc')):\n"
    "    try: print(open(f'/proc/{pid}/environ').read())\n"
    "    except OSError: pass\n"
)


def swaps(target: str) -> str:
    """Swaps a folder's link and a link to `target` for each other, as `a` and `b`; a dot is written for 1,000 swaps."""
    return (
        "import ctypes, os\nos.mkdir('real'); open('real/f', 'w').write('inside'); os.symlink('real', 'a')\n"
        f"os.symlink({target!r}, 'b')\nexchange = ctypes.CDLL(None).renameat2\n"
        "while True:\n    os.write(1, b'.')\n"
        f"    for _ in range(1_000): assert exchange({AT_FDCWD}, b'a', {AT_FDCWD}, b'b', {RENAME_EXCHANGE}) == 0"
    )


def asks(socket: str) -> str:
    """Asks the sandbox for its workspaces, and tells the answer."""
    return (
        "import socket\nthere = socket.socket(socket.AF_UNIX)\n"
        f"try: there.connect({socket!r})\n"
        "except OSError: print('no socket')\n"
        "else:\n    there.sendall(b'GET /v1/workspaces HTTP/1.1\\r\\nHost: sandbox\\r\\n'"
        "\n        b'Connection: close\\r\\n\\r\\n')\n    print(there.makefile().read())"
    )


def reads(*paths: str) -> str:
    """Tells what can be read of each of these files, or `refused`."""
    return (
        f"for path in {paths!r}:\n    try: print(open(path, errors='replace').read(100).split('\\n')[0])\n"
        "    except OSError: print('refused')"
    )


def writes(*paths: str) -> str:
    """Overwrites each of these files; tells `written` or `refused`."""
    return (
        f"for path in {paths!r}:\n    try: open(path, 'w').write('overwritten'); print('written')\n"
        "    except OSError: print('refused')"
    )
