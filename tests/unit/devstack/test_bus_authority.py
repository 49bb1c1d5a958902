from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts import permissions
from devstack.bus.authority import Authority
from devstack.bus.claims import WORKER_PAYLOAD_BYTES, read, signed
from devstack.bus.local import credentials_file, prepare_credentials
from devstack.errors import DevstackError
from devstack.paths import Layout
from servicekit.bus.keys import Credentials, is_signed
from servicekit.bus.objects import PART_BYTES
from worker_agent.settings import Settings as WorkerSettings
from worker_agent.spool.limits import SpoolLimits

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path / "bus")
    made.write_accounts(NOW)
    return made


def accounts(authority: Authority) -> dict[str, dict[str, Any]]:
    """What each account says, by its name."""
    told = [read(token) for token in authority.account_tokens().values()]
    return {one["name"]: one for one in told}


def signed_by(token: str, issuer: str) -> bool:
    from base64 import urlsafe_b64decode

    body, signature = token.rsplit(".", 1)
    return is_signed(issuer, body.encode(), urlsafe_b64decode(signature + "=="))


def test_a_worker_is_a_user_of_an_account_of_its_own_that_the_operator_has_signed(authority: Authority) -> None:
    made = authority.for_worker("w1", NOW, DAY)
    user = read(made.jwt)
    account = accounts(authority)["worker w1"]
    assert user["iss"] == account["sub"]
    assert signed_by(made.jwt, account["sub"])
    operator = read(str(authority.server_configuration()["operator"]))["sub"]
    assert account["iss"] == operator
    assert all(signed_by(token, operator) for token in authority.account_tokens().values())
    assert user["exp"] == int((NOW + DAY).timestamp())
    assert user["sub"] == made.key.public


def test_its_account_takes_what_is_its_own_and_has_no_streams(authority: Authority) -> None:
    authority.for_worker("w1", NOW, None)
    told = accounts(authority)
    account, platform = told["worker w1"]["nats"], told["MEWS"]
    assert [one["subject"] for one in account["imports"]] == [s.subject for s in permissions.services_for("w1")]
    assert {one["account"] for one in account["imports"]} == {platform["sub"]}
    assert not [limit for limit in account["limits"] if limit.endswith("storage")]
    assert (account["limits"]["exports"], account["limits"]["leaf"]) == (0, 0)
    offered = {one["subject"]: one["response_type"] for one in platform["nats"]["exports"]}
    assert offered == {s.subject: "Stream" if s.streams else "Singleton" for s in permissions.services_for("*")}


def test_services_are_users_of_the_platform_with_rights_of_their_own(authority: Authority) -> None:
    users = {name: read(authority.for_service(name, NOW, None).jwt) for name in permissions.SERVICES}
    assert {user["iss"] for user in users.values()} == {accounts(authority)["MEWS"]["sub"]}
    for name, user in users.items():
        rights = permissions.rights_of_service(name)
        assert user["nats"]["pub"] == {"allow": list(rights.publish)}
        assert user["nats"]["sub"] == {"allow": list(rights.subscribe)}
        assert "exp" not in user


def test_a_workers_connections_are_bounded_and_those_of_services_are_not(authority: Authority) -> None:
    worker = read(authority.for_worker("w1", NOW, None).jwt)
    service = read(authority.for_service("orchestrator", NOW, None).jwt)
    limits = accounts(authority)["worker w1"]["nats"]["limits"]
    assert (worker["nats"]["subs"], worker["nats"]["payload"]) == (64, 1024 * 1024)
    assert (limits["conn"], limits["subs"], limits["payload"]) == (4, 256, 1024 * 1024)
    assert limits["imports"] == len(permissions.services_for("w1"))
    assert (service["nats"]["subs"], service["nats"]["payload"]) == (-1, -1)
    for user in (worker, service):
        assert user["nats"]["allowed_connection_types"] == ["STANDARD"]
        assert not {"resp", "bearer_token"} & user["nats"].keys()


@pytest.mark.parametrize("limit", ["subs", "payload"])
def test_a_credential_of_a_version_without_limits_is_made_anew(authority: Authority, limit: str) -> None:
    made = authority.for_worker("w1", NOW, None)
    assert authority.holds("worker", "w1", str(made), NOW)
    said = read(made.jwt)
    said["nats"][limit] = -1
    older = Credentials(signed(said, made.key, 0), made.key)
    assert not authority.holds("worker", "w1", str(older), NOW)


def test_revoking_names_the_key_in_its_own_account_and_leaves_the_others(authority: Authority) -> None:
    old, new = authority.for_worker("w1", NOW, None), authority.for_worker("w1", NOW, None)
    other = authority.for_worker("w2", NOW, None)
    assert authority.revoke("worker", "w1", old.key.public, NOW) == [old.key.public]
    revoked = {name: set(account["nats"].get("revocations", {})) for name, account in accounts(authority).items()}
    assert revoked == {"SYS": set(), "MEWS": set(), "worker w1": {old.key.public}, "worker w2": set()}
    members = authority.members["worker"]
    valid = [one.key for member in members.values() for one in member.issued if member.is_valid(one, NOW)]
    assert valid == [new.key.public, other.key.public]
    assert authority.revoke("worker", "w1", None, NOW) == [new.key.public]
    with pytest.raises(DevstackError, match="nothing that is valid"):
        authority.revoke("worker", "w1", None, NOW)


def test_a_revoked_service_is_out_of_the_platforms_account(authority: Authority) -> None:
    made = authority.for_service("question-broker", NOW, None)
    authority.revoke("service", "question-broker", None, NOW)
    assert set(accounts(authority)["MEWS"]["nats"]["revocations"]) == {made.key.public}


def test_what_has_expired_is_forgotten(authority: Authority) -> None:
    authority.for_worker("w1", NOW, DAY)
    authority.revoke("worker", "w1", None, NOW)
    later = authority.for_worker("w1", NOW + 2 * DAY, DAY)
    member = authority.members["worker"]["w1"]
    assert ([one.key for one in member.issued], member.revoked) == ([later.key.public], {})


def test_it_is_the_same_authority_after_a_restart(tmp_path: Path, authority: Authority) -> None:
    first = authority.for_worker("w1", NOW, None)
    again = Authority(tmp_path / "bus")
    assert again.server_configuration() == authority.server_configuration()
    assert read(again.for_worker("w1", NOW, None).jwt)["iss"] == read(first.jwt)["iss"]


def test_a_damaged_book_is_told_and_not_replaced(tmp_path: Path, authority: Authority) -> None:
    book = tmp_path / "bus" / "authority.json"
    book.write_text("{")
    with pytest.raises(DevstackError, match="damaged"):
        Authority(tmp_path / "bus")
    assert book.read_text() == "{"


@pytest.mark.parametrize("worker_id", ["", "*", "a.b", "x" * 65])
def test_an_id_that_is_none_gets_no_credential(authority: Authority, worker_id: str) -> None:
    with pytest.raises(DevstackError, match="no worker id"):
        authority.for_worker(worker_id, NOW, None)
    assert worker_id not in authority.members["worker"]


def test_an_unknown_service_is_told_which_there_are(authority: Authority) -> None:
    with pytest.raises(DevstackError, match="orchestrator"):
        authority.for_service("scheduler", NOW, None)


def test_only_the_user_can_read_what_the_authority_keeps(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    prepare_credentials(layout, permissions.SERVICES, ["w1"], NOW)
    files = [path for path in layout.bus.rglob("*") if path.is_file()]
    assert len(files) > len(permissions.SERVICES) + 1
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in layout.bus.rglob("*") if path.is_dir()} == {0o700}


def test_a_credential_of_this_machine_is_kept_until_it_expires_soon_or_is_revoked(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    file = credentials_file(layout, "worker", "w1")

    def prepared(at: datetime) -> str:
        prepare_credentials(layout, [], ["w1"], at)
        return Credentials.parse(file.read_text()).key.public

    first = prepared(NOW)
    assert prepared(NOW + DAY) == first
    second = prepared(NOW + 360 * DAY)
    assert second != first
    Authority(layout.bus).revoke("worker", "w1", second, NOW + 361 * DAY)
    assert prepared(NOW + 361 * DAY) != second
    file.write_text("torn")
    assert prepared(NOW + 361 * DAY) not in {first, second}


def test_what_two_processes_issue_at_once_is_all_kept(tmp_path: Path) -> None:
    one, other = Authority(tmp_path / "bus"), Authority(tmp_path / "bus")
    keys = {one.for_worker("w1", NOW, None).key.public, other.for_worker("w1", NOW, None).key.public}
    other.for_service("orchestrator", NOW, None)
    members = Authority(tmp_path / "bus").members
    assert {issued.key for issued in members["worker"]["w1"].issued} == keys
    assert list(members["service"]) == ["orchestrator"]


def test_a_credential_that_a_faster_clock_has_issued_is_revoked_too(authority: Authority) -> None:
    made = authority.for_worker("w1", NOW + timedelta(hours=1), None)
    authority.revoke("worker", "w1", None, NOW)
    assert accounts(authority)["worker w1"]["nats"]["revocations"][made.key.public] >= read(made.jwt)["iat"]


def test_what_a_worker_sends_fits_into_what_it_may_send() -> None:
    headroom = 32 * 1024
    largest_event = WorkerSettings.model_json_schema()["properties"]["max_event_bytes"]["maximum"]
    for largest in (SpoolLimits().max_batch_bytes, largest_event, PART_BYTES):
        assert largest + headroom <= WORKER_PAYLOAD_BYTES
