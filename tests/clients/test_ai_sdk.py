"""The Vercel AI SDK with its provider for OpenAI-compatible servers, as docs/clients.md sets it up."""

from __future__ import annotations

from tests.clients import node
from tests.running_proxy import RunningProxy
from tests.simulated_claude import SimulatedClaude, scenarios

PRELUDE = """
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
const claude = createOpenAICompatible({ name: "claude-proxy", baseURL: process.env.BASE_URL, apiKey: "x",
                                        includeUsage: true, supportsStructuredOutputs: true });
const model = claude("claude-sonnet-4-6");
const show = (value) => console.log(JSON.stringify(value));
"""


def run(proxy: RunningProxy, source: str) -> node.Script:
    return node.run(PRELUDE + source, proxy.v1)


def test_a_stream_arrives_whole_with_its_usage(proxy: RunningProxy) -> None:
    script = run(
        proxy,
        """
        const answer = streamText({ model, prompt: "Grüße 👋" });
        let text = "";
        for await (const part of answer.textStream) text += part;
        show({ text, finish: await answer.finishReason, counted: (await answer.usage).totalTokens > 0 });
        """,
    )
    assert script.shown == [{"text": "You said: Grüße 👋", "finish": "stop", "counted": True}]


def test_a_tool_is_run_and_its_result_goes_back(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    script = run(
        proxy,
        """
        const get_weather = tool({ description: "Weather", inputSchema: z.object({ city: z.string() }),
                                   execute: async ({ city }) => "sunny in " + city });
        const answer = await generateText({ model, tools: { get_weather }, stopWhen: stepCountIs(3),
                                            prompt: 'call get_weather {"city": "Oslo"}' });
        show({ text: answer.text, steps: answer.steps.length });
        """,
    )
    assert script.shown[0]["steps"] == 2
    assert "sunny in Oslo" in script.shown[0]["text"]
    assert len(claude.requests) == 2


def test_an_object_has_the_shape_of_its_schema(proxy: RunningProxy) -> None:
    script = run(
        proxy,
        """
        const schema = z.object({ name: z.string(), age: z.number() });
        show((await generateObject({ model, schema, prompt: "Who?" })).object);
        """,
    )
    assert script.shown == [{"name": "text", "age": 1}]


def test_a_stream_that_broke_is_an_error(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    claude.script.append(scenarios.fails_after(5))
    script = run(
        proxy,
        """
        const answer = streamText({ model, prompt: "One, two, three, four", maxRetries: 0, onError: () => {} });
        const kinds = [];
        try {
          for await (const part of answer.fullStream) kinds.push(part.type);
        } catch (error) { kinds.push("error"); }
        show(kinds);
        """,
    )
    assert "error" in script.shown[0]
    assert "finish" not in script.shown[0]
