"""The route `demo`: it works by itself, and only when it is named."""

from __future__ import annotations

from ..settings import Settings
from ..status import SignIn
from ..upstreams import Upstream
from ..upstreams.demo import DemoUpstream


class DemoRoute:
    name = "demo"

    def __init__(self, upstream: DemoUpstream) -> None:
        self._upstream = upstream

    def look(self, settings: Settings, *, automatic: bool = False) -> SignIn:
        return SignIn(self.name, "not_needed")

    def upstream(self, settings: Settings) -> Upstream:
        return self._upstream

    async def close(self) -> None:
        await self._upstream.close()
