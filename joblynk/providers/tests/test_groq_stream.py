"""The reader alone, without a network."""

from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblynk.providers.errors import ProviderError
from joblynk.providers.llm.groq_stream import CompletionReader
from joblynk.providers.types import Finished, Usage

USAGE = b'{"prompt_tokens": 7, "completion_tokens": 3}'


def event(text: str) -> bytes:
    return b"data: " + orjson.dumps({"choices": [{"delta": {"content": text}}]}) + b"\n\n"


def ending(reason: str = "stop") -> bytes:
    return b'data: {"choices":[{"delta":{},"finish_reason":"%b"}]}\n\ndata: [DONE]\n\n' % reason.encode()


def read(body: bytes) -> tuple[str, Finished]:
    reader = CompletionReader()
    text = reader.feed(body) + reader.finish()
    return text, reader.finished("m")


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


@given(st.lists(words, min_size=1), st.lists(st.integers(0, 2_000)))
def test_the_text_is_the_same_however_the_network_cuts_it(texts: list[str], cuts: list[int]) -> None:
    body = event("A") + b"".join(map(event, texts)) + ending()
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    reader = CompletionReader()
    got = "".join(reader.feed(body[start:end]) for start, end in pairwise(places))
    assert got == "A" + "".join(texts)
    assert reader.done
    assert reader.finished("m").reason == "stop"


@given(st.binary())
def test_no_bytes_bring_an_error_of_another_kind(body: bytes) -> None:
    with pytest.raises((ProviderError, ValueError)):
        read(b"data:" + body)


@pytest.mark.parametrize("separator", ["\u2028", "\u0085", "\x0b"])
def test_separators_inside_a_text_do_not_end_the_line(separator: str) -> None:
    line = f'data: {{"choices":[{{"delta":{{"content":"a{separator}b"}}}}]}}\n\n'.encode()
    if separator == "\x0b":  # raw only outside JSON strings
        line = event(f"a{separator}b")
    assert read(line + ending())[0] == f"a{separator}b"


def test_carriage_returns_comments_and_other_fields_are_passed_over() -> None:
    body = (b": ping\nevent: message\nid: 1\n" + event("Hi") + ending()).replace(b"\n", b"\r\n")
    assert read(body)[0] == "Hi"


def test_nul_and_blanks_before_the_first_word_are_dropped() -> None:
    assert read(event("\n ") + event(" O\0K ") + event(" x") + ending())[0] == "OK  x"


@pytest.mark.parametrize("place", [b'"usage":%b', b'"x_groq":{"usage":%b}'])
def test_usage_is_read_wherever_it_stands(place: bytes) -> None:
    body = event("Hi") + b"data: {" + place % USAGE + b"}\n\n" + ending()
    assert read(body)[1] == Finished("stop", "m", Usage(7, 3))


def test_an_answer_cut_by_its_length_is_an_answer() -> None:
    assert read(event("Hi") + ending("length"))[1].reason == "length"


@pytest.mark.parametrize(
    "odd",
    [
        b'{"choices":null}',
        b'{"choices":[]}',
        b'{"choices":[null]}',
        b'{"choices":[{"delta":null}]}',
        b'{"choices":[{"delta":{"content":null}}]}',
        b'{"choices":[{"delta":{"content":5}}]}',
        b'{"usage":{"prompt_tokens":"many"}}',
        b'{"x_groq":"odd"}',
    ],
)
def test_odd_events_carry_no_text_and_do_no_harm(odd: bytes) -> None:
    assert read(event("Hi") + b"data: " + odd + b"\n\n" + ending())[0] == "Hi"


def test_a_last_event_without_a_line_end_counts() -> None:
    body = event("Hi") + b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}'
    assert read(body) == ("Hi", Finished("stop", "m"))


def test_a_line_without_an_end_does_not_fill_the_memory() -> None:
    reader = CompletionReader()
    with pytest.raises(ProviderError, match="a line without an end"):
        for _ in range(40):
            reader.feed(b"x" * 65_536)
