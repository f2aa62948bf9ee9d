"""The files of the icon are what the drawing says now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from PIL import Image, ImageChops, ImageStat
from PIL.IcnsImagePlugin import IcnsFile
from PIL.IcoImagePlugin import IcoFile

from assets.render import FOLDER, Content, files

DRAWN = files()

# Pillow may round elsewhere in its next version. A line that moves is more than this.
ROUNDING = 0.5


def pictures(name: str) -> Iterator[Image.Image]:
    """What the file holds, the smallest first."""
    with (FOLDER / name).open("rb") as file:
        if name.endswith(".icns"):
            icns = IcnsFile(file)
            # A size of points stands there once for each number of pixels that a point can have.
            pixels = {width * scale: (width, height, scale) for width, height, scale in icns.itersizes()}
            yield from (icns.getimage(pixels[size]).convert("RGBA") for size in sorted(pixels))
        elif name.endswith(".ico"):
            ico = IcoFile(file)
            yield from (ico.getimage(size).convert("RGBA") for size in sorted(ico.sizes()))
        else:
            with Image.open(file) as image:
                yield image.convert("RGBA")


def same(one: Image.Image, other: Image.Image) -> bool:
    difference = ImageChops.difference(one.convert("RGBA"), other.convert("RGBA"))
    return one.size == other.size and max(ImageStat.Stat(difference).mean) < ROUNDING


@pytest.mark.parametrize("name", DRAWN)
def test_the_file_is_up_to_date(name: str) -> None:
    content: Content = DRAWN[name]
    if isinstance(content, str):
        assert (FOLDER / name).read_text(encoding="utf-8") == content, "run python -m assets.render"
        return
    wanted: Sequence[Image.Image] = [content] if isinstance(content, Image.Image) else content
    found = list(pictures(name))
    assert [image.size for image in found] == [image.size for image in wanted]
    for drawn, kept in zip(wanted, found, strict=True):
        assert same(drawn, kept), "run python -m assets.render"


def test_nothing_else_lies_there() -> None:
    kept = {
        str(path.relative_to(FOLDER)).replace("\\", "/")
        for path in FOLDER.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert kept == set(DRAWN)
