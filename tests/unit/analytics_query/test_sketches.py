import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analytics_query.domain.spreads import Spread
from analytics_query.store.sketches import of_json, pack, unpack
from tests.support.spreads import spread

VALUES = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20)
NAMES = st.text(max_size=10)


@given(st.dictionaries(NAMES, VALUES, max_size=5), st.sampled_from([1, 255, 256, -1, 2**31, 2**40]))
@example({"a": [], "b": [0.0, -1e-200, 1e300, -1e300]}, 1)
@example({'"],[': [1.0], 'x"],["y': [], "\\": [2.0]}, 1)
def test_what_is_packed_is_read_as_it_was(values: dict[str, list[float]], times: int) -> None:
    spreads = {name: spread(some, times) for name, some in values.items()}
    assert unpack(pack(spreads)) == spreads


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=5))
def test_equal_distributions_are_equal_bytes(values: dict[str, list[float]]) -> None:
    spreads = {name: spread(some) for name, some in values.items()}
    again = {name: spread(values[name][::-1]) for name in reversed(values)}
    assert pack(again) == pack(spreads)


@pytest.mark.parametrize(
    ("spreads", "written"),
    [
        (
            {"b@observed": spread([0.0, -2.5, 1e3], 300), "a": spread([1.0, 2.0, 2.0])},
            rb'["i",["a","b@observed"],[3,900],[5000000,299250000000],[2,3]]'
            b"\n\x00@#@\xd2\xbf\x00\x00ZA\x01\x00\x00\x00\x02\x00\x00\x00" + b",\x01\x00\x00" * 3,
        ),
        ({"a": spread([1e300])}, b'["B",["a"],[1],["1000000000000000000000"],[1]]\n\xbfF\x01'),
    ],
)
def test_the_bytes_are_those_that_other_versions_read_and_write(spreads: dict[str, Spread], written: bytes) -> None:
    assert pack(spreads) == written
    assert unpack(written) == spreads


@pytest.mark.parametrize(
    ("bins", "value"), [({"0!": 2}, 0.0), ({"347": 2}, 1_030.0), ({"-!347": 2}, -1_030.0), ({"-231": 2}, 0.00975)]
)
def test_what_earlier_versions_wrote_means_the_same(bins: dict[str, int], value: float) -> None:
    found = of_json({"a": [2, str(2**70), bins], "b": [1, 1, {"1": 1}]})["a"]
    assert (found.count, found.micros) == (2, 2**70)
    assert found.quantile(0.5) == pytest.approx(value, rel=0.02)
    assert found.bins == spread([value, value]).bins
