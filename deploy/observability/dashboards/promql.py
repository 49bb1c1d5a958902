"""The usual expressions; `{@}` is where the dashboard's selection goes."""

INTERVAL = "$__rate_interval"


def rate(metric: str, by: str = "", where: str = "") -> str:
    """How often in a second, perhaps by labels."""
    return f"sum{_grouped(by)}(rate({metric}{_selected(where)}[{INTERVAL}]))"


def increase(metric: str, by: str = "", where: str = "") -> str:
    """How often in each interval, perhaps by labels."""
    return f"sum{_grouped(by)}(increase({metric}{_selected(where)}[{INTERVAL}]))"


def over_range(metric: str, by: str = "", where: str = "") -> str:
    """How often in all of the time shown."""
    return f"sum{_grouped(by)}(increase({metric}{_selected(where)}[$__range]))"


def greatest(metric: str, by: str = "", where: str = "") -> str:
    """A gauge that one process knows, or all of them alike."""
    return f"max{_grouped(by)}({metric}{_selected(where)})"


def quantile(q: str, metric: str, by: str = "") -> str:
    """A quantile of a histogram, perhaps by a label."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({q}, {rate(f'{metric}_bucket', labels)})"


def _grouped(by: str) -> str:
    return f" by ({by}) " if by else ""


def _selected(where: str) -> str:
    return f"{{@,{where}}}" if where else "{@}"
