"""Records: framed so that a torn end is told from a whole one."""

from hypothesis import given
from hypothesis import strategies as st

from worker_agent.spool.records import (
    Acknowledgement,
    Header,
    Record,
    Seal,
    StoredEvent,
    decode_all,
    encode,
    payload_of,
)

NUMBERS = st.integers(0, 2**63)
NAMES = st.text("abcdef0123456789-", min_size=1, max_size=40)
RECORDS: st.SearchStrategy[Record] = st.one_of(
    st.builds(Header, NAMES, NUMBERS, NAMES),
    st.builds(StoredEvent, st.text(min_size=1, max_size=80), NUMBERS, st.binary(max_size=200)),
    st.builds(Seal, NUMBERS, NUMBERS, st.integers(1, 256), st.text(min_size=1, max_size=80)),
    st.builds(Acknowledgement, NUMBERS),
)


@given(st.lists(RECORDS, max_size=8))
def test_records_come_back_as_they_were_written(records: list[Record]) -> None:
    data = b"".join(encode(record) for record in records)
    assert [record for _, _, record in decode_all(data)] == records
    assert sum(size for _, size, _ in decode_all(data)) == len(data)


@given(st.lists(RECORDS, min_size=1, max_size=4), st.data())
def test_a_cut_leaves_the_records_before_it(records: list[Record], data: st.DataObject) -> None:
    frames = [encode(record) for record in records]
    whole = b"".join(frames)
    cut = data.draw(st.integers(0, len(whole)))
    ends = [sum(map(len, frames[: count + 1])) for count in range(len(frames))]
    kept = [record for _, _, record in decode_all(whole[:cut])]
    assert kept == records[: sum(end <= cut for end in ends)]


@given(st.lists(RECORDS, min_size=1, max_size=4), st.data())
def test_a_flipped_bit_is_found(records: list[Record], data: st.DataObject) -> None:
    whole = bytearray(b"".join(encode(record) for record in records))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    kept = [record for _, _, record in decode_all(bytes(whole))]
    assert kept == records[: len(kept)]
    assert len(kept) < len(records)


def test_zeros_are_no_records() -> None:
    assert list(decode_all(bytes(1000))) == []


def test_the_payload_of_a_damaged_frame_is_not_given_out() -> None:
    frame = encode(StoredEvent("s", 1, b"{}"))
    assert payload_of(frame) == b"{}"
    assert payload_of(frame[:-1] + b"x") is None
