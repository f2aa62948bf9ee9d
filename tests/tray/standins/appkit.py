"""AppKit as far as a menu bar's icon touches it, which it may on the main thread alone.

Names are Apple's. What an object was told is kept in attributes with plain names.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

_MODULES = ("AppKit", "Foundation", "objc", "PyObjCTools", "PyObjCTools.MachSignals", "PyObjCTools.AppHelper")


class Mac:
    """One computer. `main_thread` is that of the test until `Application.run`, then that one's."""

    def __init__(self) -> None:
        self.application = Application()
        self.status_bar = StatusBar()

    def modules(self) -> dict[str, ModuleType]:
        modules = {name: ModuleType(name) for name in _MODULES}
        appkit: Any = modules["AppKit"]
        appkit.NSApplication = type("NSApplication", (), {"sharedApplication": lambda: self.application})
        appkit.NSStatusBar = type("NSStatusBar", (), {"systemStatusBar": lambda: self.status_bar})
        appkit.NSMenu, appkit.NSMenuItem, appkit.NSImage, appkit.NSEvent = Menu, MenuItem, Image, Event
        appkit.NSVariableStatusItemLength = -1.0
        appkit.NSApplicationActivationPolicyAccessory = 1
        appkit.NSOnState, appkit.NSOffState = 1, 0
        appkit.NSApplicationDefined = 15
        appkit.NSPoint = lambda x, y: (x, y)
        foundation: Any = modules["Foundation"]
        foundation.NSObject, foundation.NSData = Object, Data
        objc: Any = modules["objc"]
        objc.namedSelector = lambda _selector: lambda function: function
        tools: Any = modules["PyObjCTools"]
        tools.MachSignals, tools.AppHelper = modules["PyObjCTools.MachSignals"], modules["PyObjCTools.AppHelper"]
        tools.AppHelper.callAfter = self.application.events.put
        return modules


class Checked:
    """Everything of AppKit: it belongs to the thread that first touched it, which must be the application's."""

    def __getattribute__(self, name: str) -> Any:
        if name.endswith("_") and not name.startswith("_"):
            assert threading.current_thread() is Application.thread, f"{name} on another thread"
        return super().__getattribute__(name)

    @classmethod
    def alloc(cls) -> Any:
        return cls()

    def init(self) -> Any:
        return self


class Object(Checked):
    pass


class Event(Checked):
    pass


def _other_event(_kind: object, *_rest: object) -> Event:
    return Event()


_OTHER_EVENT = "otherEventWithType_location_modifierFlags_timestamp_windowNumber_context_subtype_data1_data2_"
setattr(Event, _OTHER_EVENT, staticmethod(_other_event))


class Application(Checked):
    thread = threading.current_thread()

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[Callable[[], None] | Event] = queue.SimpleQueue()
        self.policy: int | None = None
        self._stopping = False

    def setActivationPolicy_(self, policy: int) -> bool:
        self.policy = policy
        return True

    def run(self) -> None:
        # `stop:` only sets a flag, which is looked at after the next event, and one from before does not count.
        self._stopping = False
        while True:
            event = self.events.get()
            if not isinstance(event, Event):
                event()
            elif self._stopping:
                return

    def stop_(self, _sender: object) -> None:
        self._stopping = True

    def postEvent_atStart_(self, event: Event, _at_start: bool) -> None:
        self.events.put(event)


class StatusBar(Checked):
    def __init__(self) -> None:
        self.items: list[StatusItem] = []

    def statusItemWithLength_(self, _length: float) -> StatusItem:
        self.items.append(StatusItem())
        return self.items[-1]

    def removeStatusItem_(self, item: StatusItem) -> None:
        self.items.remove(item)


class StatusItem(Checked):
    def __init__(self) -> None:
        self._button = Button()
        self.menu: Menu | None = None
        self.menus_set = 0

    def button(self) -> Button:
        return self._button

    def setMenu_(self, menu: Menu | None) -> None:
        self.menu = menu
        self.menus_set += 1


class Button(Checked):
    def __init__(self) -> None:
        self.hidden: bool | None = None
        self.tooltip = self.label = ""
        self.image: Image | None = None

    def setTarget_(self, _target: object) -> None: ...

    def setAction_(self, _selector: bytes) -> None: ...

    def setHidden_(self, hidden: bool) -> None:
        self.hidden = hidden

    def setToolTip_(self, text: str) -> None:
        self.tooltip = text

    def setAccessibilityLabel_(self, text: str) -> None:
        self.label = text

    def setImage_(self, image: Image) -> None:
        self.image = image


class Data(Checked):
    def __init__(self, data: bytes = b"") -> None:
        self.data = data

    @classmethod
    def dataWithBytes_length_(cls, data: bytes, length: int) -> Data:
        return cls(data[:length])


class Image(Checked):
    def __init__(self) -> None:
        self.png = b""
        self.size = (0.0, 0.0)
        self.template = False

    def initWithData_(self, data: Data) -> Image:
        self.png = data.data
        return self

    def setSize_(self, size: tuple[float, float]) -> None:
        self.size = size

    def setTemplate_(self, template: bool) -> None:
        self.template = template


class Menu(Checked):
    def __init__(self) -> None:
        self.items: list[MenuItem] = []

    def initWithTitle_(self, _title: str) -> Menu:
        return self

    def setAutoenablesItems_(self, _by_itself: bool) -> None: ...

    def addItem_(self, item: MenuItem) -> None:
        self.items.append(item)

    def itemAtIndex_(self, index: int) -> MenuItem:
        return self.items[index]

    def labels(self) -> list[str]:
        return [item.title for item in self.items]


class MenuItem(Checked):
    def __init__(self) -> None:
        self.title = "---"
        self.state = 0
        self.enabled = True
        self._submenu: Menu | None = None
        self._target: Any = None
        self._tag = 0

    @classmethod
    def separatorItem(cls) -> MenuItem:
        return cls()

    def initWithTitle_action_keyEquivalent_(self, title: str, _selector: bytes, _key: str) -> MenuItem:
        self.title = title
        return self

    def setTitle_(self, title: str) -> None:
        self.title = title

    def setAction_(self, _selector: bytes) -> None: ...

    def setTarget_(self, target: Any) -> None:
        self._target = target

    def setTag_(self, tag: int) -> None:
        self._tag = tag

    def tag(self) -> int:
        return self._tag

    def setState_(self, state: int) -> None:
        self.state = state

    def setEnabled_(self, enabled: bool) -> None:
        self.enabled = enabled

    def setSubmenu_(self, menu: Menu) -> None:
        self._submenu = menu

    def submenu(self) -> Menu:
        assert self._submenu
        return self._submenu

    def click(self) -> None:
        """By a person, so on the main thread."""
        if self.enabled:
            self._target.activate_menu_item(self)
