"""The proxy that one writes in an afternoon, as the tutorials do: FastAPI with models, httpx and json, by default."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

UPSTREAM = os.environ.get("NAIVE_UPSTREAM", "")
HEADERS = {"anthropic-version": "2023-06-01", "x-api-key": "x"}


class Part(BaseModel):
    type: str
    text: str


class Message(BaseModel):
    role: str
    content: str | list[Part] | None = None


class ChatRequest(BaseModel):
    model: str
    messages: list[Message]
    max_tokens: int = 32_000
    stream: bool = False


class Choice(BaseModel):
    index: int
    message: Message
    finish_reason: str


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(BaseModel):
    id: str
    object: str
    created: int
    model: str
    choices: list[Choice]
    usage: Usage


app = FastAPI()
client = httpx.AsyncClient(timeout=600, limits=httpx.Limits(max_connections=None))


@app.post("/v1/chat/completions", response_model=ChatCompletion)
async def chat(request: ChatRequest) -> Any:
    body = request.model_dump()
    if request.stream:
        return StreamingResponse(chunks(body), media_type="text/event-stream")
    answer = (await client.post(f"{UPSTREAM}/v1/messages", json=body, headers=HEADERS)).json()
    text = "".join(block["text"] for block in answer["content"])
    used = answer["usage"]
    return ChatCompletion(
        id=f"chatcmpl-{answer['id']}",
        object="chat.completion",
        created=0,
        model=request.model,
        choices=[Choice(index=0, message=Message(role="assistant", content=text), finish_reason="stop")],
        usage=Usage(
            prompt_tokens=used["input_tokens"],
            completion_tokens=used["output_tokens"],
            total_tokens=used["input_tokens"] + used["output_tokens"],
        ),
    )


async def chunks(body: dict[str, Any]) -> AsyncIterator[str]:
    async with client.stream("POST", f"{UPSTREAM}/v1/messages", json=body, headers=HEADERS) as answer:
        async for line in answer.aiter_lines():
            if not line.startswith("data: "):
                continue
            event = json.loads(line[6:])
            if event["type"] == "content_block_delta":
                yield chunk(body["model"], {"content": event["delta"]["text"]}, None)
            elif event["type"] == "message_delta":
                yield chunk(body["model"], {}, "stop")
    yield "data: [DONE]\n\n"


def chunk(model: str, delta: dict[str, Any], finish: str | None) -> str:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    fields = {"id": "chatcmpl-x", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": choices}
    return f"data: {json.dumps(fields)}\n\n"


def main() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)
        # What `pip install fastapi uvicorn httpx` brings; uvloop and httptools are extras.
        config = uvicorn.Config(app, log_level="warning", access_log=False, http="h11", loop="asyncio")
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
