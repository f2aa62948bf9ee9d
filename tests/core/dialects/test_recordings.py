"""Every recorded stream, through the dialect, however it is cut: data in, judged by OpenAI's own types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from core import sse
from core.answers import Accumulator, decode_event
from core.dialects.chat_completions.chunks import ChunkEncoder
from core.dialects.chat_completions.completion import render_completion
from core.dialects.chat_completions.names import ToolNames
from core.messages import Event

RECORDINGS = sorted((Path(__file__).parents[2] / "fixtures" / "upstream").glob("*.sse"))

pytestmark = pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)


def batches(stream: bytes, size: int) -> list[list[Event]]:
    decoder = sse.Decoder()
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    frames = [decoder.feed(piece) for piece in pieces]
    return [[event for frame in batch if (event := decode_event(frame)) is not None] for batch in frames]


def chunks(stream: bytes, size: int) -> bytes:
    encoder = ChunkEncoder(
        model="claude-sonnet-4-6",
        created=1_700_000_000,
        include_usage=True,
        tool_names=ToolNames(),
        legacy_functions=False,
        on_thinking=lambda ids, blocks: None,
        fallback_id="chatcmpl-fallback",
    )
    sent = b"".join(encoder.feed(batch) for batch in batches(stream, size))
    assert encoder.complete
    return sent + encoder.close()


def completion(stream: bytes) -> dict[str, Any]:
    accumulator = Accumulator()
    for batch in batches(stream, 64):
        accumulator.feed(batch)
    return render_completion(
        accumulator.message,
        model="claude-sonnet-4-6",
        created=1_700_000_000,
        tool_names=ToolNames(),
        legacy_functions=False,
        on_thinking=lambda ids, blocks: None,
        fallback_id="chatcmpl-fallback",
    )


@pytest.mark.parametrize("size", [1, 7, 64])
def test_cuts_make_no_difference(recording: Path, size: int) -> None:
    stream = recording.read_bytes()
    assert chunks(stream, size) == chunks(stream, len(stream))


def test_b1_openais_types_accept_every_chunk_and_the_last_one_finishes(recording: Path) -> None:
    lines = [line.removeprefix("data: ") for line in chunks(recording.read_bytes(), 64).decode().split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    parsed = [ChatCompletionChunk.model_validate_json(line, strict=True) for line in lines]
    assert parsed[-1].usage is not None
    finished = [chunk.choices[0].finish_reason for chunk in parsed if chunk.choices]
    assert finished[-1]
    assert not any(finished[:-1])


def test_openais_own_accumulator_and_the_whole_answer_agree(recording: Path) -> None:
    """B5, R32: streamed or not, a client gets the same."""
    stream = recording.read_bytes()
    whole = ChatCompletion.model_validate_json(json.dumps(completion(stream)), strict=True)
    state = ChatCompletionStreamState[Any]()
    for line in chunks(stream, 64).decode().split("\n\n"):
        if line.startswith("data: {"):
            state.handle_chunk(ChatCompletionChunk.model_validate_json(line[6:]))
    streamed = state.current_completion_snapshot
    ours, theirs = whole.choices[0], streamed.choices[0]
    assert theirs.finish_reason == ours.finish_reason
    assert (theirs.message.content or "") == (ours.message.content or "")
    assert theirs.message.refusal == ours.message.refusal
    assert getattr(theirs.message, "reasoning_content", None) == getattr(ours.message, "reasoning_content", None)
    assert [(call.id, call.function.name, call.function.arguments) for call in theirs.message.tool_calls or []] == [
        (call.id, call.function.name, call.function.arguments) for call in ours.message.tool_calls or []
    ]  # type: ignore[union-attr]
    assert streamed.usage is not None
    assert whole.usage is not None
    assert whole.usage.total_tokens == streamed.usage.total_tokens > 0
    assert whole.usage.prompt_tokens_details == streamed.usage.prompt_tokens_details
