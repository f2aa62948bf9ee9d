"""Reading a request's fields: what was asked, what was left out, and a clear word about what makes no sense."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from ...errors import InvalidRequest
from ...messages import JsonObject

_MOST_NAMED = 20
# The client chooses these names, and they go into a header of ours.
_HARMLESS = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")


class Fields:
    """The top level of a chat request. Null equals absent; what nobody took in the end was ignored.

    Clients in several languages write out every field they know, with null in most of them.
    """

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._fields = {name: value for name, value in body.items() if value is not None}
        # Names of what is not done as asked, for the header that says so.
        self.ignored: list[str] = []

    def take(self, name: str) -> Any:
        """The value of `name`, or None; it then counts as understood."""
        return self._fields.pop(name, None)

    def take_bool(self, name: str, *, default: bool) -> bool:
        match self.take(name):
            case None:
                return default
            case bool() as value:
                return value
            case _:
                raise InvalidRequest(f"{name}: true or false is expected.", param=name)

    def take_object(self, name: str) -> JsonObject | None:
        value = self.take(name)
        if value is not None and not isinstance(value, dict):
            raise InvalidRequest(f"{name}: an object is expected.", param=name)
        return cast("JsonObject | None", value)

    def take_number(self, name: str) -> float | None:
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InvalidRequest(f"{name}: a number is expected.", param=name)
        return value

    def take_list(self, name: str) -> list[Any] | None:
        value = self.take(name)
        if value is not None and not isinstance(value, list):
            raise InvalidRequest(f"{name}: a list is expected.", param=name)
        return cast("list[Any] | None", value)

    def ignore(self, name: str) -> None:
        if name not in self.ignored:
            self.ignored.append(name)

    def ignore_the_rest(self) -> None:
        for name in self._fields:
            self.ignore(name)


def ignored_header(names: Iterable[str]) -> str:
    """`names` as the value of `x-cliproxyapi-ignored`: at most 20, and none that could break out of a header."""
    harmless = [name for name in names if _HARMLESS.fullmatch(name)]
    shown = harmless[:_MOST_NAMED]
    return ",".join(shown if len(shown) == len(harmless) else [*shown, "..."])
