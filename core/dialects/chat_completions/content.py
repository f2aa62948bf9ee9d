"""Content of chat messages → blocks: text, images and files. Nothing is fetched and no local file is read."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import unquote, unquote_to_bytes

from ...errors import InvalidRequest
from ...messages import DocumentBlock, ImageBlock, JsonObject, TextBlock
from .caching import cache_control_of

ContentBlock = TextBlock | ImageBlock | DocumentBlock

_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_ACCEPTED = "JPEG, PNG, GIF and WebP images"
_PDF = "application/pdf"

# Other names under which the accepted types travel.
_SAME_TYPE: Mapping[str, str] = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "application/x-pdf": _PDF,
}
# Text that does not call itself `text/…`.
_TEXT_TYPES = ("application/json", "application/xml", "application/yaml", "application/x-yaml", "application/toml")
# For files that come without a media type. The system's own table would make the answer depend on the machine.
_EXTENSIONS: Mapping[str, str] = {
    "pdf": _PDF,
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "json": "application/json",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "toml": "application/toml",
    **dict.fromkeys(("txt", "md", "csv", "tsv", "html", "css", "log", "py", "js", "ts", "rs", "go", "c"), "text/plain"),
}


def parse_content(content: object, path: str) -> list[ContentBlock]:
    """The blocks of a message's `content`; empty and blank text yields none. `path` names it in errors."""
    match content:
        case None:
            return []
        case str():
            return _text(content, path)
        case list():
            blocks: list[ContentBlock] = []
            for index, part in enumerate(cast("list[object]", content)):
                blocks += _part(part, f"{path}[{index}]")
            return blocks
        case _:
            raise _invalid(path, "content is neither text nor a list of parts.")


def parse_text(content: object, path: str) -> list[TextBlock]:
    """As `parse_content`, where nothing but text can stand."""
    blocks: list[TextBlock] = []
    for block in parse_content(content, path):
        if block["type"] != "text":
            raise _invalid(path, f"content of type '{block['type']}' cannot stand in a system message.")
        blocks.append(block)
    return blocks


def is_blank(text: str) -> bool:
    """Claude refuses text blocks without a visible character."""
    return not text or text.isspace()


def _part(part: object, path: str) -> list[ContentBlock]:
    if isinstance(part, str):
        return _text(part, path)
    if not isinstance(part, dict):
        raise _invalid(path, "a content part is an object with a type.")
    part = cast("JsonObject", part)
    blocks: list[ContentBlock]
    match part.get("type"):
        case "text" | "refusal" as kind:
            blocks = _text(part.get(kind), path)
        case "image_url":
            blocks = [_image(part.get("image_url"), path)]
        case "file":
            blocks = [_file(part.get("file"), path)]
        case "input_audio":
            raise _invalid(path, "audio input is not supported by Claude.")
        case str() as unknown:
            raise _invalid(path, f"content of type '{unknown}' has no equivalent upstream.")
        case _:
            raise _invalid(path, "the content part has no type.")
    mark = cache_control_of(part.get("cache_control"))
    if blocks and mark:
        blocks[-1]["cache_control"] = mark
    return blocks


def _text(text: object, path: str) -> list[ContentBlock]:
    if text is None:
        return []
    if not isinstance(text, str):
        raise _invalid(path, "text must be a string.")
    return [] if is_blank(text) else [{"type": "text", "text": text}]


def _image(image: Any, path: str) -> ImageBlock | DocumentBlock:
    url: object = cast("JsonObject", image).get("url") if isinstance(image, dict) else image
    if not isinstance(url, str) or is_blank(url):
        raise _invalid(path, "an image is an https URL or a data URI.")
    url = url.strip()
    scheme = url[:8].lower()
    if scheme == "https://":
        return {"type": "image", "source": {"type": "url", "url": url}}
    if not scheme.startswith("data:"):
        # An http URL would have to be fetched here, from a place that can see this network; a file is nobody's to read.
        raise _invalid(path, "only https or data URIs are accepted for images.")
    media_type, data = _data_uri(url, path)
    block = _media(media_type, data, path)
    if block is None:
        raise _invalid(path, f"'{media_type}' is not accepted as an image; Claude takes {_ACCEPTED}, and PDF.")
    return block


def _file(file: Any, path: str) -> ContentBlock:
    fields = cast("JsonObject", file) if isinstance(file, dict) else {}
    data, name = fields.get("file_data"), fields.get("filename")
    name = name if isinstance(name, str) and not is_blank(name) else None
    if not isinstance(data, str):
        if fields.get("file_id") is not None:
            raise _invalid(path, "there is no file store here; send the file as file_data.")
        raise _invalid(path, "a file needs file_data.")
    if data[:5].lower() == "data:":
        media_type, data = _data_uri(data, path)
    else:
        media_type, data = "", _normalised(data, path)
    media_type = media_type if media_type not in ("", "application/octet-stream") else _type_of(name)
    block = _media(media_type, data, path) or _text_document(media_type, data)
    if block is None:
        kind = media_type or name or "unknown"
        raise _invalid(path, f"a file of type '{kind}' is not accepted; Claude takes PDF, text, and {_ACCEPTED}.")
    if name and block["type"] == "document":
        block["title"] = name
    return block


def _type_of(name: str | None) -> str:
    return _EXTENSIONS.get(name.rpartition(".")[2].lower(), "") if name else ""


def _media(media_type: str, data: str, path: str) -> ImageBlock | DocumentBlock | None:
    """The image or PDF in normalised base64. What the bytes say counts: a wrong label is a 400 upstream."""
    if not data:
        raise _invalid(path, "the data is empty.")
    media_type = _sniffed(data) or _SAME_TYPE.get(media_type, media_type)
    source: JsonObject = {"type": "base64", "media_type": media_type, "data": data}
    if media_type in _IMAGES:
        return {"type": "image", "source": source}
    if media_type == _PDF:
        return {"type": "document", "source": source}
    return None


def _text_document(media_type: str, data: str) -> DocumentBlock | None:
    if not media_type.startswith("text/") and media_type not in _TEXT_TYPES:
        return None
    text = binascii.a2b_base64(data).decode("utf-8-sig", errors="replace").replace("\0", "\ufffd")
    return {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": text}}


def _data_uri(uri: str, path: str) -> tuple[str, str]:
    """The media type and the normalised base64 of a `data:` URI."""
    header, comma, data = uri.partition(",")
    if not comma:
        raise _invalid(path, "the data URI has no data.")
    media_type, *parameters = (item.strip() for item in header[5:].lower().split(";"))
    if "base64" in parameters:
        return media_type, _normalised(data, path)
    return media_type or "text/plain", binascii.b2a_base64(unquote_to_bytes(data), newline=False).decode()


def _normalised(data: str, path: str) -> str:
    """Base64 as Claude reads it; the very same string where that is so already, and it mostly is."""
    if _is_base64(data):
        return data
    data = unquote(data) if "%" in data else data
    data = "".join(data.split()).rstrip("=").replace("-", "+").replace("_", "/")
    data += "=" * (-len(data) % 4)
    if not _is_base64(data):
        raise _invalid(path, "the data is not valid base64.")
    return data


def _is_base64(data: str) -> bool:
    try:
        binascii.a2b_base64(data, strict_mode=True)
    except ValueError:
        return False
    return True


def _sniffed(data: str) -> str | None:
    """The media type that the first bytes of base64 `data` give away."""
    head = binascii.a2b_base64(data[:24])
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return _PDF if head.startswith(b"%PDF") else None


def _invalid(path: str, problem: str) -> InvalidRequest:
    return InvalidRequest(f"{path}: {problem}", param=path)
