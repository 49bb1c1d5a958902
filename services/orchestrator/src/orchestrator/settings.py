"""The settings of this service: environment variables of the same names in capitals."""

from enum import StrEnum

from pydantic import Field, model_validator

from orchestrator.decisions.overruns import Backstop
from orchestrator.decisions.retries import RetryPolicy
from orchestrator.decisions.scaling import ScalePolicy
from orchestrator.ports import FleetTraits
from servicekit.settings import ServiceSettings

HOUR_MS = 3_600_000


class FleetKind(StrEnum):
    """Who runs the workers."""

    none = "none"
    kubernetes = "kubernetes"
    local = "local"


class Settings(ServiceSettings):
    """What an operator may choose."""

    lease_ms: int = Field(default=30_000, ge=100)
    """How long an attempt lives without a heartbeat that names it."""
    offline_after_ms: int = Field(default=15_000, ge=100)
    """How long a worker may be silent before it counts as offline."""
    leader_lease_ms: int = Field(default=3_000, ge=100)
    """How long a leader that has died keeps others from leading. It renews four times as often.

    A lease that is too short does no harm but that the leader changes, since every statement of the leader asks for it.
    """
    postgres_idle_in_transaction_timeout_ms: int = Field(default=5_000, ge=1)
    """How long a transaction may stand idle before the server ends it: below POSTGRES_LOCK_TIMEOUT_MS, so that a
    process that freezes in one holds others up, but fails none."""
    schedule_tick_ms: int = Field(default=250, ge=10)
    """How often the queue is looked at when nothing calls for it: for backoffs that end, and calls that were lost."""
    watch_tick_ms: int = Field(default=1_000, ge=10)
    """How often heartbeats are written, and leases and silent workers looked for."""
    retry_base_ms: int = Field(default=1_000, ge=0)
    """Pause before the second attempt; it doubles with each further one, and chance takes up to half of it away."""
    retry_cap_ms: int = Field(default=300_000, ge=0)
    """Longest pause before another attempt."""
    max_refusals: int = Field(default=10, ge=0)
    """How often workers may give a task back before each further time costs one of its attempts."""
    quarantine_after: int = Field(default=3, ge=0)
    """How often workers or their sandboxes may die while they have a task before it is quarantined: it is `failed`, and
    only a retry by a manager tries it again; 0: never."""
    queue_timeout_ms: int = Field(default=0, ge=0)
    """How long a task without `limits.queue_ms` may wait for a worker before it is `timed_out`; 0: without end."""
    backstop_run_ms: int = Field(default=2 * HOUR_MS, ge=1)
    """How long an agent may run, if neither its task nor its worker says so: the limit of the worker-agent counts, and
    this is for a worker that lives and does not keep it."""
    backstop_verify_ms: int = Field(default=900_000, ge=0)
    """The same for the verification, if the task does not say so."""
    backstop_grace_ms: int = Field(default=HOUR_MS, ge=1)
    """How much longer than both an attempt may take, for its workspace and its result, before it is taken away."""

    task_retention_days: int = Field(default=365, ge=0)
    """How long a task is kept after its end, with its attempts and its idempotency key; 0: for ever."""
    experience_retention_days: int = Field(default=180, ge=0)
    """How long it is remembered how a worker did on a kind of work after it last did some; 0: for ever."""
    inbox_retention_days: int = Field(default=90, ge=0)
    """How long it is remembered which batches of a producer were applied after its last one; longer than any spool may
    keep a batch. 0: for ever."""

    fleet_sample_ms: int = Field(default=30_000, ge=0)
    """How often the leader says how the fleet and the queue stand, for reports over time; 0: never.

    It says so too while there is neither worker nor task: that nothing waits is a fact.
    """

    fleet: FleetKind = FleetKind.none
    """Who runs the workers: `kubernetes`, a StatefulSet; `local`, the supervisor of this machine (`mews up` sets it);
    `none`, somebody that this platform does not manage."""
    fleet_namespace: str = "default"
    """Namespace of the workers' StatefulSet."""
    fleet_statefulset: str = "mews-worker"
    """Name of the workers' StatefulSet; its pods' names are the ids of the workers."""
    fleet_kubeconfig: str | None = None
    """File that says how to reach the API server, outside of a cluster; inside, the pod's service account does."""
    fleet_socket: str = ""
    """Path of the supervisor's socket, for `local`."""
    fleet_tick_ms: int = Field(default=5_000, ge=10)
    """How often the leader looks at the fleet."""
    fleet_timeout_ms: int = Field(default=10_000, ge=1)
    """How long the API server may take to answer."""
    fleet_drain_ms: int = Field(default=2 * HOUR_MS, ge=0)
    """How long a worker that is to be drained before a restart may finish what it has."""
    fleet_autoscale: bool = False
    """Whether the number of workers follows the queue; false where another (KEDA) sees to that, or nobody."""
    fleet_min_workers: int = Field(default=1, ge=0)
    """Fewest workers."""
    fleet_max_workers: int = Field(default=10, ge=1)
    """Most workers."""
    fleet_slots: int = Field(default=1, ge=1)
    """Tasks that a worker takes at a time, as long as none has said so itself."""
    fleet_scale_up_after_ms: int = Field(default=5_000, ge=0)
    """How long a task must have waited, with its priority's head start, before there are more workers."""
    fleet_scale_down_after_ms: int = Field(default=300_000, ge=0)
    """For how long fewer workers must have been enough before one is drained and its place given up."""

    @model_validator(mode="after")
    def _fleet_fits(self) -> "Settings":
        if self.fleet_autoscale and self.fleet is not FleetKind.kubernetes:
            raise ValueError(f"FLEET_AUTOSCALE needs FLEET=kubernetes: a fleet that is {self.fleet} cannot be scaled")
        if self.fleet_min_workers > self.fleet_max_workers:
            raise ValueError("FLEET_MIN_WORKERS must not be above FLEET_MAX_WORKERS")
        if self.fleet is FleetKind.local and not self.fleet_socket:
            raise ValueError("FLEET_SOCKET is needed where FLEET is local: it is the path of the supervisor's socket")
        return self

    @model_validator(mode="after")
    def _order_of_times(self) -> "Settings":
        if self.retry_cap_ms < self.retry_base_ms:
            raise ValueError("RETRY_CAP_MS must not be below RETRY_BASE_MS")
        return self

    @property
    def retries(self) -> RetryPolicy:
        """When tasks are tried again."""
        return RetryPolicy(
            self.retry_base_ms, self.retry_cap_ms, self.max_refusals, self.quarantine_after, self.queue_timeout_ms
        )

    @property
    def backstop(self) -> Backstop:
        """When an attempt is taken from a worker that lives and does not end it."""
        return Backstop(self.backstop_run_ms, self.backstop_verify_ms, self.backstop_grace_ms)

    @property
    def fleet_traits(self) -> FleetTraits | None:
        """What the fleet is like; None where nobody manages workers."""
        if self.fleet is FleetKind.none:
            return None
        in_cluster = self.fleet is FleetKind.kubernetes
        prefix = self.fleet_statefulset if in_cluster else "worker"
        return FleetTraits(self.fleet.value, prefix, ends_agents=in_cluster, drain_ms=self.fleet_drain_ms)

    @property
    def scaling(self) -> ScalePolicy | None:
        """When there are more or fewer workers; None where that is not this service's."""
        if not self.fleet_autoscale:
            return None
        return ScalePolicy(
            least=self.fleet_min_workers,
            most=self.fleet_max_workers,
            up_after_ms=self.fleet_scale_up_after_ms,
            down_after_ms=self.fleet_scale_down_after_ms,
            slots=self.fleet_slots,
        )
