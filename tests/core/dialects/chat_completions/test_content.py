"""Content parts → blocks: rows I1 to I17 and the rows of M that are about parts."""

from __future__ import annotations

import base64
import copy
import time
from typing import Any

import pytest

from core.dialects.chat_completions.content import parse_content, parse_text
from core.dialects.chat_completions.history import History, parse_history
from core.dialects.chat_completions.names import ToolNames
from core.errors import InvalidRequest
from core.models import rules_for

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(200))).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(40)).decode()
GIF = base64.b64encode(b"GIF89a" + bytes(40)).decode()
WEBP = base64.b64encode(b"RIFF\x10\0\0\0WEBPVP8 " + bytes(40)).decode()
PDF = base64.b64encode(b"%PDF-1.7\n" + bytes(40)).decode()


def history(*messages: Any) -> History:
    return parse_history(
        list(messages), rules=rules_for("claude-opus-5-5"), names=ToolNames(), recall=lambda _tool_id: None
    )


def image(url: object) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, "detail": "high"}}


def file(**fields: Any) -> dict[str, Any]:
    return {"type": "file", "file": fields}


def block(part: object) -> Any:
    (only,) = parse_content([part], "messages[0].content")
    return only


def refused(part: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parse_content([{"type": "text", "text": "Look:"}, part], "messages[2].content")
    assert caught.value.param == "messages[2].content[1]"
    assert caught.value.status == 400
    assert caught.value.message.startswith("messages[2].content[1]: ")
    return caught.value


def base64_image(media_type: str, data: str) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def test_i1_a_png_data_uri_keeps_its_place_between_texts_and_its_detail_is_ignored() -> None:
    parts = [{"type": "text", "text": "a"}, image(f"data:image/png;base64,{PNG}"), {"type": "text", "text": "b"}]
    assert parse_content(parts, "p") == [
        {"type": "text", "text": "a"},
        base64_image("image/png", PNG),
        {"type": "text", "text": "b"},
    ]


def test_i2_an_https_url_is_passed_on_and_not_fetched() -> None:
    url = "HTTPS://example.invalid/cat.png?x=1"
    assert block(image(url)) == {"type": "image", "source": {"type": "url", "url": url}}


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "HTTP://lan/x.png", "ftp://x/y", "//x/y", PNG])
def test_i3_anything_but_https_and_data_is_refused(url: str) -> None:
    assert "only https or data URIs" in refused(image(url)).message


@pytest.mark.parametrize(
    ("declared", "data", "media_type"),
    [
        ("image/jpg", JPEG, "image/jpeg"),
        ("IMAGE/JPG", JPEG, "image/jpeg"),
        ("image/jpeg", PNG, "image/png"),
        ("image/png", GIF, "image/gif"),
        ("image/png", WEBP, "image/webp"),
        ("", PNG, "image/png"),
        ("application/octet-stream", JPEG, "image/jpeg"),
        ("image/jpg", "AAAA", "image/jpeg"),
    ],
)
def test_i4_the_media_type_is_normalised_and_the_bytes_have_the_last_word(
    declared: str, data: str, media_type: str
) -> None:
    assert block(image(f"data:{declared};base64,{data}")) == base64_image(media_type, data)


@pytest.mark.parametrize("media_type", ["image/svg+xml", "image/bmp", "image/heic", "text/plain", "video/mp4"])
def test_i5_other_image_types_are_refused_with_the_four_that_are_accepted(media_type: str) -> None:
    message = refused(image(f"data:{media_type};base64,AAAA")).message
    assert media_type in message
    assert "JPEG, PNG, GIF and WebP" in message


def test_i6_a_pdf_in_image_url_is_a_document() -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": PDF}
    assert block(image(f"data:application/pdf;base64,{PDF}")) == {"type": "document", "source": source}
    assert block(image(f"data:image/png;base64,{PDF}")) == {"type": "document", "source": source}


def test_i7_a_percent_encoded_data_uri_becomes_base64() -> None:
    uri = "data:image/gif,GIF89a%00%FF,x"
    assert block(image(uri)) == base64_image("image/gif", base64.b64encode(b"GIF89a\x00\xff,x").decode())


def test_i8_image_url_may_be_a_plain_string() -> None:
    uri = f"data:image/png;base64,{PNG}"
    assert block({"type": "image_url", "image_url": uri}) == base64_image("image/png", PNG)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "FILE://x", "/etc/passwd", "C:\\x.png"])
def test_i9_local_files_are_never_read(url: str) -> None:
    assert "only https or data URIs" in refused(image(url)).message


def test_i10_an_image_in_an_assistant_turn_moves_to_the_next_user_turn() -> None:
    drawn = [{"type": "text", "text": "Here:"}, image(f"data:image/png;base64,{PNG}")]
    turns = history(
        {"role": "user", "content": "Draw"},
        {"role": "assistant", "content": drawn},
        {"role": "user", "content": "Bigger"},
    ).turns
    assert turns[1:] == [
        {"role": "assistant", "content": [{"type": "text", "text": "Here:"}]},
        {"role": "user", "content": [base64_image("image/png", PNG), {"type": "text", "text": "Bigger"}]},
    ]


def test_i10_behind_a_last_assistant_turn_the_image_makes_a_user_turn() -> None:
    drawn = [{"type": "text", "text": "Here:"}, image(f"data:image/png;base64,{PNG}")]
    result = history({"role": "user", "content": "Draw"}, {"role": "assistant", "content": drawn})
    assert result.turns[2] == {
        "role": "user",
        "content": [
            base64_image("image/png", PNG),
            {"type": "text", "text": "Continue exactly from where you stopped."},
        ],
    }
    assert result.ignored == ["messages[1].prefill"]


def test_i11_a_file_with_a_data_uri_is_a_document_with_its_name_as_title() -> None:
    assert block(file(file_data=f"data:application/pdf;base64,{PDF}", filename="report.pdf")) == {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
        "title": "report.pdf",
    }


@pytest.mark.parametrize(
    "uri",
    [
        "data:text/markdown;charset=utf-8;base64," + base64.b64encode("# Größe\0".encode()).decode(),
        "data:text/plain,%23%20Gr%C3%B6%C3%9Fe%00",
        "data:,%23%20Gr%C3%B6%C3%9Fe%00",
    ],
)
def test_i11_a_text_file_is_a_text_document(uri: str) -> None:
    assert block(file(file_data=uri, filename="a.md")) == {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "# Größe\ufffd"},
        "title": "a.md",
    }


def test_i12_raw_base64_is_recognised_by_its_bytes_or_its_file_name() -> None:
    assert block(file(file_data=PDF))["source"]["media_type"] == "application/pdf"
    assert block(file(file_data="AAAA", filename="x.PDF"))["source"]["media_type"] == "application/pdf"
    assert block(file(file_data="aGVsbG8=", filename="x.json"))["source"]["data"] == "hello"
    assert block(file(file_data=PNG)) == base64_image("image/png", PNG)
    assert "type 'x.exe'" in refused(file(file_data="AAAA", filename="x.exe")).message
    assert "type 'unknown'" in refused(file(file_data="AAAA")).message


def test_i13_a_file_id_is_refused_as_there_is_no_file_store() -> None:
    assert "file store" in refused(file(file_id="file-1")).message


@pytest.mark.parametrize(
    "damaged",
    [
        "\n".join(PNG[i : i + 76] for i in range(0, len(PNG), 76)),
        "  " + PNG + "\r\n",
        PNG.rstrip("="),
        PNG.replace("+", "-").replace("/", "_"),
        PNG.replace("+", "%2B").replace("=", "%3D"),
    ],
)
def test_i14_damaged_base64_is_repaired(damaged: str) -> None:
    assert "+" in PNG
    assert "/" in PNG
    assert block(image("data:image/png;base64," + damaged)) == base64_image("image/png", PNG)


@pytest.mark.parametrize("data", ["AAAAA", "AA=AA", "Ä" * 4, "AA!A", "\ud83d"])
def test_i14_what_is_no_base64_is_refused(data: str) -> None:
    assert "not valid base64" in refused(image("data:image/png;base64," + data)).message


def test_i15_a_large_image_is_not_refused_here_not_copied_and_quick() -> None:
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(6 << 20)).decode()
    part = file(file_data=data)
    started = time.perf_counter()
    source = block(part)["source"]
    assert time.perf_counter() - started < 0.5
    assert source["data"] is data


def test_i16_a_hundred_and_one_images_are_not_refused_here() -> None:
    assert len(parse_content([image(f"data:image/png;base64,{PNG}")] * 101, "p")) == 101


@pytest.mark.parametrize("part", [image("data:image/png;base64,"), image("data:image/png,"), file(file_data="")])
def test_i17_empty_data_is_refused(part: object) -> None:
    assert "empty" in refused(part).message


def test_m10_empty_and_blank_text_parts_are_dropped() -> None:
    parts = [{"type": "text", "text": text} for text in ("", "a", " \n", "b", None)]
    assert parse_content(parts, "p") == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]


def test_m19_plain_strings_in_a_list_are_text_parts() -> None:
    assert parse_content(["a", "", "b"], "p") == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]


@pytest.mark.parametrize(
    "kind", ["image", "document", "tool_result", "tool_use", "thinking", "video_url", "input_text", "server"]
)
def test_m20_an_unknown_part_type_is_refused_by_name(kind: str) -> None:
    assert f"'{kind}'" in refused({"type": kind, "source": {}}).message


def test_m21_audio_is_refused() -> None:
    assert "audio input is not supported by Claude" in refused({"type": "input_audio", "input_audio": {}}).message


def test_m22_refusal_parts_are_kept_as_text() -> None:
    parts = [{"type": "text", "text": "Hm."}, {"type": "refusal", "refusal": "I will not."}]
    assert parse_content(parts, "p") == [{"type": "text", "text": "Hm."}, {"type": "text", "text": "I will not."}]


@pytest.mark.parametrize("content", [1, 1.5, True, {"type": "text", "text": "x"}])
def test_m30_content_that_is_neither_text_nor_list_is_refused(content: object) -> None:
    for role in ("system", "user", "assistant"):
        with pytest.raises(InvalidRequest) as caught:
            history({"role": "user", "content": "Hi"}, {"role": role, "content": content})
        assert caught.value.param == "messages[1].content"


JUNK: list[object] = [
    None,
    1,
    [],
    {},
    {"type": None},
    {"type": ["text"]},
    {"type": "text", "text": 1},
    {"type": "text", "text": {}},
    {"type": "refusal", "refusal": []},
    {"type": "image_url"},
    {"type": "image_url", "image_url": 1},
    {"type": "image_url", "image_url": {"url": None}},
    {"type": "image_url", "image_url": " "},
    {"type": "image_url", "image_url": "data:image/png"},
    {"type": "file"},
    {"type": "file", "file": "x"},
    {"type": "file", "file": {"file_data": 1}},
]


@pytest.mark.parametrize("part", JUNK)
def test_m30_junk_in_a_part_is_refused_with_its_path(part: object) -> None:
    refused(part)


def test_m3_images_in_a_system_message_are_refused_rather_than_dropped() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_text(["a", image(f"data:image/png;base64,{PNG}")], "messages[0].content")
    assert caught.value.param == "messages[0].content"


def test_b6_a_mark_on_a_part_stays_on_its_block_and_the_callers_parts_are_left_alone() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    parts = [{"type": "text", "text": "a", "cache_control": mark}, {**image("https://x/y"), "cache_control": mark}]
    before = copy.deepcopy(parts)
    blocks = parse_content(parts, "p")
    assert [b.get("cache_control") for b in blocks] == [mark, mark]
    assert blocks[0].get("cache_control") is not mark
    assert parts == before
