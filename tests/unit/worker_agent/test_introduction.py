"""How a worker introduces itself."""

from worker_agent.handlers.introduction import registration


def test_it_names_the_agents_that_run_and_their_versions() -> None:
    made = registration(
        worker_id="w",
        incarnation="run-1",
        tags=["gpu"],
        capabilities=["android"],
        agents={"command": "", "codex": "0.171.0"},
        slots=2,
        version="1",
    )
    assert made.capabilities == ["agent:command", "agent:codex", "android"]
    assert made.system_info["agents"] == {"command": "", "codex": "0.171.0"}
