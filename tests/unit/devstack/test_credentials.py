import hashlib
import json
from pathlib import Path

from devstack.credentials import load_credentials


def test_credentials_are_made_once_and_kept(tmp_path: Path):
    path = tmp_path / "secrets" / "credentials.json"
    made = load_credentials(path)
    assert load_credentials(path) == made
    passwords = {made.postgres_password, made.redis_password, *made.service_tokens.values()}
    passwords |= {password for roles in made.roles for password in (roles.owner_password, roles.app_password)}
    assert len(passwords) == 14


def test_each_service_that_calls_has_a_token_of_its_own_and_is_known_by_its_digest(tmp_path: Path):
    made = load_credentials(tmp_path / "credentials.json")
    assert set(made.service_tokens) == {"mcp-gateway", "analytics-query"}
    digest = hashlib.sha256(made.service_tokens["mcp-gateway"].encode()).hexdigest()
    assert made.caller("mcp-gateway") == f"mcp-gateway:{digest}"


def test_only_the_user_can_read_them(tmp_path: Path):
    path = tmp_path / "secrets" / "credentials.json"
    load_credentials(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_schema_that_came_later_gets_passwords_and_the_others_keep_theirs(tmp_path: Path):
    path = tmp_path / "credentials.json"
    made = load_credentials(path)
    saved = json.loads(path.read_text())
    del saved["gateway_app"]
    path.write_text(json.dumps(saved))
    again = load_credentials(path)
    assert again.roles_of("gateway").app_password
    assert again.roles_of("orchestrator") == made.roles_of("orchestrator")


def test_secrets_do_not_show_in_what_is_printed(tmp_path: Path):
    made = load_credentials(tmp_path / "credentials.json")
    assert made.postgres_password not in repr(made)
    assert made.roles[0].app_password not in repr(made)
