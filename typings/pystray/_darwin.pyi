from collections.abc import Callable

from AppKit import NSApplication, NSImage, NSMenu, NSStatusBar, NSStatusItem

from . import Icon as BaseIcon
from . import Menu

class Icon(BaseIcon):
    _app: NSApplication
    _status_bar: NSStatusBar
    _status_item: NSStatusItem
    _icon_image: NSImage | None
    _menu_handle: tuple[NSMenu, list[Callable[..., None]]] | None
    def _assert_image(self) -> None: ...
    def _create_menu(self, descriptors: Menu, callbacks: list[Callable[..., None]]) -> NSMenu: ...
