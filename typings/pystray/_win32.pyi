from collections.abc import Callable
from threading import Thread

from . import Icon as BaseIcon

class Icon(BaseIcon):
    _hwnd: int | None
    _icon_handle: int | None
    _menu_handle: tuple[int, list[Callable[..., None]]] | None
    _message_handlers: dict[int, Callable[[int, int], int | None]]
    _thread: Thread
    def _on_notify(self, word: int, long: int) -> None: ...
    def _assert_icon_handle(self) -> None: ...
    def _release_icon(self) -> None: ...
