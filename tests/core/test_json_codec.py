"""JSON as clients send it: M26, M27, M28 and E15."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import json_codec

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON.filter(lambda value: "\0" not in json.dumps(value, ensure_ascii=False)))
def test_what_is_encoded_decodes_to_itself(value: object) -> None:
    if "\\u0000" not in json.dumps(value):
        assert json_codec.decode(json_codec.encode(value)) == value


def test_m26_lone_surrogates_become_the_replacement_character() -> None:
    assert json_codec.decode(b'{"a":"x\\ud83d","\\uDE00":["\\ud83d\\ude00"]}') == {"a": "x\ufffd", "\ufffd": ["😀"]}
    assert json_codec.encode("x\ud83d") == '"x\ufffd"'.encode()


def test_m27_nul_becomes_the_replacement_character_and_other_controls_stay() -> None:
    assert json_codec.decode(b'["\\u0000a\\u0001\\u001f"]') == ["\ufffda\x01\x1f"]


def test_m28_a_byte_order_mark_line_ends_and_duplicate_keys_do_no_harm() -> None:
    assert json_codec.decode(b'\xef\xbb\xbf{\r\n"a":1,\r\n"a":2}\r\n') == {"a": 2}


def test_integers_of_any_size_survive() -> None:
    huge = 10**40
    assert json_codec.encode({"a": huge}) == b'{"a":%d}' % huge


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b'{"a":1,}',
        b"[1 2]",
        b"NaN",
        b'{"a":Infinity}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80',
        b'{"a":"\\ud83d" nonsense}',
        b"{'a':1}",
    ],
)
def test_e15_what_is_no_json_is_refused_with_its_place(text: bytes) -> None:
    with pytest.raises(json_codec.JSONError, match=r"\(byte \d+\)|char \d+|position \d+"):
        json_codec.decode(text)


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 100_000, b'["\\ud83d",' + b"[" * 100_000])
def test_e15_bottomless_nesting_is_refused(text: bytes) -> None:
    with pytest.raises(json_codec.JSONError):
        json_codec.decode(text)


def test_bottomless_nesting_cannot_be_encoded_either() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(json_codec.JSONError, match="nested too deeply"):
        json_codec.encode(value)
    # Taken apart step by step, or freeing it would recurse as deeply.
    while value:
        value = value.pop()  # type: ignore[assignment]
