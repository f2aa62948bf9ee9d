"""The event stream's decoder: R36 and R38, however the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import sse

STREAM = (
    '\ufeffevent: a\r\ndata: {"t":"ü\u2028\u0085😀"}\r\n\r\n'
    ": a comment\nid: 5\nretry: 3\n\n"
    "data:no space\n\n"
    "event: several\ndata: one\ndata: two\n\n"
    "event: without data\n\n"
    "data: last\n\n"
).encode()
FRAMES = [
    sse.Frame("a", '{"t":"ü\u2028\u0085😀"}'.encode()),
    sse.Frame("", b"no space"),
    sse.Frame("several", b"one\ntwo"),
    sse.Frame("", b"last"),
]


def decode(pieces: list[bytes]) -> list[sse.Frame]:
    decoder = sse.Decoder()
    return [frame for piece in pieces for frame in decoder.feed(piece)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_r36_r38_frames_are_the_same_however_they_are_cut(size: int) -> None:
    assert decode([STREAM[start : start + size] for start in range(0, len(STREAM), size)]) == FRAMES


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_r36_anywhere(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    assert decode([STREAM[start:end] for start, end in pairwise(places)]) == FRAMES


def test_what_is_left_at_the_end_is_no_event_and_can_be_asked_for() -> None:
    decoder = sse.Decoder()
    assert decoder.feed(b"data: cut o") == []
    assert decoder.pending
    assert decoder.feed(b"ff\n\n") == [sse.Frame("", b"cut off")]
    assert not decoder.pending


@pytest.mark.parametrize("piece", [b"x" * 1_000_000, b"data: " + b"x" * 1_000_000 + b"\n"])
def test_r36_an_event_without_an_end_is_given_up_at_50_mb(piece: bytes) -> None:
    with pytest.raises(sse.FrameTooLarge):
        decode([piece] * 60)


def test_frames_encode_to_what_decodes_to_them() -> None:
    encoded = sse.encode(b'{"a":1}', "message_start") + sse.encode(b"[DONE]")
    assert encoded == b'event: message_start\ndata: {"a":1}\n\ndata: [DONE]\n\n'
    assert decode([encoded]) == [sse.Frame("message_start", b'{"a":1}'), sse.Frame("", b"[DONE]")]
