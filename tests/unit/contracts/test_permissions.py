import pytest
from pydantic import ValidationError

from contracts import permissions, streams, subjects
from contracts.events import EVENT_TYPES
from contracts.rpc import RPCS


def fits(pattern: str, subject: str) -> bool:
    wanted, given = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted, given = wanted[:-1], given[: len(wanted) - 1]
    return len(wanted) == len(given) and all(w in ("*", g) for w, g in zip(wanted, given, strict=True))


def may(patterns: tuple[str, ...], subject: str) -> bool:
    return any(fits(pattern, subject) for pattern in patterns)


W1 = permissions.rights_of_worker("w1")


@pytest.mark.parametrize("kind", sorted(EVENT_TYPES))
def test_a_worker_may_report_every_kind_of_event_for_itself_alone(kind: str) -> None:
    assert may(W1.publish, subjects.for_event(kind, "w1", "task-1"))
    assert not may(W1.publish, subjects.for_event(kind, "w2", "task-1"))


@pytest.mark.parametrize("verb", sorted(RPCS))
def test_a_worker_may_ask_every_verb_in_its_own_name(verb: str) -> None:
    assert may(W1.publish, subjects.rpc(RPCS[verb].service, verb, "w1"))
    assert not may(W1.publish, subjects.rpc(RPCS[verb].service, verb, "w2"))


def test_every_right_of_a_worker_names_it() -> None:
    for subject in (*W1.publish, *W1.subscribe):
        assert "w1" in subject.split(".")


def test_a_worker_may_not_say_what_only_services_say() -> None:
    spoken = [subject for duties in permissions.SERVICES.values() for subject in duties.publishes]
    assert spoken
    assert not [subject for subject in spoken if may(W1.publish, subject.replace("*", "w1"))]


def test_the_platform_offers_what_every_worker_takes_and_no_more() -> None:
    taken = permissions.services_for("w1")
    offered = permissions.services_for(permissions.EVERY_WORKER)
    assert [one.subject.replace("w1", "*") for one in taken] == [one.subject for one in offered]
    assert [one.streams for one in taken] == [one.streams for one in offered]


@pytest.mark.parametrize("worker_id", ["", "*", ">", "a.b", "w1.>", "x" * 65, "a b"])
def test_an_id_that_would_widen_a_right_is_refused(worker_id: str) -> None:
    with pytest.raises(ValidationError):
        permissions.rights_of_worker(worker_id)


def test_inboxes_of_workers_and_services_never_meet() -> None:
    assert not fits(f"{subjects.worker_inbox('orchestrator')}.>", f"{subjects.service_inbox('orchestrator')}.x")
    assert not fits(f"{subjects.service_inbox('w1')}.>", f"{subjects.worker_inbox('w1')}.x")


@pytest.mark.parametrize("name", sorted(permissions.SERVICES))
def test_a_service_consumes_its_own_durables_alone(name: str) -> None:
    publish = permissions.rights_of_service(name).publish
    for stream in streams.STREAMS:
        for durable in stream.durables:
            own = (stream.name, durable.name) in permissions.durables_of(name)
            assert may(publish, f"$JS.API.CONSUMER.MSG.NEXT.{stream.name}.{durable.name}") == own
            assert may(publish, f"$JS.ACK.{stream.name}.{durable.name}.1.1.1.1.0") == own


def test_every_durable_belongs_to_one_service() -> None:
    owned = [durable for name in permissions.SERVICES for durable in permissions.durables_of(name)]
    assert sorted(owned) == sorted((s.name, d.name) for s in streams.STREAMS for d in s.durables)


@pytest.mark.parametrize("name", sorted(permissions.SERVICES))
def test_nobody_may_delete_or_purge(name: str) -> None:
    publish = permissions.rights_of_service(name).publish
    for verb in ("STREAM.DELETE", "STREAM.PURGE", "STREAM.MSG.DELETE", "CONSUMER.DELETE"):
        assert not may(publish, f"$JS.API.{verb}.TELEMETRY")
        assert not may(publish, f"$JS.API.{verb}.TELEMETRY.orchestrator")


def test_one_service_alone_declares() -> None:
    declaring = [
        n for n in permissions.SERVICES if may(permissions.rights_of_service(n).publish, "$JS.API.STREAM.UPDATE.TASKS")
    ]
    assert declaring == [permissions.ORCHESTRATOR]


def test_only_services_that_answer_workers_may_answer() -> None:
    answering = [
        name for name in permissions.SERVICES if permissions.REPLIES in permissions.rights_of_service(name).publish
    ]
    assert set(answering) == {rpc.service for rpc in RPCS.values()}


def test_what_a_right_lacks_is_named_with_its_verb() -> None:
    needed = permissions.Rights(("a.*", "b"), ("c.>",))
    assert permissions.lacking(needed, permissions.Rights(("a.>", "c"), ("c.*",))) == ["publish b", "subscribe c.>"]
    assert permissions.lacking(needed, needed) == []
