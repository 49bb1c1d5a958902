"""From chunks of output to lines that can be shown."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from contracts.events.reporting import StreamData, StreamType
from contracts.sandbox import OutputChunk, StreamName
from tests.support.examples import NOW
from worker_agent.decisions import lines as module
from worker_agent.decisions.lines import Lines, from_a_word_on, joined, readable, shortened

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=8)


def chunks_of(data: bytes, cuts: list[int], stream: StreamName = StreamName.STDOUT) -> list[OutputChunk]:
    """Cut between characters, as the sandbox does."""
    text = data.decode()
    points = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    chunks: list[OutputChunk] = []
    offset = 0
    for start, end in pairwise(points):
        part = text[start:end]
        size = len(part.encode())
        chunks.append(OutputChunk(stream=stream, offset=offset, size=size, seen_at=NOW, text=part))
        offset += size
    return chunks


@given(st.lists(TEXTS, max_size=8), st.lists(st.integers(0, 200), max_size=6))
def test_lines_and_their_ends_are_the_same_however_the_output_is_cut(texts: list[str], cuts: list[int]) -> None:
    data = "".join(f"{text}\n" for text in texts).encode()
    reader = Lines()
    found = [line for chunk in chunks_of(data, cuts) for line in reader.feed(chunk)]
    assert [line.text for line in found] == texts
    ends = [sum(len(text.encode()) + 1 for text in texts[: count + 1]) for count in range(len(texts))]
    assert [line.end for line in found] == ends
    assert list(reader.finish(len(data))) == []


def test_a_last_line_without_an_end_is_told_when_the_process_has_ended() -> None:
    reader = Lines()
    assert list(reader.feed(chunks_of(b"half", [])[0])) == []
    assert [(line.text, line.end) for line in reader.finish(5)] == [("half", 5)]


def test_the_two_streams_do_not_mix() -> None:
    reader = Lines()
    parts = [(StreamName.STDOUT, "o1 "), (StreamName.STDERR, "e1\n"), (StreamName.STDOUT, "o2\n")]
    found = [
        line
        for n, (stream, text) in enumerate(parts)
        for line in reader.feed(OutputChunk(stream=stream, offset=n * 3, size=3, seen_at=NOW, text=text))
    ]
    assert [(line.stream, line.text) for line in found] == [("stderr", "e1"), ("stdout", "o1 o2")]


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    reader = Lines()
    piece = "x" * 60_000
    told = 0
    for number in range(100):
        chunk = OutputChunk(stream=StreamName.STDOUT, offset=number * 60_000, size=60_000, seen_at=NOW, text=piece)
        told += sum(len(line.text) for line in reader.feed(chunk))
    assert told >= module.MAX_LINE


def test_a_text_is_made_readable() -> None:
    assert readable("\x1b[31mred\x1b[0m \x1b]0;title\x07end\r") == "red end"
    assert readable("a\x00b") == "a␀b"
    assert shortened("abcdef", 3) == "abc\n… (3 more characters)"


def test_a_text_is_cut_between_words_so_that_no_half_of_a_secret_is_left() -> None:
    assert shortened("ab cd\nefgh", 8) == "ab cd\n… (5 more characters)"
    assert shortened("ab " + "c" * 5_000, 4_000).startswith("ab ccc")
    assert from_a_word_on("cret value\nnext") == "value\nnext"
    assert from_a_word_on("onelongword") == "onelongword"


def entry(content: str, kind: StreamType = StreamType.output) -> StreamData:
    return StreamData(stream_type=kind, content=content)


def test_neighbours_of_one_kind_become_one_entry() -> None:
    entries = [entry("a"), entry("b"), entry("c", StreamType.thinking), entry("d")]
    assert [one.content for one in joined(entries)] == ["a\nb", "c", "d"]
    flood = joined([entry("x" * 100)] * 1_000)
    assert len(flood) < 10
    assert max(len(one.content) for one in flood) <= module.MAX_CONTENT
