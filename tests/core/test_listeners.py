"""Listeners: told until they forget, and never disturbed by one that comes or goes meanwhile."""

from __future__ import annotations

from core.listeners import Listeners


def test_each_hears_what_is_told_until_it_forgets() -> None:
    listeners: Listeners[int] = Listeners()
    first, second = list[int](), list[int]()
    forget = listeners.add(first.append)
    listeners.add(second.append)
    listeners.tell(1)
    forget()
    forget()
    listeners.tell(2)
    assert (first, second) == ([1], [1, 2])


def test_one_that_forgets_itself_while_it_is_told_disturbs_nobody() -> None:
    listeners: Listeners[int] = Listeners()
    heard = list[int]()

    def once(news: int) -> None:
        heard.append(news)
        forget()

    forget = listeners.add(once)
    listeners.add(heard.append)
    listeners.tell(7)
    listeners.tell(8)
    assert heard == [7, 7, 8]
