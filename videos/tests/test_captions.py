import pytest

from videos import captions
from videos.captions import Caption

VTT = b"""\xef\xbb\xbfWEBVTT - made by hand

STYLE
::cue { color: red }

NOTE nobody reads --> this

one
00:01.000 --> 00:04.500 align:start position:10%
<v Ana>Press <b>Save</b>,
<00:02.000>then &lt;wait&gt;.

01:00:00.000 --> 01:00:02.000
The end &amp; more.
"""
SRT = b"1\r\n00:00:01,000 --> 00:00:02,000\r\nHello.\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\nBye.\r\n"


def test_captions_are_plain_text_with_their_times() -> None:
    assert captions.parse(VTT) == [
        Caption(1, 4.5, "Press Save,\nthen <wait>."),
        Caption(3600, 3602, "The end & more."),
    ]
    assert [cue.text for cue in captions.parse(SRT)] == ["Hello.", "Bye."]


def test_what_is_served_is_written_anew_and_cannot_break_out() -> None:
    evil = [Caption(0, 1, "<script>alert(1)</script>\n00:05.000 --> 00:06.000"), Caption(1, 2, "a --> b & c")]
    written = captions.write(evil)
    assert "<" not in written and written.count("-->") == 2
    assert captions.parse(written.encode()) == evil


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no captions"),
        (b"just a text", "no captions"),
        (b"WEBVTT\n\n00:05.000 --> 00:04.000\nbackwards", "ends before it begins"),
        (b"WEBVTT\n\n0:05 --> soon\nx", "Line 3"),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\n\xff\xfe", "UTF-8"),
        (b"x" * 2_000_001, "2 MB"),
        (b"WEBVTT\n\n00:00.000 --> 99:59:59.999\nlong", "after a day"),
    ],
)
def test_what_is_wrong_is_said_in_words(content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        captions.parse(content)


def test_junk_that_makes_text_read_otherwise_is_taken_out() -> None:
    found = captions.parse("WEBVTT\n\n00:00.000 --> 00:01.000\nab\u202ecd\u200b\x07 e\x85f".encode())
    assert [cue.text for cue in found] == ["abcd ef"]


def test_chapters_begin_where_the_speaker_pauses() -> None:
    said = [
        Caption(0, 10, "Open the box."),
        Caption(10, 20, "Take out the parts."),
        Caption(26, 36, "Now fasten the legs. Use the short screws."),
        Caption(36, 46, "Turn it over."),
    ]
    assert captions.chapters_from(said) == [(0, "Open the box"), (26, "Now fasten the legs")]


def test_every_entry_of_a_list_of_chapters_is_one() -> None:
    listed = [Caption(0, 30, "Unpacking"), Caption(30, 60, "x " * 60)]
    found = captions.chapters_of(listed)
    assert found[0] == (0, "Unpacking")
    assert found[1].title.endswith("…") and len(found[1].title) <= 60
