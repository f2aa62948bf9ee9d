"""Tool names, both ways: Claude accepts letters, digits, `_` and `-`, 128 at most; clients send more than that."""

from __future__ import annotations

import hashlib
import re

_REFUSED = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST = 128


class ToolNames:
    """One request's mapping between the client's tool names and those that Claude sees.

    A name that Claude accepts stays as it is. Others are rewritten, the same way in declarations, tool choice,
    history and the answer; where two would become one, the later gets a suffix from its own hash.
    """

    def __init__(self) -> None:
        self._upstream: dict[str, str] = {}
        self._client: dict[str, str] = {}

    def upstream(self, client_name: str) -> str:
        """The name to send for `client_name`; asking again gives the same one."""
        known = self._upstream.get(client_name)
        if known is None:
            known = _REFUSED.sub("_", client_name)[:_LONGEST] or "_"
            if known in self._client:
                suffix = "_" + hashlib.sha256(client_name.encode()).hexdigest()[:8]
                known = known[: _LONGEST - len(suffix)] + suffix
            self._upstream[client_name] = known
            self._client[known] = client_name
        return known

    def client(self, upstream_name: str) -> str:
        """The client's own name for a tool that Claude calls."""
        return self._client.get(upstream_name, upstream_name)
