"""What the metrics of this process say."""

from servicekit.metrics import REGISTRY


def sample(name: str, **labels: str) -> float | None:
    """A sample as it is now; None: there is none with these labels."""
    return REGISTRY.get_sample_value(name, labels)


class Counted:
    """How much counters have grown since this was made: other tests count in the same process."""

    def __init__(self) -> None:
        self._before = _all()

    def __call__(self, name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return _all().get(key, 0.0) - self._before.get(key, 0.0)


def _all() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for metric in REGISTRY.collect()
        for one in metric.samples
    }
