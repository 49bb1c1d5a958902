"""Whatever the order, the repetitions and the cut into transactions: the same projections."""

from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_query.handlers.projecting import Projector
from tests.support.histories import History, Sealed
from tests.support.projecting import Dump, Memory, assert_equal, in_memory, project


async def projected(batches: list[Sealed], transaction: int, most: int) -> Dump:
    memory = Memory()
    projector = Projector(memory, most_documents=most, most_rollups=most)
    for start in range(0, len(batches), transaction):
        await project(projector, batches[start : start + transaction])
    return memory.dump()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    tasks=st.integers(1, 3),
    events=st.integers(0, 80),
    transaction=st.integers(1, 40),
    most=st.sampled_from([0, 3, 1_000]),
)
async def test_any_delivery_of_the_same_batches_gives_the_same_projections(
    seed: int, tasks: int, events: int, transaction: int, most: int
) -> None:
    history = History(seed, tasks, events)
    clean = history.sealed()
    disturbed = history.disturbed(clean)
    assert_equal(await projected(disturbed, transaction, most), (await in_memory(clean)).dump())
