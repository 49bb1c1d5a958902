"""No secret in a log, an event, an error, a metric, an answer, or on a command line.

Recognisable secrets go in at every door of a whole system, faults happen meanwhile, and then all that it has written,
kept, told and shown is searched for them.
"""

import json
import secrets
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest

from devstack.admin import DATABASE
from devstack.paths import Layout
from devstack.services import SERVICES
from tests.support.mews import System, manager

pytestmark = pytest.mark.timeout(600)

# Where a secret of a task must be kept, so that the task can be run: who may read these may run it.
NEEDED = {"orchestrator.tasks"}
NEEDED_ON_THE_BUS = "streams/TASKS/"
ENDPOINTS = ("/healthz", "/readyz", "/metrics", "/openapi.json")


def planted() -> dict[str, str]:
    """A secret for each door, by the name of the door; each could be nothing else."""
    doors = ("env", "repository", "bearer", "query", "header", "agent")
    return {door: f"planted-{door}-{secrets.token_hex(12)}" for door in doors}


def own_secrets(system: System) -> dict[str, str]:
    """All passwords, tokens and keys of the system itself."""
    return json.loads(Layout(system.home).credentials.read_text())


def found_in(texts: Iterable[tuple[str, bytes]], wanted: dict[str, str]) -> list[str]:
    return [f"{name} in {place}" for place, text in texts for name, secret in wanted.items() if secret.encode() in text]


async def test_a_secret_is_nowhere_but_where_it_is_needed(system: System) -> None:
    given, own = planted(), own_secrets(system)
    wanted = given | own
    assert min(map(len, wanted.values())) > 20
    told: list[tuple[str, bytes]] = []
    async with manager(system) as boss:
        tasks = [
            await boss.assign(
                f"Print what you were given, {number}",
                requirements={"agent": "command", "command": command, **more},
                max_attempts=1,
            )
            for number, (command, more) in enumerate(
                [
                    ("echo got $DEPLOY_TOKEN; env; exit 3", {"env": {"DEPLOY_TOKEN": given["env"]}}),
                    ("true", {"repository": f"https://user:{given['repository']}@127.0.0.1:9/app.git"}),
                    ("true", {"repository": f"HTTPS://{given['repository']}@127.0.0.1:9/app.git"}),
                ]
            )
        ]
        await knock(system, given)
        pid = system.kill("telemetry-ingest")
        await system.until_replaced("telemetry-ingest", pid)
        for task_id in tasks:
            await boss.ended(task_id)
        for task_id in tasks:
            for tool, asked in (
                ("monitor_task", {"task_id": task_id, "include_analytics": True}),
                ("view_realtime_streams", {"task_id": task_id}),
                ("error_analysis", {}),
                ("list_tasks", {}),
                ("manage_workers", {"action": "list"}),
            ):
                text, structure = await boss.ask(tool, **asked)
                told.append((f"{tool} of {task_id}", (text + json.dumps(structure)).encode()))
        # What the agent wrote was taken, without the secret: what is not found below was there to be found.
        assert any(line.startswith("got ") for line in await boss.output(tasks[0]))
    told += [item async for item in answers_of_services(system)]
    rows = [item async for item in rows_of_tables(system, own["postgres"])]
    needed = [row for row in rows if row[0] in NEEDED]
    assert len(told) > 20
    # What is looked for can be found, and there is something to look into.
    assert set(found_in(needed, given)) == {"env in orchestrator.tasks", "repository in orchestrator.tasks"}
    assert all(list(places) for places in (files(system, "logs"), command_lines(system), bus_files(system)))

    assert found_in(told, wanted) == []
    assert found_in(files(system, "logs"), wanted) == []
    assert found_in(command_lines(system), wanted) == []
    assert found_in([row for row in rows if row[0] not in NEEDED], wanted) == []
    assert found_in(needed, own) == []
    assert found_in(bus_files(system), wanted) == []
    assert found_in(sockets(system), wanted) == []


async def knock(system: System, given: dict[str, str]) -> None:
    """Try every door of HTTP with a secret that is none of theirs."""
    headers = {"Authorization": f"Bearer {given['bearer']}", "Cookie": given["header"], "X-Api-Key": given["header"]}
    async with httpx.AsyncClient(timeout=30, trust_env=False, headers=headers) as http:
        for name, url in addresses(system).items():
            for path in ("/v1/tasks", "/v1/questions", "/v1/log/events", "/mcp", "/nowhere"):
                await http.get(f"{url}{path}", params={"token": given["query"]})
                answer = await http.post(f"{url}{path}", json={"token": given["agent"]})
                # The caller is told what it sent, and nobody else is; its own headers it is not told.
                assert given["bearer"] not in answer.text, name
                assert given["header"] not in answer.text, name


def addresses(system: System) -> dict[str, str]:
    ports = json.loads(Layout(system.home).ports.read_text())
    return {service.name: f"http://127.0.0.1:{ports[service.name]}" for service in SERVICES}


async def answers_of_services(system: System) -> AsyncGenerator[tuple[str, bytes]]:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        for name, url in addresses(system).items():
            for path in ENDPOINTS:
                answer = await http.get(f"{url}{path}")
                yield f"{name}{path}", answer.content


async def rows_of_tables(system: System, password: str) -> AsyncGenerator[tuple[str, bytes]]:
    async with administrator(system, password) as connection:
        tables = await connection.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        for schema, table in tables:
            found = await connection.fetch(f'SELECT one::text FROM "{schema}"."{table}" AS one')
            yield f"{schema}.{table}", "\n".join(row["one"] for row in found).encode()


@asynccontextmanager
async def administrator(system: System, password: str) -> AsyncGenerator[asyncpg.Connection]:
    port = json.loads(Layout(system.home).ports.read_text())["postgres"]
    connection = await asyncpg.connect(
        host="127.0.0.1", port=port, user="postgres", password=password, database=DATABASE
    )
    try:
        yield connection
    finally:
        await connection.close()


def files(system: System, folder: str) -> Iterator[tuple[str, bytes]]:
    for path in (system.home / ".mews" / folder).rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes()


def bus_files(system: System) -> Iterator[tuple[str, bytes]]:
    """What JetStream has on disk, as it is: messages that are gone may still be there."""
    for place, content in files(system, "data/nats"):
        if NEEDED_ON_THE_BUS not in place and "/jetstream/" in place:
            yield place, content


def sockets(system: System) -> Iterator[tuple[str, bytes]]:
    for path in Layout(system.home).sockets.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes()


def command_lines(system: System) -> Iterator[tuple[str, bytes]]:
    """What every user of the machine can read of each process."""
    for pid in system.processes():
        try:
            yield f"command line of {pid}", Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue


def test_what_is_secret_on_disk_only_its_owner_can_read(system: System) -> None:
    own = own_secrets(system)
    open_to_others: list[str] = []
    for path in (system.home / ".mews").rglob("*"):
        if not path.is_file() or path.is_symlink() or path.stat().st_size > 10_000_000:
            continue
        reachable = all(folder.stat().st_mode & 0o001 for folder in path.parents if folder.is_relative_to(system.home))
        if reachable and path.stat().st_mode & 0o044 and found_in([("", path.read_bytes())], own):
            open_to_others.append(str(path))
    assert open_to_others == []
