"""The leases of live attempts, in memory. All are equally long: their order is that of their last renewal."""

from collections import Counter
from collections.abc import Iterator, Mapping

from orchestrator.domain import AttemptRef


class LeaseBook:
    """`now` is monotonic time in s. An attempt without a renewal for `lease_s` has expired."""

    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        self._leases: dict[AttemptRef, tuple[float, str]] = {}

    def __len__(self) -> int:
        return len(self._leases)

    def grant(self, ref: AttemptRef, worker_id: str, now: float) -> None:
        """Give a full lease."""
        self._leases.pop(ref, None)
        self._leases[ref] = (now + self._lease_s, worker_id)

    def __iter__(self) -> Iterator[AttemptRef]:
        return iter(self._leases)

    def has(self, ref: AttemptRef) -> bool:
        """Whether it has a lease."""
        return ref in self._leases

    def counts(self) -> Mapping[str, int]:
        """How many leases each worker has."""
        return Counter(worker_id for _, worker_id in self._leases.values())

    def renew(self, ref: AttemptRef, worker_id: str, now: float) -> bool:
        """Give a full lease again, if there is one and it is this worker's."""
        lease = self._leases.get(ref)
        if lease is None or lease[1] != worker_id:
            return False
        self.grant(ref, worker_id, now)
        return True

    def forget(self, ref: AttemptRef) -> None:
        """The attempt is closed."""
        self._leases.pop(ref, None)

    def refill(self, now: float) -> None:
        """Give every attempt its full lease again."""
        for ref, (_, worker_id) in list(self._leases.items()):
            self.grant(ref, worker_id, now)

    def clear(self) -> None:
        """Forget all."""
        self._leases.clear()

    def expired(self, now: float) -> list[tuple[AttemptRef, str]]:
        """Attempts whose lease has run out, with the worker that held them."""
        found: list[tuple[AttemptRef, str]] = []
        for ref, (until, worker_id) in self._leases.items():
            if until > now:
                break
            found.append((ref, worker_id))
        return found
