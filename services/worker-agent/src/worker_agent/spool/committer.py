"""Where a commit runs: on the event loop if it is soon done, otherwise on a thread, while the loop goes on."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future as ThreadFuture
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter

from worker_agent.spool.disk import Disk, Job

FAST_S = 0.001
"""For a lone event and a disk as fast as this, handing the work to a thread and back would take as long."""
WEIGHT = 0.1
SMALL_BYTES = 64 * 1024
SLOW_S = 1.0

Loaded = dict[str, bytes]
Done = Callable[[Loaded | Exception], None]


class Committer:
    """One commit at a time. It learns how fast the disk is from each."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "spool")
        # Until it has shown otherwise, the disk counts as slow.
        self._average_s = SLOW_S

    def submit(self, job: Job, done: Done) -> None:
        """Perform a job, and tell how it went: from the event loop, perhaps before this returns."""
        size = len(job.data) + sum(batch.bytes for batch in job.load)
        is_quick = (self._average_s < FAST_S and job.events <= 1) or not job.sync
        if is_quick and size < SMALL_BYTES and job.opening is None:
            done(self._performed(job))
            return
        work = self._thread.submit(self._performed, job)
        work.add_done_callback(partial(self._tell, done))

    async def run(self, work: Callable[[], None]) -> None:
        """Do something else on the thread, after all that was submitted."""
        await self._loop.run_in_executor(self._thread, work)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()

    def _performed(self, job: Job) -> Loaded | Exception:
        start = perf_counter()
        try:
            return self._disk.perform(job)
        except Exception as error:
            # Whoever waits for the commit is told, whichever thread it failed on.
            return error
        finally:
            if job.sync:
                self._average_s += WEIGHT * (min(SLOW_S, perf_counter() - start) - self._average_s)

    def _tell(self, done: Done, work: ThreadFuture[Loaded | Exception]) -> None:
        self._loop.call_soon_threadsafe(done, work.result())
