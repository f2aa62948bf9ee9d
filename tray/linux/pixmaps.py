"""Pictures as StatusNotifierItem wants them."""

from __future__ import annotations

from collections.abc import Iterable

from PIL import Image

from ..entries import IconState
from ..icon_drawing import draw

# The heights of panels' icons; between two of them a panel scales the larger one.
SIZES = (16, 22, 24, 32, 48, 64)

# Width, height, and the pixels in rows from the top, each as alpha, red, green, blue: "network byte order".
Pixmap = tuple[int, int, bytes]


def pixmaps(state: IconState) -> list[Pixmap]:
    """The icon in every size."""
    return [as_pixmap(image) for image in images(state)]


def images(state: IconState) -> Iterable[Image.Image]:
    return (draw(state, size, "grey") for size in SIZES)


def as_pixmap(image: Image.Image) -> Pixmap:
    red, green, blue, alpha = image.convert("RGBA").split()
    return image.width, image.height, Image.merge("RGBA", (alpha, red, green, blue)).tobytes()
