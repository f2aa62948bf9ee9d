"""JSON as it arrives from real clients and as it leaves for Claude: tolerant in, exact out, never a traceback."""

from __future__ import annotations

import codecs
import json
import math
import re
from typing import Any, NoReturn, cast

import msgspec

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


class JSONError(ValueError):
    """The text is no JSON; the message says what is wrong and where (bytes or characters from the start)."""


def decode(data: bytes | str) -> Any:
    """One JSON value. A byte-order mark is skipped, the last of duplicate keys wins, and U+0000 and lone
    surrogates (both refused by Claude) become U+FFFD.

    Raises JSONError for anything that is not JSON in UTF-8, NaN and nesting too deep to hold included.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        value = _decoder.decode(data)
    except RecursionError:
        raise JSONError("the JSON is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # msgspec refuses lone surrogates, which real clients send when they cut a text inside an emoji.
        if b"\\ud" not in data.lower() and b"\xed" not in data:
            raise JSONError(_with_position(error, data)) from None
        return _decode_with_surrogates(data)
    # From the end: there each step looks for the backslash, which is rare, and takes a third of the time.
    if data.rfind(b"\\u0000") >= 0:
        value = _clean(value)
    return value


def encode(value: object) -> bytes:
    """Compact UTF-8 JSON; integers of any size survive. Raises JSONError for what is nested too deeply."""
    try:
        return _encoder.encode(value)
    except RecursionError:
        raise JSONError("the JSON is nested too deeply") from None
    except (OverflowError, UnicodeEncodeError, msgspec.ValidationError):
        return json.dumps(_clean(value), ensure_ascii=False, separators=(",", ":")).encode()


def encode_text(value: object) -> str:
    """`encode`, as text: for places where JSON travels inside a JSON string."""
    return encode(value).decode()


def object_or_empty(value: Any) -> dict[str, Any]:
    """`value` if it is a JSON object, else an empty one: for reading what may be anything."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def list_or_empty(value: Any) -> list[Any]:
    """`value` if it is a JSON array, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def _with_position(error: Exception, data: bytes) -> str:
    """msgspec says where a mistake is, but not where a text that is cut off ends."""
    said = str(error)
    return said if "(byte" in said else f"{said} (byte {len(data)})"


def _decode_with_surrogates(data: bytes) -> Any:
    try:
        return _clean(
            json.loads(data.decode("utf-8", "surrogatepass"), parse_constant=_refuse_constant, parse_float=_finite)
        )
    except RecursionError:
        raise JSONError("the JSON is nested too deeply") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise JSONError(str(error)) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is out of range")
    return value


def _clean(value: Any) -> Any:
    """`value` with U+0000 and lone surrogates replaced in every string, keys included."""
    if isinstance(value, str):
        return _LONE_SURROGATE.sub(_REPLACEMENT, value).replace("\0", _REPLACEMENT)
    if isinstance(value, list):
        return [_clean(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return value
