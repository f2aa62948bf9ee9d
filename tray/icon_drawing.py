"""The icon, drawn: one bubble with two tails, since both sides talk through it, and in it what is going on.

Solid is a server that runs, hollow one that does not; the sign inside tells the rest, so that nobody has to tell
colours apart. The same few strokes become pixels (`draw`, `draw_program`) and vectors (`as_svg`, `program_as_svg`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal

from PIL import Image, ImageChops, ImageColor, ImageDraw

from .entries import IconState

# An x, a y, and how far from the corner its rounding begins, in units of a bubble that is 20 wide and high.
Corner = tuple[float, float, float]
Point = tuple[float, float]
Ink = Literal["template", "light", "dark", "grey"]

BUBBLE: Final = 20.0
# The bubble and the air around it, where it lies on a panel.
CANVAS: Final = 24.0

# Pixels are drawn this many times too large, and then made smaller: what lies across a pixel becomes a shade.
_FINER = 8


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line with round ends; a dot, where it has one corner. `cut` takes away what others have drawn."""

    corners: tuple[Corner, ...]
    width: float
    closed: bool = False
    filled: bool = False
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Colours:
    """What an ink is made of: its colour, and an outline of black with this much opacity."""

    ink: str
    outline: float = 0.0


# `template` is what macOS tints by itself; `light` and `dark` are for a taskbar that is known to be dark or light. A
# Linux panel does not tell, so grey has to stand out from both, and its outline from a grey one.
COLOURS: Final[Mapping[Ink, Colours]] = {
    "template": Colours("#000000"),
    "light": Colours("#ffffff"),
    "dark": Colours("#1f1f1f"),
    "grey": Colours("#909090", outline=0.47),
}
_OUTLINE_WIDTH = 0.9


def _line(*points: Point, width: float) -> Stroke:
    return Stroke(tuple((x, y, 0.0) for x, y in points), width)


def _dot(x: float, y: float, width: float) -> Stroke:
    return _line((x, y), width=width)


_EDGE = 2.3
_NEAR, _FAR = _EDGE / 2, BUBBLE - _EDGE / 2
_BUBBLE_LINE = Stroke(
    ((_NEAR, _NEAR, 8.6), (_FAR, _NEAR, 0.9), (_FAR, _FAR, 8.6), (_NEAR, _FAR, 0.9)), _EDGE, closed=True
)
_HOLLOW = (_BUBBLE_LINE,)
_SOLID = (replace(_BUBBLE_LINE, filled=True),)

# Around the middle of the bubble.
_PROMPT = (_line((-4.6, -3.6), (-1.0, 0.0), (-4.6, 3.6), width=2.2), _line((1.0, 3.6), (4.8, 3.6), width=2.2))
_EXCLAMATION = (_line((0, -4.4), (0, 0.6), width=2.7), _dot(0, 4.4, 3.0))
_DOTS = tuple(_dot(x, 0, 2.9) for x in (-4.4, 0.0, 4.4))
_KEY = (
    Stroke(((-5.5, -2.1, 2.1), (-1.3, -2.1, 2.1), (-1.3, 2.1, 2.1), (-5.5, 2.1, 2.1)), 2.1, closed=True),
    _line((-0.6, 0), (5.3, 0), width=2.1),
    _line((5.0, 0), (5.0, 2.6), width=2.1),
    _line((1.9, 0), (1.9, 2.2), width=1.9),
)
_BAR = (_line((-4.6, 0), (4.6, 0), width=2.9),)
_TRIANGLE = (Stroke(((0, -4.2, 0), (4.5, 3.4, 0), (-4.5, 3.4, 0)), 1.6, closed=True, filled=True),)
_CLOCK_FACE = (_dot(0, 0, 11.6),)
_CLOCK_HANDS = (_line((0, -3.4), (0, 0), (2.7, 1.6), width=1.9),)


def _inside(*strokes: Stroke, cut: bool = False) -> tuple[Stroke, ...]:
    middle = BUBBLE / 2
    return tuple(
        replace(stroke, corners=tuple((x + middle, y + middle, round_) for x, y, round_ in stroke.corners), cut=cut)
        for stroke in strokes
    )


STATES: Final[Mapping[IconState, tuple[Stroke, ...]]] = {
    "failed": (*_HOLLOW, *_inside(*_EXCLAMATION)),
    "stopped": _HOLLOW,
    "starting": (*_HOLLOW, *_inside(*_DOTS)),
    "sign_in_needed": (*_SOLID, *_inside(*_KEY, cut=True)),
    "not_accepted": (*_SOLID, *_inside(*_BAR, cut=True)),
    "unreachable": (*_SOLID, *_inside(*_TRIANGLE, cut=True)),
    "limit": (*_SOLID, *_inside(*_CLOCK_FACE, cut=True), *_inside(*_CLOCK_HANDS)),
    "running": (*_SOLID, *_inside(*_PROMPT, cut=True)),
}

# The program's own icon: the bubble in white on a tile.
_TILE_TOP, _TILE_BOTTOM = "#2f8f83", "#2b4a8b"
_TILE = 0.90
_TILE_ROUNDING = 0.225
_BUBBLE_ON_TILE = 0.58


# -- pixels


def draw(state: IconState, size: int, ink: Ink) -> Image.Image:
    """The icon for a panel, `size` pixels wide and high."""
    colours = COLOURS[ink]
    outline = _OUTLINE_WIDTH if colours.outline else 0.0
    scale, margin = _fit(size, outline)
    glyph = _coloured(_mask(STATES[state], size, scale, margin), colours.ink)
    if not colours.outline:
        return glyph
    around = _mask(_around(outline), size, scale, margin)
    faint = Image.new("L", around.size, round(255 * colours.outline))
    shadow = _coloured(ImageChops.multiply(around, faint), "#000000")
    return Image.alpha_composite(shadow, glyph)


def draw_program(size: int) -> Image.Image:
    """The program's icon, for launchers, file managers and notifications."""
    side = size * _FINER
    tile = Image.new("L", (side, side), 0)
    air = side * (1 - _TILE) / 2
    box = (air, air, side - air, side - air)
    ImageDraw.Draw(tile).rounded_rectangle(box, radius=side * _TILE * _TILE_ROUNDING, fill=255)
    image = _gradient(size)
    image.putalpha(tile.reduce(_FINER))
    scale = size * _BUBBLE_ON_TILE / BUBBLE
    bubble = _mask(STATES["running"], size, scale, (size - scale * BUBBLE) / 2)
    return Image.alpha_composite(image, _coloured(bubble, "#ffffff"))


def _fit(size: int, outline: float) -> tuple[float, float]:
    """Pixels for each unit, and the margin. The bubble begins and ends between two pixels, or its edges would blur."""
    width = round(size * BUBBLE / CANVAS)
    width -= (size - width) % 2
    scale = width / BUBBLE
    margin = (size - width) / 2
    if margin < outline * scale:
        return _fit_within(size, outline)
    return scale, margin


def _fit_within(size: int, outline: float) -> tuple[float, float]:
    width = size - 2 * math.ceil(outline * size / CANVAS)
    return width / BUBBLE, (size - width) / 2


def _mask(strokes: Sequence[Stroke], size: int, scale: float, margin: float) -> Image.Image:
    mask = Image.new("L", (size * _FINER, size * _FINER), 0)
    canvas = ImageDraw.Draw(mask)
    for stroke in strokes:
        # A point is where pixels meet; for Pillow it is the middle of one, which is drawn whole.
        points = [((x * scale + margin) * _FINER - 0.5, (y * scale + margin) * _FINER - 0.5) for x, y in _flat(stroke)]
        _put(canvas, points, stroke, stroke.width * scale * _FINER)
    return mask.reduce(_FINER)


def _put(canvas: ImageDraw.ImageDraw, points: list[Point], stroke: Stroke, width: float) -> None:
    shade = 0 if stroke.cut else 255
    if stroke.filled:
        canvas.polygon(points, fill=shade)
    radius = max(0.0, (width - 1) / 2)
    for (x, y), (next_x, next_y) in pairwise(points):
        # Pillow's own thick lines have whole widths and stair-shaped ends.
        length = math.hypot(next_x - x, next_y - y) or 1.0
        across, down = (next_y - y) / length * radius, (next_x - x) / length * radius
        sides = ((x - across, y + down), (next_x - across, next_y + down))
        canvas.polygon((*sides, (next_x + across, next_y - down), (x + across, y - down)), fill=shade)
    for x, y in points:
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=shade)


def _around(outline: float) -> tuple[Stroke, ...]:
    """The line around the bubble, without what lies inside it."""
    return (
        replace(_BUBBLE_LINE, width=_EDGE + 2 * outline),
        replace(_BUBBLE_LINE, width=0.1, filled=True, cut=True),
        replace(_BUBBLE_LINE, width=_EDGE * 0.8),
    )


def _coloured(mask: Image.Image, colour: str) -> Image.Image:
    image = Image.new("RGBA", mask.size, colour)
    image.putalpha(mask)
    return image


def _gradient(size: int) -> Image.Image:
    image = Image.new("RGBA", (size, size))
    canvas = ImageDraw.Draw(image)
    top, bottom = ImageColor.getrgb(_TILE_TOP), ImageColor.getrgb(_TILE_BOTTOM)
    for y in range(size):
        share = y / size
        shade = tuple(round(a + (b - a) * share) for a, b in zip(top, bottom, strict=True))
        canvas.line(((0, y), (size, y)), fill=shade)
    return image


# -- one line, as points and as a path

# Four of these curves, from the middle of one side of a square to that of the next, make a circle.
_CIRCLE = 0.5523
_PIECES = 24


def _flat(stroke: Stroke) -> list[Point]:
    points: list[Point] = []
    for step in _steps(stroke):
        if len(step) == 1:
            points.append(step[0])
        else:
            points.extend(_curve(points[-1], *step))
    return [*points, points[0]] if stroke.closed else points


def _curve(begin: Point, one: Point, two: Point, end: Point) -> Iterator[Point]:
    for piece in range(1, _PIECES + 1):
        t = piece / _PIECES
        weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3)
        corners = (begin, one, two, end)
        yield (
            sum(weight * x for weight, (x, _) in zip(weights, corners, strict=True)),
            sum(weight * y for weight, (_, y) in zip(weights, corners, strict=True)),
        )


def _steps(stroke: Stroke) -> Iterator[tuple[Point] | tuple[Point, Point, Point]]:
    """Where the pen goes: straight to one point, or along a curve that two points bend to a third."""
    corners = stroke.corners
    for index, (x, y, rounding) in enumerate(corners):
        if not rounding:
            yield ((x, y),)
            continue
        before = _towards((x, y), corners[index - 1], rounding)
        after = _towards((x, y), corners[(index + 1) % len(corners)], rounding)
        yield (before,)
        yield (_between(before, (x, y)), _between(after, (x, y)), after)


def _towards(corner: Point, other: Corner, distance: float) -> Point:
    x, y = other[0] - corner[0], other[1] - corner[1]
    length = math.hypot(x, y)
    return corner[0] + x / length * distance, corner[1] + y / length * distance


def _between(begin: Point, end: Point) -> Point:
    return begin[0] + (end[0] - begin[0]) * _CIRCLE, begin[1] + (end[1] - begin[1]) * _CIRCLE


# -- vectors


def as_svg(state: IconState, ink: Ink) -> str:
    """The icon for a panel. Without the outline, which only a panel of unknown colour needs."""
    air = (CANVAS - BUBBLE) / 2
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-air:g} {-air:g} {CANVAS:g} {CANVAS:g}">',
            *_masked(STATES[state], COLOURS[ink].ink),
            "</svg>",
            "",
        )
    )


def program_as_svg() -> str:
    """The program's icon."""
    side = BUBBLE / _BUBBLE_ON_TILE
    start = (BUBBLE - side) / 2
    tile, corner = side * _TILE, (BUBBLE - side * _TILE) / 2
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{start:.2f} {start:.2f} {side:.2f} {side:.2f}">',
            '  <linearGradient id="tile" x1="0" y1="0" x2="0" y2="1">',
            f'    <stop offset="0" stop-color="{_TILE_TOP}"/><stop offset="1" stop-color="{_TILE_BOTTOM}"/>',
            "  </linearGradient>",
            f'  <rect x="{corner:.2f}" y="{corner:.2f}" width="{tile:.2f}" height="{tile:.2f}" '
            f'rx="{tile * _TILE_ROUNDING:.2f}" fill="url(#tile)"/>',
            *_masked(STATES["running"], "#ffffff"),
            "</svg>",
            "",
        )
    )


def _masked(strokes: Sequence[Stroke], colour: str) -> Iterator[str]:
    yield '  <mask id="glyph" stroke-linecap="round" stroke-linejoin="round">'
    for stroke in strokes:
        shade = "black" if stroke.cut else "white"
        fill = shade if stroke.filled else "none"
        yield f'    <path d="{_path(stroke)}" fill="{fill}" stroke="{shade}" stroke-width="{stroke.width:g}"/>'
    yield "  </mask>"
    yield f'  <rect width="{BUBBLE:g}" height="{BUBBLE:g}" fill="{colour}" mask="url(#glyph)"/>'


def _path(stroke: Stroke) -> str:
    words: list[str] = []
    for step in _steps(stroke):
        letter = "C" if len(step) == 3 else "L" if words else "M"
        words.append(letter + " ".join(f"{x:.4g} {y:.4g}" for x, y in step))
    if len(stroke.corners) == 1:
        words.append("h0")  # a line to where it is already: a dot
    return " ".join(words) + ("z" if stroke.closed else "")
