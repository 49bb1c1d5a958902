"""The agent of every chaos task: does what its errand says, and writes down what it was told.

Started in the sandbox by `python -I -S agent.py <errand as JSON>`, with the standard library alone. Each line of its
journal is on disk before the next step: `intend` before a call, `acked` after its answer, both with an id that the call
carries.
"""

import http.client
import json
import os
import re
import signal
import sys
import time
import uuid
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

ERA = "2025-06-18"
CALL_S = 15.0
WAIT_S = 90.0
PAUSE_S = 0.2
TURNED_AWAY_S = 5.0
"""So long may a door that opens again answer 401: after that, this attempt is over."""
CHILD = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
WORKSPACE = re.compile(r"/([A-Za-z0-9_-]+)\.(\d+)(/|$)")


class TurnedAway(Exception):
    """The worker-agent says that this attempt is over."""


class Journal:
    """One file of this process, line by line on disk."""

    def __init__(self, folder: Path, task_id: str, attempt: int) -> None:
        self._file = os.open(
            folder / f"{task_id}.{attempt}.{os.getpid()}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644
        )

    def note(self, did: str, **more: Any) -> None:
        """Write one line, synced."""
        line = {"did": did, "at": time.time(), **more}  # noqa: TID251 (alone in the sandbox, it has no other clock)
        os.write(self._file, json.dumps(line).encode() + b"\n")
        os.fsync(self._file)


class Worker:
    """The worker's MCP endpoint, spoken to by hand."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        url = urlsplit(os.environ["MEWS_MCP_URL"])
        self._address = (url.hostname or "", url.port or 0)
        self._path = url.path
        self._headers = {
            "Authorization": f"Bearer {os.environ['MEWS_MCP_TOKEN']}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": ERA,
        }
        self._turned_away_since: float | None = None

    def insist(self, tool: str, arguments: dict[str, Any], mark: str, within: float = CALL_S) -> dict[str, Any]:
        """Call until it is answered, each time under a new id, which goes into the argument `mark`."""
        while True:
            told = self.call(tool, arguments, mark, within)
            if told is not None:
                return told
            time.sleep(PAUSE_S)

    def call(self, tool: str, arguments: dict[str, Any], mark: str, within: float = CALL_S) -> dict[str, Any] | None:
        """Call once; what was told, None if it was refused or nobody knows."""
        number = f"u-{uuid.uuid4().hex[:16]}"
        self._journal.note("intend", id=number, tool=tool)
        try:
            status, answer = self._post(tool, _marked(arguments, mark, number), within)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._journal.note("unclear", id=number, tool=tool, why=repr(error)[:200])
            return None
        return self._judged(number, tool, status, answer)

    def _judged(self, number: str, tool: str, status: int, answer: dict[str, Any]) -> dict[str, Any] | None:
        if status == 401:
            self._journal.note("turned_away", id=number, tool=tool)
            self._turned_away_since = self._turned_away_since or time.monotonic()
            if time.monotonic() - self._turned_away_since > TURNED_AWAY_S:
                raise TurnedAway
            return None
        self._turned_away_since = None
        result = answer.get("result")
        if status != 200 or result is None or result.get("isError"):
            self._journal.note("refused", id=number, tool=tool, status=status, why=json.dumps(answer)[:300])
            return None
        told = result.get("structuredContent") or {}
        kept = {
            key: told[key] for key in ("event_id", "seq", "attempt", "question_id", "state", "answer") if key in told
        }
        self._journal.note("acked", id=number, tool=tool, **kept)
        return told

    def _post(self, tool: str, arguments: dict[str, Any], within: float) -> tuple[int, dict[str, Any]]:
        params = {"name": tool, "arguments": arguments}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        connection = http.client.HTTPConnection(*self._address, timeout=within)
        try:
            connection.request("POST", self._path, body, self._headers)
            answer = connection.getresponse()
            return answer.status, _content(answer.headers.get_content_type(), answer.read())
        finally:
            connection.close()


class Agent:
    """One run of one errand."""

    def __init__(self, errand: dict[str, Any], journal: Journal, worker: Worker, attempt: int) -> None:
        self._errand = errand
        self._journal = journal
        self._worker = worker
        self._attempt = attempt
        self._first = attempt == 1

    def run(self) -> int:
        """Do the errand; the exit code."""
        behaviour, steps = self._errand["behaviour"], self._errand["steps"]
        begin = self._resumed() if behaviour == "checkpointer" else 0
        for step in range(begin, steps):
            self._step(step, steps)
            if step >= steps // 2 and (code := self._odd(behaviour)) is not None:
                return code
        overview = {"status": "completed", "summary": {"overview": "done"}}
        self._worker.insist("report_completion", overview, "summary.overview")
        return 0

    def _step(self, step: int, steps: int) -> None:
        percent = {"status": "executing", "metrics": {"percent_complete": round(100 * step / steps)}, "reason": "anew"}
        self._worker.insist("report_progress", percent, "metrics.current_operation")
        reports = (
            ("stream_realtime_data", {"stream_type": "output", "content": ""}, "content"),
            ("report_milestone", {"milestone_type": "phase_complete", "milestone_name": ""}, "milestone_name"),
            ("report_decision", {"decision_type": "technical", "reasoning": "chaos"}, "chosen_option"),
        )
        self._worker.insist(*reports[step % len(reports)])
        self._at_work(step)
        time.sleep(self._errand["pause_s"])

    def _at_work(self, step: int) -> None:
        behaviour = self._errand["behaviour"]
        if behaviour == "checkpointer":
            self._journal.note("effect", step=step)
            self._worker.insist("save_checkpoint", {"data": {"step": step}}, "description", WAIT_S)
        elif behaviour in ("asker", "patient_asker"):
            self._ask(waits=behaviour == "asker")

    def _resumed(self) -> int:
        """The step to go on from, by the last checkpoint."""
        found = self._worker.insist("load_checkpoint", {}, "", WAIT_S)
        self._journal.note("loaded", found=found.get("found"), step=found.get("data", {}).get("step"))
        return found["data"]["step"] + 1 if found.get("found") else 0

    def _ask(self, *, waits: bool) -> None:
        asked = {"question": "", "question_type": "technical", "wait": waits, "deadline_ms": 10_800_000}
        told = self._worker.insist("ask_manager", asked, "question", WAIT_S)
        question = told["question_id"]
        while "answer" not in told:
            wanted = {"question_id": question, "wait_ms": 10_000}
            told = self._worker.insist("get_answer", wanted, "", WAIT_S)
            if told.get("state") not in ("open", "answered"):
                break
        self._journal.note("answer", question_id=question, state=told.get("state"), text=told.get("answer"))

    def _odd(self, behaviour: str) -> int | None:
        """What only some do, in the middle; an exit code ends it."""
        if behaviour == "crasher" and self._first:
            return 3
        if behaviour == "suicide" and self._first:
            os.kill(os.getpid(), signal.SIGKILL)
        if behaviour == "failing":
            return 1
        if behaviour in ("stubborn", "hanger"):
            self._stay()
        if behaviour == "cancelled":
            time.sleep(600)
        if behaviour == "forker" and not self._errand.get("forked"):
            self._errand["forked"] = True
            self._fork()
        return None

    def _stay(self) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._fork()
        while True:
            time.sleep(1)

    def _fork(self) -> None:
        """Children that ignore TERM: one in this process group, one in a session of its own."""
        for leaves in (False, True):
            child = os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", CHILD], {}, setsid=leaves)
            self._journal.note("child", pid=child, ticks=_ticks(child))


def _marked(arguments: dict[str, Any], mark: str, number: str) -> dict[str, Any]:
    """The arguments with the id at the place `mark`, `outer.inner` or empty for none."""
    if not mark:
        return arguments
    outer, _, inner = mark.partition(".")
    if inner:
        return {**arguments, outer: {**arguments.get(outer, {}), inner: number}}
    return {**arguments, outer: number}


def _content(kind: str, body: bytes) -> dict[str, Any]:
    if kind == "text/event-stream":
        lines = [line for line in body.decode().splitlines() if line.startswith("data:") and '"id"' in line]
        body = lines[-1][5:].encode() if lines else b""
    return json.loads(body)


def _ticks(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def main() -> int:
    """Run the errand on the command line."""
    errand = json.loads(sys.argv[1])
    found = WORKSPACE.findall(os.getcwd())
    attempt = int(found[-1][1]) if found else 0
    journal = Journal(Path(errand["journal"]), os.environ["MEWS_TASK_ID"], attempt)
    pid = os.getpid()
    journal.note("begin", task_id=os.environ["MEWS_TASK_ID"], attempt=attempt, pid=pid, ticks=_ticks(pid))
    try:
        code = Agent(errand, journal, Worker(journal), attempt).run()
    except TurnedAway:
        code = 9
    journal.note("end", code=code)
    return code


if __name__ == "__main__":
    sys.exit(main())
