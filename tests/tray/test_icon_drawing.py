"""The icon: told apart by shape, seen on every panel, and sharp."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from itertools import combinations
from typing import get_args

import pytest
from PIL import Image, ImageChops

from tray.entries import IconState
from tray.icon_drawing import COLOURS, STATES, Ink, as_svg, draw, draw_program, program_as_svg

ALL_STATES: tuple[IconState, ...] = get_args(IconState)
RUNS: tuple[IconState, ...] = ("sign_in_needed", "not_accepted", "unreachable", "limit", "running")
DOES_NOT_RUN: tuple[IconState, ...] = ("failed", "stopped", "starting")
PANEL_SIZES = (16, 20, 22, 24, 32, 40, 44, 48, 64)


def shape(state: IconState, size: int = 22, ink: Ink = "template") -> Image.Image:
    return draw(state, size, ink).getchannel("A")


def inked(mask: Image.Image) -> float:
    """The share of the picture that is more ink than paper."""
    return sum(mask.histogram()[128:]) / (mask.width * mask.height)


def luminance(colour: str) -> float:
    # https://www.w3.org/TR/WCAG21/#dfn-relative-luminance
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_each_state_has_a_drawing() -> None:
    assert set(STATES) == set(ALL_STATES)


@pytest.mark.parametrize(("one", "other"), list(combinations(ALL_STATES, 2)))
def test_two_states_differ_in_shape_on_a_small_panel(one: IconState, other: IconState) -> None:
    difference = ImageChops.difference(shape(one), shape(other))
    assert sum(difference.histogram()[100:]) >= 12, "hardly a pixel"


@pytest.mark.parametrize("state", ALL_STATES)
def test_what_runs_is_solid_and_what_does_not_is_hollow(state: IconState) -> None:
    assert (inked(shape(state)) > 0.4) == (state in RUNS)
    assert (state in RUNS) != (state in DOES_NOT_RUN)


def test_both_sides_of_the_bubble_are_alike() -> None:
    empty = shape("stopped", 44)
    turned = empty.transpose(Image.Transpose.ROTATE_180)
    assert max(ImageChops.difference(empty, turned).tobytes()) < 80


@pytest.mark.parametrize("size", PANEL_SIZES)
def test_the_edges_lie_between_two_pixels(size: int) -> None:
    mask = shape("running", size)
    left, top, right, bottom = mask.getbbox() or (0, 0, 0, 0)
    assert (left, top) == (size - right, size - bottom), "in the middle"
    for pixel in ((left, size // 2 - 1), (right - 1, size // 2 - 1), (size // 2 - 1, top), (size // 2 - 1, bottom - 1)):
        assert mask.getpixel(pixel) == 255, "blurred"


@pytest.mark.parametrize("size", PANEL_SIZES)
@pytest.mark.parametrize("ink", get_args(Ink))
def test_nothing_is_cut_off(size: int, ink: Ink) -> None:
    # One pixel around it is for the outline.
    image = draw("running", size, ink)
    assert image.size == (size, size)
    corners = [image.getpixel(place) for place in ((0, 0), (size - 1, size - 1))]
    assert [corner[3] for corner in corners if isinstance(corner, tuple)] == [0, 0]


@pytest.mark.parametrize("panel", ["#ffffff", "#f4f4f4", "#2b2b2e", "#000000"])
def test_grey_is_seen_on_light_and_on_dark(panel: str) -> None:
    assert contrast(COLOURS["grey"].ink, panel) > 2.7


def test_on_a_grey_panel_the_outline_is_seen() -> None:
    icon = draw("stopped", 22, "grey")
    panel = Image.new("RGBA", icon.size, COLOURS["grey"].ink)
    seen = Image.alpha_composite(panel, icon).convert("L")
    shades = seen.getextrema()
    assert shades[1] - shades[0] > 40


def test_a_template_is_black_and_nothing_else() -> None:
    for state in ALL_STATES:
        colours = draw(state, 44, "template").getcolors() or []
        assert {colour[:3] for _, colour in colours if isinstance(colour, tuple)} == {(0, 0, 0)}


@pytest.mark.parametrize("state", ALL_STATES)
def test_the_vectors_have_the_same_strokes(state: IconState) -> None:
    root = ElementTree.fromstring(as_svg(state, "dark"))
    assert len(root.findall(".//{*}path")) == len(STATES[state])


def test_the_program_has_an_icon_of_its_own() -> None:
    assert draw_program(64).getpixel((32, 4)) == draw_program(64).getpixel((20, 4)), "the tile has one colour in a row"
    assert draw_program(16).size == (16, 16)
    assert ElementTree.fromstring(program_as_svg()).find("{*}linearGradient") is not None
