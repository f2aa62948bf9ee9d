"""`python -m assets.render`: write every file of the icon. All are drawn from `tray/icon_drawing.py`, the one source.

The tray needs none of them: it draws what it shows. They are for what cannot, launchers and file managers (SVG, PNG),
executables and shortcuts of Windows (ICO), the bundle of macOS (ICNS), and for people who want to see the states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import get_args

from PIL import Image

from tray.entries import IconState
from tray.icon_drawing import Ink, as_svg, draw, draw_program, program_as_svg

FOLDER = Path(__file__).parent
PROGRAM = "cliproxyapi"

# https://specifications.freedesktop.org/icon-theme-spec
PNG_SIZES = (16, 22, 24, 32, 48, 64, 128, 256, 512)
ICO_SIZES = (16, 20, 24, 32, 40, 48, 64, 128, 256)
# Pillow writes the two smallest for fine screens alone.
ICNS_SIZES = (32, 64, 128, 256, 512, 1024)
TEMPLATE_SIZE = 44
LINUX_SIZE = 64

# A picture, what a vector program reads, or the same picture in several sizes.
Content = Image.Image | str | Sequence[Image.Image]
Draw = Callable[[int], Image.Image]


def files() -> Mapping[str, Content]:
    """Every file by its path below this folder."""
    return dict([*_program(), *_states()])


def _program() -> Iterator[tuple[str, Content]]:
    yield f"{PROGRAM}.svg", program_as_svg()
    for size in PNG_SIZES:
        yield f"png/{PROGRAM}-{size}.png", draw_program(size)
    yield f"{PROGRAM}.ico", _sizes(draw_program, ICO_SIZES)
    yield f"{PROGRAM}.icns", _sizes(draw_program, ICNS_SIZES)


def _states() -> Iterator[tuple[str, Content]]:
    taskbars: tuple[Ink, ...] = ("light", "dark")
    for state in get_args(IconState):
        yield f"states/{state}.svg", as_svg(state, "template")
        yield f"states/{state}-template.png", draw(state, TEMPLATE_SIZE, "template")
        yield f"states/{state}-linux.png", draw(state, LINUX_SIZE, "grey")
        for ink in taskbars:
            yield f"states/{state}-{ink}.ico", _sizes(partial(draw, state, ink=ink), ICO_SIZES)
    yield "states.png", overview()


def _sizes(drawing: Draw, sizes: Sequence[int]) -> Sequence[Image.Image]:
    return [drawing(size) for size in sizes]


# What an icon lies on, and the ink that is meant for it.
_PANELS: tuple[tuple[str, Ink], ...] = (
    ("#f4f4f4", "template"),
    ("#f4f4f4", "grey"),
    ("#2b2b2e", "grey"),
    ("#202020", "light"),
)


def overview(size: int = LINUX_SIZE) -> Image.Image:
    """All states on light and dark, in one picture."""
    states: Sequence[IconState] = get_args(IconState)
    cell = round(size * 1.5)
    sheet = Image.new("RGB", (cell * len(states), cell * len(_PANELS)))
    for row, (colour, ink) in enumerate(_PANELS):
        sheet.paste(colour, (0, row * cell, sheet.width, (row + 1) * cell))
        for column, state in enumerate(states):
            icon = draw(state, size, ink)
            place = (column * cell + (cell - size) // 2, row * cell + (cell - size) // 2)
            sheet.paste(icon, place, icon)
    return sheet


def write(path: Path, content: Content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8", newline="\n")
    elif isinstance(content, Image.Image):
        content.save(path, optimize=True)
    else:
        *smaller, largest = content
        sizes = [image.size for image in content]
        largest.save(path, append_images=smaller, sizes=sizes)


def main() -> None:
    for name, content in files().items():
        write(FOLDER / name, content)


if __name__ == "__main__":
    main()
