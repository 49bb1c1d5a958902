from datetime import UTC, datetime, timedelta

import orjson

from analytics_query.decisions.ledger import Ledger
from analytics_query.domain.retention import Kept
from analytics_query.domain.rollups import Figures, Key, total
from analytics_query.domain.vocabulary import RESOLUTIONS, SYSTEM, Dimension, Resolution
from analytics_query.store import rows
from analytics_query.store.sketches import pack

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SYSTEM_ALONE = ((Dimension.system, SYSTEM),)
REPOSITORY = ((Dimension.repository, "r"),)


def key(resolution: Resolution, *bucket: int, dimension: Dimension = Dimension.system, entity: str = SYSTEM) -> Key:
    return Key(dimension, entity, resolution, int(datetime(2026, 1, *bucket, tzinfo=UTC).timestamp()))


def test_an_entry_counts_at_each_resolution_that_is_kept_of_its_dimension() -> None:
    ledger = Ledger()
    ledger.count(SYSTEM_ALONE, AT, "n", 2)
    ledger.count(SYSTEM_ALONE, AT + timedelta(minutes=1), "n")
    ledger.count(REPOSITORY, AT, "n")
    counts = {found: figures.counts for found, figures in ledger.rollups().items()}
    assert counts == {
        key(Resolution.minute, 2, 3, 4): {"n": 2},
        key(Resolution.minute, 2, 3, 5): {"n": 1},
        key(Resolution.hour, 2, 3): {"n": 3},
        key(Resolution.day, 2): {"n": 3},
        key(Resolution.hour, 2, 3, dimension=Dimension.repository, entity="r"): {"n": 1},
        key(Resolution.day, 2, dimension=Dimension.repository, entity="r"): {"n": 1},
    }


def test_the_total_of_an_entity_is_what_its_roll_ups_of_any_resolution_come_to() -> None:
    ledger = Ledger()
    for hours in (0, 1, 30):
        ledger.count((*SYSTEM_ALONE, *REPOSITORY), AT + timedelta(hours=hours), "n", 2)
        ledger.count(REPOSITORY, AT + timedelta(hours=hours), "n")
        ledger.spread(SYSTEM_ALONE, AT + timedelta(hours=hours), "ms", 12.5)
        ledger.last((*SYSTEM_ALONE, *REPOSITORY), AT + timedelta(hours=hours), "coverage", hours, "a")
    ledger.sign = -1
    ledger.count(SYSTEM_ALONE, AT, "n", 2)
    for dimension, entity in ((Dimension.system, SYSTEM), (Dimension.repository, "r"), (Dimension.worker, "w")):
        for resolution in RESOLUTIONS[dimension]:
            rollups = ledger.rollups().items()
            found = [one for place, one in rollups if place[:3] == (dimension, entity, resolution)]
            assert ledger.total(dimension, entity) == total(found)
    assert ledger.total(Dimension.system, SYSTEM).counts == {"n": 4}


def test_what_is_taken_away_and_entered_again_leaves_nothing_to_write() -> None:
    ledger = Ledger()
    for sign in (-1, 1):
        ledger.sign = sign
        ledger.count(SYSTEM_ALONE, AT, "n", 7)
        ledger.spread(SYSTEM_ALONE, AT, "ms", 12.5)
    assert ledger.rollups() == {}


def test_times_that_are_no_longer_kept_as_finely_count_in_what_is_kept() -> None:
    kept = Kept({Resolution.minute: AT + timedelta(days=1), Resolution.hour: AT - timedelta(hours=1)})
    ledger = Ledger(kept)
    ledger.count(SYSTEM_ALONE, AT, "n")
    ledger.count(SYSTEM_ALONE, AT - timedelta(hours=3), "n")
    counts = {found: figures.counts for found, figures in ledger.rollups().items()}
    assert counts == {key(Resolution.hour, 2, 3): {"n": 1}, key(Resolution.day, 2): {"n": 2}}


def test_of_newest_values_that_of_the_newest_source_stands_and_its_own_next_word_replaces_it() -> None:
    ledger = Ledger()
    ledger.last(SYSTEM_ALONE, AT, "coverage", 80.0, "b")
    ledger.last(SYSTEM_ALONE, AT - timedelta(seconds=1), "coverage", 99.0, "a")
    ledger.last(SYSTEM_ALONE, AT, "coverage", 70.0, "b")
    figures = ledger.rollups()[key(Resolution.day, 2)]
    assert figures.lasts["coverage"].value == 70.0


def test_sums_beyond_64_bits_come_back_as_they_were() -> None:
    figures = Figures()
    ledger = Ledger()
    ledger.count(SYSTEM_ALONE, AT, "tokens", 2**70)
    ledger.spread(SYSTEM_ALONE, AT, "tokens", 1e300)
    figures.merge(ledger.rollups()[key(Resolution.day, 2)])
    again = rows.figures(orjson.loads(orjson.dumps(figures.plain_json())), pack(figures.spreads), {})
    assert again == figures
    assert again.counts["tokens"] == 2**70
