"""The fleet as it is shown: what runs now, and what is to become of it."""

import asyncio

from contracts.workers import FleetInstance, FleetView
from orchestrator.decisions.scaling import ScalePolicy
from orchestrator.errors import FleetAway
from orchestrator.ports import Fleet, FleetReads, FleetTraits

WITHIN_S = 2.0
MOST = 500
NONE = FleetView(kind="none")


class FleetShow:
    """Looks when it is asked; whoever asks does not wait for long."""

    def __init__(
        self, store: FleetReads, fleet: Fleet | None, traits: FleetTraits | None, policy: ScalePolicy | None
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._traits = traits
        self._policy = policy

    async def view(self) -> FleetView:
        """The fleet now, or why that is not known."""
        if self._fleet is None or self._traits is None:
            return NONE
        empty = self._empty(self._traits)
        try:
            async with asyncio.timeout(WITHIN_S):
                look = await self._fleet.look()
        except TimeoutError:
            return empty.model_copy(update={"reason": f"no answer within {WITHIN_S:g} s"})
        except FleetAway as error:
            return empty.model_copy(update={"reason": error.detail})
        intentions = {one.worker_id: one.action.value for one in await self._store.intentions()}
        instances = [
            FleetInstance(
                worker_id=one.worker_id,
                ready=one.is_ready,
                ending=one.is_ending,
                reason=one.reason,
                intention=intentions.get(one.worker_id),
            )
            for one in look.instances[:MOST]
        ]
        return empty.model_copy(update={"replicas": look.replicas, "instances": instances})

    def _empty(self, traits: FleetTraits) -> FleetView:
        if self._policy is None:
            return FleetView(kind=traits.kind)
        return FleetView(kind=traits.kind, autoscale=True, least=self._policy.least, most=self._policy.most)
