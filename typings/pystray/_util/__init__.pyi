from contextlib import AbstractContextManager

from PIL.Image import Image

def serialized_image(image: Image, format: str) -> AbstractContextManager[str]: ...
