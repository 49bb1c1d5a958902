"""What 1,000 events a second cost in the spool: CPU seconds a second, beside a bare loop that does the same writes.

    python -m tests.load.spool [--events 20000] [--rate 1000] [--folder DIR] [--json]

Both get events at the same pace from many tasks, and tell each when it is on disk. The bare loop joins what has come,
writes it, and calls `fdatasync`, on a thread; it seals, publishes and forgets nothing. On uvloop, as in operation.
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import process_time

import uvloop

from tests.load.measuring import Report, percentiles
from worker_agent.spool.limits import SpoolLimits
from worker_agent.spool.spool import Spool

SUBJECTS = ("worker.progress.w", "worker.stream.w.task-1", "worker.decision.w")
PAYLOAD = b'{"event_id":"0198f3a0-1c2d-7e3f-a1b2-c3d4e5f60718","body":{"content":"' + b"x" * 380 + b'"}}'
AT_ONCE = 20
LINGER_S = 0.01

Append = Callable[[int], Awaitable[object]]


class BareLog:
    """A file to which much is appended with one `fdatasync`."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._thread = ThreadPoolExecutor(1)
        self._waiting: list[asyncio.Future[None]] = []
        self._writing = False

    async def append(self, _number: int) -> None:
        """Return when it is on disk."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if not self._writing:
            self._writing = True
            asyncio.get_running_loop().call_soon(asyncio.ensure_future, self._write())
        await done

    async def _write(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, PAYLOAD * len(waiting))
            for done in waiting:
                done.set_result(None)
        self._writing = False

    def _commit(self, data: bytes) -> None:
        os.write(self._file, data)
        os.fdatasync(self._file)


async def paced(append: Append, events: int, rate: float) -> tuple[float, list[float]]:
    """Append at a pace; CPU seconds of this process for each second of it, and the latencies in ms."""
    loop = asyncio.get_running_loop()
    taken: list[float] = []

    async def one(number: int) -> None:
        start = loop.time()
        await append(number)
        taken.append((loop.time() - start) * 1000)

    idle = await _pacing_alone(events, rate)
    cpu, due, tasks = process_time(), loop.time(), set[asyncio.Task[None]]()
    for first in range(0, events, AT_ONCE):
        tasks |= {asyncio.create_task(one(first + n)) for n in range(AT_ONCE)}
        due += AT_ONCE / rate
        await asyncio.sleep(max(0.0, due - loop.time()))
    await asyncio.gather(*tasks)
    return (process_time() - cpu - idle) / events * rate, taken


async def _pacing_alone(events: int, rate: float) -> float:
    """CPU seconds of the same number of tasks at the same pace that do nothing: no part of what is measured."""

    async def nothing(_number: int) -> None:
        await asyncio.sleep(0)

    loop = asyncio.get_running_loop()
    cpu, due, tasks = process_time(), loop.time(), set[asyncio.Task[None]]()
    for first in range(0, events, AT_ONCE):
        tasks |= {asyncio.create_task(nothing(first + n)) for n in range(AT_ONCE)}
        due += AT_ONCE / rate
        await asyncio.sleep(max(0.0, due - loop.time()))
    await asyncio.gather(*tasks)
    return process_time() - cpu


async def relay(spool: Spool) -> None:
    """What the worker-agent does with the spool beside filling it, but for the bus."""
    while True:
        await spool.wait_for_work()
        await asyncio.sleep(LINGER_S)
        spool.acknowledge([batch.message_id for batch in await spool.seal()])


async def measure(folder: Path, events: int, rate: float, report: Report) -> None:
    """Both, one after the other."""
    spool = await Spool.open(folder / "spool", SpoolLimits(), lambda _: False)
    relaying = asyncio.create_task(relay(spool))
    product, latencies = await paced(
        lambda number: spool.append(SUBJECTS[number % len(SUBJECTS)], PAYLOAD, 1_000), events, rate
    )
    relaying.cancel()
    await asyncio.wait([relaying])
    await spool.close()
    bare, bare_latencies = await paced(BareLog(folder / "bare").append, events, rate)
    report.add(
        f"CPU at {rate:.0f} events/s, beside the bare loop", "% core", product * 100, bare * 100, higher_is_better=False
    )
    report.add(f"CPU at {rate:.0f} events/s, beside the bar", "% core", product * 100, 5.0, higher_is_better=False)
    for name in ("p50", "p99"):
        of, beside = percentiles(latencies)[name], percentiles(bare_latencies)[name]
        report.add(f"until on disk, {name}", "ms", of, beside, higher_is_better=False)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=1_000)
    parser.add_argument("--folder", help="where the files lie; a disk of the kind that is used in operation")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report = Report("The spool: CPU beside a bare loop that writes and syncs")
    with tempfile.TemporaryDirectory("", "mews-load-", options.folder) as name:
        uvloop.run(measure(Path(name), options.events, options.rate, report))
    report.show(as_json=options.json)


if __name__ == "__main__":
    main()
