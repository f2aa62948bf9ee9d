"""A desktop of a test's own: an X server without a screen, a session bus, a real panel, a pointer and eyes.

    with Desktop("xfce") as desktop:
        program = desktop.spawn("cliproxyapi")
        icon = desktop.find_icon()
        menu = desktop.open_menu(icon)
        desktop.click(menu["Open Dashboard"])

Nothing is shared with a session that runs on this machine, and it works as root. Texts are read from the screen, as a
person would, by `tesseract`: compare words, not punctuation.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from PIL import Image, ImageChops, ImageGrab, ImageOps
from Xlib import X, display

from tests import needs
from tray.linux.probe import Found, look

Host = Literal["xfce", "lxqt", "tint2"]

# For what a busy machine may take; nothing waits this long where all is well.
PATIENCE = 40.0

_WIDTH, _HEIGHT = 1000, 600
_PANEL_HEIGHT = 36
_BACKGROUND = 0x2A6B5E
# An icon is not smaller than this, and a menu is larger than that.
_ICON_AREA, _MENU_AREA = 60, 4000
# What is lower is a line that has lit up.
_LINE_HEIGHT = 40

_XFCE_PANEL = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="dark-mode" type="bool" value="{dark}"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="length" type="uint" value="100"/>
      <property name="size" type="uint" value="32"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/></property>
    </property>
  </property>
  <property name="plugins" type="empty"><property name="plugin-1" type="string" value="systray"/></property>
</channel>
"""
_LXQT_PANEL = """[General]
panels=panel1
[panel1]
iconSize=24
panelSize=34
plugins=statusnotifier
position=Top
width=100
width-percent=true
[statusnotifier]
type=statusnotifier
"""
_TINT2_PANEL = """rounded = 0
background_color = {colour} 100
panel_items = TS
panel_size = 100% 34
panel_position = top center horizontal
panel_background_id = 1
systray = 1
systray_icon_size = 24
"""

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Box:
    """A part of the screen."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def middle(self) -> tuple[int, int]:
        return (self.left + self.right) // 2, (self.top + self.bottom) // 2

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def area(self) -> int:
        return (self.right - self.left) * self.height

    @property
    def edges(self) -> tuple[int, int, int, int]:
        return self.left, self.top, self.right, self.bottom


@dataclass(frozen=True)
class Menu:
    """What a menu says, line by line, and where."""

    lines: Mapping[str, Box]
    box: Box

    def __getitem__(self, text: str) -> Box:
        for line, box in self.lines.items():
            if _letters(text) in _letters(line):
                return box
        raise AssertionError(f"no {text!r} in {list(self.lines)}")

    def __contains__(self, text: str) -> bool:
        return any(_letters(text) in _letters(line) for line in self.lines)


class Desktop:
    """One panel on one screen. `dark` is the panel's and its menus' colour."""

    def __init__(self, host: Host, *, dark: bool = False) -> None:
        self._host: Host = host
        self._dark = dark
        self._processes: list[subprocess.Popen[bytes]] = []
        self._panel: subprocess.Popen[bytes] | None = None
        self._empty: Image.Image | None = None

    def __enter__(self) -> Desktop:
        for name in ("Xvfb", "xdotool", "tesseract", "dbus-daemon", self._window_manager[0], self._panel_command[0]):
            needs.program(name)
        self._stack = ExitStack()
        self._directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        self._stack.callback(self._end_processes)
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        home, runtime = self._directory / "home", self._directory / "run"
        runtime.mkdir(mode=0o700)
        for name, text in self._files.items():
            file = home / ".config" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.environment = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": str(runtime),
            "XDG_SESSION_TYPE": "x11",
            "GDK_BACKEND": "x11",
            "QT_QPA_PLATFORM": "xcb",
            "GSETTINGS_BACKEND": "memory",
            "NO_AT_BRIDGE": "1",
        }
        if self._dark:
            self.environment["GTK_THEME"] = "Adwaita:dark"
        self.environment["DISPLAY"] = self._start_display()
        self._paint_background()
        # After the display, so that what the bus starts knows of it.
        address = f"unix:path={runtime}/bus"
        self.spawn("dbus-daemon", "--session", "--nofork", f"--address={address}")
        self.wait_for(lambda: (runtime / "bus").exists(), "the session bus")
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = address
        self.spawn(*self._window_manager)
        self.start_panel()

    def _start_display(self) -> str:
        reader, writer = os.pipe()
        screen = f"{_WIDTH}x{_HEIGHT}x24"
        self._display = self.spawn(
            *("Xvfb", "-displayfd", str(writer), "-screen", "0", screen, "-nolisten", "tcp", "-noreset"),
            pass_fds=(writer,),
        )
        os.close(writer)
        with os.fdopen(reader) as pipe:
            return ":" + pipe.readline().strip()

    def _paint_background(self) -> None:
        """Neither a light nor a dark panel looks like it."""
        connection = display.Display(self.environment["DISPLAY"])
        root = connection.screen().root
        root.change_attributes(background_pixel=_BACKGROUND)
        root.clear_area()
        connection.sync()
        connection.close()

    # -- what differs from host to host

    @property
    def _window_manager(self) -> tuple[str, ...]:
        return ("xfwm4", "--compositor=off") if self._host == "xfce" else ("openbox",)

    @property
    def _panel_command(self) -> tuple[str, ...]:
        commands: dict[Host, tuple[str, ...]] = {
            "xfce": ("xfce4-panel", "--disable-wm-check"),
            "lxqt": ("lxqt-panel",),
            "tint2": ("tint2",),
        }
        return commands[self._host]

    @property
    def _files(self) -> Mapping[str, str]:
        files: dict[Host, tuple[str, str]] = {
            "xfce": (
                "xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml",
                _XFCE_PANEL.format(dark=str(self._dark).lower()),
            ),
            "lxqt": ("lxqt/panel.conf", _LXQT_PANEL),
            "tint2": ("tint2/tint2rc", _TINT2_PANEL.format(colour="#2b2b2b" if self._dark else "#f0f0f0")),
        }
        return dict([files[self._host]])

    def _panel_is_there(self, found: Found) -> bool:
        return found.xembed if self._host == "tint2" else found.watcher

    # -- processes

    def spawn(self, *command: str, pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
        """A program on this desktop. It ends with it."""
        with (self._directory / "log").open("ab") as log:
            process = subprocess.Popen(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=pass_fds,
            )
        self._processes.append(process)
        return process

    def spawn_program(self, name: str) -> subprocess.Popen[bytes]:
        """One that a machine may lack."""
        return self.spawn(str(needs.program(name)))

    def start_panel(self) -> None:
        bare = self.settled_screenshot()
        self._panel = self.spawn(*self._panel_command)
        self.wait_for(lambda: self._panel_is_there(look(self.environment)), "the panel")
        self.wait_for(lambda: _spans_the_top(bare, self.settled_screenshot()), "the panel's picture")
        if self._empty is None:
            self._empty = self.settled_screenshot()

    def kill_panel(self) -> None:
        """As a crash would."""
        assert self._panel
        _end(self._panel, signal.SIGKILL)
        self.wait_for(lambda: not self._panel_is_there(look(self.environment)), "the panel's end")

    def kill_display(self) -> None:
        """And everything on it."""
        _end(self._display, signal.SIGKILL)

    def output(self) -> str:
        """What the programs of this desktop have said."""
        return (self._directory / "log").read_text(errors="replace")

    def _end_processes(self) -> None:
        for process in reversed(self._processes):
            _end(process, signal.SIGTERM)

    # -- hands

    def move(self, place: Box | tuple[int, int]) -> None:
        x, y = place.middle if isinstance(place, Box) else place
        # Toolkits ignore a pointer that is suddenly somewhere.
        for step in (6, 3, 0):
            self._pointer("mousemove", str(x - step), str(y))

    def click(self, place: Box | tuple[int, int], button: int = 1) -> None:
        self.move(place)
        time.sleep(0.15)
        self._pointer("mousedown", str(button))
        time.sleep(0.05)
        self._pointer("mouseup", str(button))

    def clipboard(self) -> str:
        """What a paste would give; nothing where nobody has copied anything."""
        connection = display.Display(self.environment["DISPLAY"])
        try:
            window: Any = connection.screen().root.create_window(0, 0, 1, 1, 0, connection.screen().root_depth)
            clipboard, text, place = map(connection.intern_atom, ("CLIPBOARD", "UTF8_STRING", "PASTED"))
            window.convert_selection(clipboard, text, place, X.CurrentTime)
            while (event := connection.next_event()).type != X.SelectionNotify:
                continue
            pasted = window.get_full_property(place, text) if event.property else None
            return pasted.value.decode() if pasted else ""
        finally:
            connection.close()

    def end_process(self, pid: int) -> None:
        """One that a program of this desktop has left."""
        os.kill(pid, signal.SIGKILL)

    def press(self, key: str) -> None:
        self._pointer("key", key)

    def _pointer(self, *words: str) -> None:
        subprocess.run(["xdotool", *words], env=self.environment, check=True, timeout=PATIENCE)

    # -- eyes

    def screenshot(self) -> Image.Image:
        return ImageGrab.grab(xdisplay=self.environment["DISPLAY"]).convert("RGB")

    def settled_screenshot(self) -> Image.Image:
        """When nothing moves any more."""
        shots = [self.screenshot()]

        def settled() -> Image.Image | None:
            time.sleep(0.3)
            shots.append(self.screenshot())
            return None if _differs(*shots[-2:]) else shots[-1]

        return self.wait_for(settled, "an end of movement")

    def find_icon(self) -> Box:
        """The icon that has appeared since the panel started."""

        def appeared() -> Box | None:
            now = self.settled_screenshot()
            return next(iter(self._icons(now)), None)

        return self.wait_for(appeared, "an icon")

    def icon_is_gone(self) -> bool:
        return not self._icons(self.settled_screenshot())

    def picture(self, box: Box) -> Image.Image:
        """What is there now."""
        return self.settled_screenshot().crop(box.edges)

    def open_menu(self, icon: Box, button: int = 1) -> Menu:
        """Click the icon, and read the menu that opens."""
        return self._read_what_appears(lambda: self.click(icon, button))

    def open_submenu(self, place: Box) -> Menu:
        return self._read_what_appears(lambda: self.click(place))

    def read(self, box: Box) -> Menu:
        """The text there."""
        return Menu(dict(_read(self.settled_screenshot(), box)), box)

    def read_screen(self) -> Menu:
        return self.read(Box(0, 0, _WIDTH, _HEIGHT))

    def close_menu(self) -> None:
        self.press("Escape")
        self.press("Escape")
        self.move((_WIDTH // 2, _HEIGHT - 20))

    def _read_what_appears(self, action: Callable[[], None]) -> Menu:
        before = self.settled_screenshot()
        action()

        def appeared() -> Menu | None:
            now = self.settled_screenshot()
            boxes = [box for box in _changes(before, now) if box.area > _MENU_AREA and box.height > _LINE_HEIGHT]
            return Menu(dict(_read(now, boxes[0])), boxes[0]) if boxes else None

        return self.wait_for(appeared, "a menu")

    def _icons(self, now: Image.Image) -> list[Box]:
        assert self._empty
        strip = (0, 0, _WIDTH, _PANEL_HEIGHT)
        return [box for box in _changes(self._empty.crop(strip), now.crop(strip)) if box.area >= _ICON_AREA]

    def wait_for(self, look_for: Callable[[], _Result], what: str) -> _Result:
        """The first result that is one."""
        until = time.monotonic() + PATIENCE
        while not (found := look_for()):
            assert time.monotonic() < until, f"{what} does not come: {self.output()[-3000:]}"
            time.sleep(0.1)
        return found


def _end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    for number in (how, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                continue


def _spans_the_top(before: Image.Image, now: Image.Image) -> bool:
    return any(box.right - box.left >= _WIDTH and box.top < _PANEL_HEIGHT for box in _changes(before, now))


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _differs(one: Image.Image, other: Image.Image) -> bool:
    return ImageChops.difference(one, other).getbbox() is not None


# Finer than this, changes that belong together fall apart.
_CELL = 6


def _changes(before: Image.Image, now: Image.Image) -> list[Box]:
    """What differs, in connected parts, the largest first."""
    difference = ImageOps.grayscale(ImageChops.difference(before, now)).point(lambda value: 255 if value > 10 else 0)
    small = difference.reduce(_CELL)
    cells = {(x, y) for x in range(small.width) for y in range(small.height) if small.getpixel((x, y))}
    boxes: list[Box] = []
    while cells:
        part = _connected(cells, cells.pop())
        columns, rows = [x for x, _ in part], [y for _, y in part]
        boxes.append(Box(min(columns) * _CELL, min(rows) * _CELL, (max(columns) + 1) * _CELL, (max(rows) + 1) * _CELL))
    return sorted(boxes, key=lambda box: -box.area)


def _connected(cells: set[tuple[int, int]], start: tuple[int, int]) -> list[tuple[int, int]]:
    """Takes from `cells` what touches `start`."""
    found = [start]
    for x, y in found:
        for cell in [(x + across, y + down) for across in (-1, 0, 1) for down in (-1, 0, 1)]:
            if cell in cells:
                cells.remove(cell)
                found.append(cell)
    return found


_LARGER = 3


# In so many pixels of a row there is more paper than ink, and mostly one kind of paper.
_STRIP = 48


def _black_on_white(grey: Image.Image) -> Image.Image:
    """Text of any colour: what differs from most around it. A grey entry counts as much as a selected one."""
    text = Image.new("L", grey.size, 255)
    for y in range(grey.height):
        for x in range(0, grey.width, _STRIP):
            strip = grey.crop((x, y, min(x + _STRIP, grey.width), y + 1))
            shades = strip.histogram()
            paper = shades.index(max(shades))
            text.paste(strip.point([255 - min(255, 3 * abs(shade - paper)) for shade in range(256)]), (x, y))
    return text


def _read(screen: Image.Image, box: Box) -> Iterator[tuple[str, Box]]:
    """Lines of text and where they are."""
    text = _black_on_white(ImageOps.grayscale(screen.crop(box.edges)))
    large = text.resize((text.width * _LARGER, text.height * _LARGER), Image.Resampling.LANCZOS)
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        large.save(file.name, dpi=(288, 288))
        done = subprocess.run(
            ["tesseract", file.name, "-", "--psm", "6", "tsv"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
    yield from _lines(_words(done.stdout, box))


def _words(table: str, box: Box) -> Iterator[tuple[str, str, Box]]:
    """The number of the line, the word, and where it is."""
    for row in table.splitlines()[1:]:
        cells = row.split("\t")
        if len(cells) == 12 and re.search(r"\w", cells[11]) and float(cells[10]) > 10:
            left, top, width, height = (int(cell) // _LARGER for cell in cells[6:10])
            x, y = box.left + left, box.top + top
            yield ":".join(cells[1:5]), cells[11], Box(x, y, x + width, y + height)


# Between two words of a text there is less.
_GAP = 24


def _lines(words: Iterator[tuple[str, str, Box]]) -> Iterator[tuple[str, Box]]:
    """Words that follow each other in a line; a menu and its submenu are beside each other."""
    texts: list[tuple[str, list[str], Box]] = []
    for line, word, box in words:
        if texts and texts[-1][0] == line and box.left - texts[-1][2].right < _GAP:
            texts[-1][1].append(word)
            texts[-1] = (line, texts[-1][1], _around(texts[-1][2], box))
        else:
            texts.append((line, [word], box))
    for _, spoken, box in texts:
        yield " ".join(spoken), box


def _around(one: Box, other: Box) -> Box:
    return Box(
        min(one.left, other.left), min(one.top, other.top), max(one.right, other.right), max(one.bottom, other.bottom)
    )
