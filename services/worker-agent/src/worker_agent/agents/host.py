"""What a worker has for its agents: where their programs are, keys, and which models to ask."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from contracts.tasks import Assignment
from worker_agent.errors import TaskUnusable
from worker_agent.ports import AgentJob

ON_PATH = ("/bin/sh", "-c", 'PATH="$1:$PATH"; shift; exec "$@"', "agent")


@dataclass(frozen=True, slots=True)
class AgentHost:
    """Variables are keys and addresses of models; `path` is folders to look for programs in, before PATH."""

    python: str
    path: str = ""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    models: Mapping[str, str] = field(default_factory=dict[str, str])
    """The model of each agent whose task names none."""

    def program(self, *argv: str) -> tuple[str, ...]:
        """A command line that finds its program in the folders of `path` too."""
        return (*ON_PATH, self.path, *argv) if self.path else argv

    def variable(self, job: AgentJob, *names: str) -> str | None:
        """The first of these variables that is set: the task's own count before the worker's."""
        for variables in (job.assignment.requirements.env, self.variables):
            for name in names:
                if variables.get(name):
                    return variables[name]
        return None

    def key(self, agent: str, job: AgentJob, *names: str) -> str:
        """The key of an agent. Raises TaskUnusable when there is none."""
        found = self.variable(job, *names)
        if found is None:
            raise TaskUnusable(
                f"the agent `{agent}` needs a key: set {' or '.join(names)} in requirements.env,"
                " or in the environment of the worker"
            )
        return found

    def lacks(self, *names: str) -> str | None:
        """What is missing when the worker has none of these variables, in words."""
        return None if any(self.variables.get(name) for name in names) else f"{' or '.join(names)} is not set"

    def model(self, agent: str, assignment: Assignment) -> str | None:
        """The model that a task asks for, or the worker's choice; None leaves it to the agent."""
        asked = assignment.requirements.free.get("model")
        return asked if isinstance(asked, str) and asked else self.models.get(agent)


def turns(job: AgentJob) -> int | None:
    """`requirements.max_turns`, where it is a number of turns. Raises TaskUnusable when it is something else."""
    asked = job.assignment.requirements.free.get("max_turns")
    if asked is None:
        return None
    if isinstance(asked, bool) or not isinstance(asked, int) or asked < 1:
        raise TaskUnusable(f"requirements.max_turns must be a whole number from 1 on, not {asked!r:.50}")
    return asked
