from datetime import UTC, datetime

from devstack.scraping import scrape_config
from devstack.state import Member, Phase, State

WHEN = datetime(2026, 1, 2, tzinfo=UTC)


def member(name: str, address: str | None) -> Member:
    return Member(name=name, phase=Phase.ready, log=f"{name}.log", address=address)


def test_each_service_is_a_job_and_all_workers_are_one():
    members = (
        member("nats", "127.0.0.1:4222"),
        member("orchestrator", "http://127.0.0.1:8101"),
        member("mcp-gateway", "http://127.0.0.1:8080"),
        member("sandbox-1", "/tmp/s.sock"),
        member("worker-1", "http://127.0.0.1:9001"),
        member("worker-2", "http://127.0.0.1:9002"),
    )
    state = State(
        phase=Phase.ready, pid=1, started_ticks=2, started_at=WHEN, gateway_url="", workers=2, members=members
    )
    config = scrape_config(state, ["/rules/*.yaml"], 5)
    assert {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]} == {
        "mews-orchestrator": ["127.0.0.1:8101"],
        "mews-mcp-gateway": ["127.0.0.1:8080"],
        "mews-worker": ["127.0.0.1:9001", "127.0.0.1:9002"],
    }
    assert (config["global"]["scrape_interval"], config["rule_files"]) == ("5s", ["/rules/*.yaml"])
