"""Who wants to hear of news: the board, the desk and the settings tell them the same way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Listeners(Generic[T]):
    """Any thread may add, forget and tell; listeners are called on the thread that tells."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: tuple[Callable[[T], None], ...] = ()

    def add(self, listener: Callable[[T], None]) -> Callable[[], None]:
        """Call `listener` with everything that is told from now on; the returned function ends that."""
        with self._lock:
            self._all = (*self._all, listener)

        def forget() -> None:
            with self._lock:
                # Once, where the same listener was added twice.
                kept = list(self._all)
                if listener in kept:
                    kept.remove(listener)
                self._all = tuple(kept)

        return forget

    def __len__(self) -> int:
        return len(self._all)

    def tell(self, news: T) -> None:
        for listener in self._all:
            listener(news)
