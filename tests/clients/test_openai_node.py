"""openai-node, against the proxy, against the strict simulated Claude."""

from __future__ import annotations

import pytest

from tests.clients import node
from tests.running_proxy import RunningProxy
from tests.simulated_claude import SimulatedClaude, scenarios

PRELUDE = """
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: "not-needed" });
const model = "claude-sonnet-4-6";
const ask = (content, more) => ({ model, messages: [{ role: "user", content }], ...more });
const show = (value) => console.log(JSON.stringify(value));
const failing = async (work) => {
  try { show({ answer: await work() }); }
  catch (error) { show({ name: error.constructor.name, status: error.status, message: error.message }); }
};
"""


def run(proxy: RunningProxy, source: str) -> node.Script:
    return node.run(PRELUDE + source, proxy.v1)


def test_a_stream_arrives_whole_with_its_usage(proxy: RunningProxy) -> None:
    script = run(
        proxy,
        """
        let text = "", finish, usage;
        const options = { stream: true, stream_options: { include_usage: true } };
        for await (const chunk of await client.chat.completions.create(ask("Grüße 👋\u2028 and bye", options))) {
          usage = chunk.usage ?? usage;
          for (const choice of chunk.choices) {
            text += choice.delta.content ?? "";
            finish = choice.finish_reason ?? finish;
          }
        }
        show({ text, finish, total: usage.total_tokens > 0 });
        """,
    )
    assert script.shown == [{"text": "You said: Grüße 👋\u2028 and bye", "finish": "stop", "total": True}]


def test_two_tools_are_run_and_their_results_go_back(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    script = run(
        proxy,
        """
        const cities = [];
        const weather = { name: "get_weather", description: "Weather", parse: JSON.parse,
          parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
          function: ({ city }) => { cities.push(city); return "sunny in " + city; } };
        const asked = 'call get_weather {"city": "Köln"} call get_weather {"city": "Oslo"}';
        const runner = client.chat.completions.runTools(
          ask(asked, { stream: true, tools: [{ type: "function", function: weather }] }));
        show({ text: await runner.finalContent(), cities });
        """,
    )
    [shown] = script.shown
    assert shown["cities"] == ["Köln", "Oslo"]
    assert "sunny in Köln" in shown["text"]
    assert "sunny in Oslo" in shown["text"]
    assert len(claude.requests) == 2


def test_parse_returns_what_the_zod_schema_describes(proxy: RunningProxy) -> None:
    script = run(
        proxy,
        """
        const Person = z.object({ name: z.string(), age: z.number(), tags: z.array(z.string()) });
        const format = { response_format: zodResponseFormat(Person, "person") };
        show((await client.chat.completions.parse(ask("Who?", format))).choices[0].message.parsed);
        """,
    )
    assert script.shown == [{"name": "text", "age": 1, "tags": ["text"]}]


def test_the_models_are_listed(proxy: RunningProxy) -> None:
    script = run(proxy, "for await (const model of client.models.list()) show(model.id);")
    assert "claude-sonnet-4-6" in script.shown


def test_a_refused_key_is_an_authentication_error_at_once(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    claude.default = scenarios.error(401, "authentication_error", "invalid x-api-key")
    script = run(proxy, 'await failing(() => client.chat.completions.create(ask("Hi")));')
    assert (script.shown[0]["name"], script.shown[0]["status"]) == ("AuthenticationError", 401)
    assert len(claude.requests) == 1


def test_a_limit_is_a_rate_limit_error_in_claudes_words(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    claude.default = scenarios.rate_limited("7200")
    script = run(proxy, 'await failing(() => client.chat.completions.create(ask("Hi"), { maxRetries: 0 }));')
    assert (script.shown[0]["name"], script.shown[0]["status"]) == ("RateLimitError", 429)
    assert "This request would exceed your rate limit." in script.shown[0]["message"]


def test_an_overloaded_claude_is_asked_again(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    claude.script += [scenarios.overloaded()] * 2
    script = run(proxy, 'show((await client.chat.completions.create(ask("Hi"))).choices[0].message.content);')
    assert script.shown == ["You said: Hi"]


@pytest.mark.parametrize(
    "broken",
    [scenarios.fails_after(6), scenarios.ends_after(6), scenarios.Scenario(reset_after=900)],
    ids=["error event", "ended", "reset"],
)
def test_a_stream_that_broke_is_an_error(
    proxy: RunningProxy, claude: SimulatedClaude, broken: scenarios.Scenario
) -> None:
    claude.script.append(broken)
    script = run(
        proxy,
        """
        await failing(async () => {
          let text = "";
          const stream = await client.chat.completions.create(ask("One, two, three, four", { stream: true }));
          for await (const chunk of stream)
            text += chunk.choices[0]?.delta?.content ?? "";
          return text;
        });
        """,
    )
    assert "answer" not in script.shown[0]
