"""What Claude Code is started with and told for a request, what is left out by name, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import InvalidRequest, ModelNotFound
from core.upstreams.claude_code.plan import Plan, plan_request

TOOL = {"name": "look", "input_schema": {"type": "object"}}


def plan(**fields: Any) -> Plan:
    body = {"model": "claude-sonnet-4-6", "max_tokens": 4000, "messages": [{"role": "user", "content": "hello"}]}
    return plan_request({**body, **fields})


def options(planned: Plan) -> dict[str, str]:
    """The options whose values differ from request to request."""
    arguments = list(planned.fit.arguments())
    names = ("--model", "--thinking", "--max-thinking-tokens", "--thinking-display", "--effort")
    return {name: arguments[arguments.index(name) + 1] for name in names if name in arguments}


def told(planned: Plan) -> list[tuple[str, list[Any]]]:
    lines = [*planned.history, planned.question]
    return [(line["type"], line["message"]["content"]) for line in lines]


@pytest.mark.parametrize(
    ("model", "thinking", "expected", "ignored"),
    [
        # Without a wish it is as the API has it.
        ("claude-sonnet-4-6", None, {"--thinking": "disabled", "--effort": "high"}, ()),
        (
            "claude-opus-5-5",
            None,
            {"--thinking": "adaptive", "--thinking-display": "omitted", "--effort": "medium"},
            (),
        ),
        ("claude-haiku-4-5", None, {"--thinking": "disabled"}, ()),
        (
            "claude-haiku-4-5",
            {"type": "enabled", "budget_tokens": 2000},
            {"--max-thinking-tokens": "2000", "--thinking-display": "summarized"},
            (),
        ),
        (
            "claude-sonnet-5",
            {"type": "adaptive", "display": "summarized"},
            {"--thinking": "adaptive", "--thinking-display": "summarized", "--effort": "high"},
            (),
        ),
        ("claude-sonnet-5", {"type": "disabled"}, {"--thinking": "disabled", "--effort": "high"}, ()),
        # Claude Code has this one think whatever it is told.
        (
            "claude-sonnet-5-5",
            {"type": "between_tools"},
            {"--thinking": "adaptive", "--thinking-display": "omitted", "--effort": "high"},
            ("thinking",),
        ),
    ],
)
def test_thinking_and_effort_are_always_said(
    model: str, thinking: Any, expected: dict[str, str], ignored: tuple[str, ...]
) -> None:
    planned = plan(model=model, **({"thinking": thinking} if thinking else {}))
    assert options(planned) == {"--model": model, **expected}
    assert planned.ignored == ignored


def test_a_small_limit_leaves_a_budget_no_room() -> None:
    planned = plan(model="claude-haiku-4-5", max_tokens=777, thinking={"type": "enabled", "budget_tokens": 1024})
    assert options(planned)["--thinking"] == "disabled"
    assert planned.ignored == ("thinking",)


def test_what_cannot_be_carried_is_named() -> None:
    config = {"effort": "low", "task_budget": {"total": 5}}
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    planned = plan(
        temperature=0.5,
        metadata={"user_id": "somebody"},
        new_knob=1,
        output_config=config,
        tools=[{**TOOL, "strict": True}],
        tool_choice=choice,
    )
    assert planned.ignored == (
        "temperature",
        "metadata",
        "new_knob",
        "disable_parallel_tool_use",
        "tools.strict",
        "output_config.task_budget",
    )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [TOOL], "tool_choice": {"type": "any"}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "look"}}, "tool_choice"),
        ({"tools": [TOOL, {"type": "web_search_20250305", "name": "web_search"}]}, "tools[1].type"),
        ({"tools": [{}]}, "tools[0].name"),
        ({"mcp_servers": [{"url": "https://example.com"}]}, "mcp_servers"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"model": None}, "model"),
        ({"output_config": {"effort": "enormous"}}, "output_config.effort"),
    ],
)
def test_what_would_change_the_meaning_is_refused_with_its_path(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        plan(**fields)
    assert raised.value.param == param


@pytest.mark.parametrize("model", ["gpt-4o", "--dangerously-skip-permissions", "sonnet", "claude-x --help", "claude-"])
def test_c7_only_ids_of_claude_reach_the_command_line(model: str) -> None:
    with pytest.raises(ModelNotFound, match="nearest known ids"):
        plan(model=model)


def test_turns_alternate_and_begin_and_end_with_the_person() -> None:
    messages = [
        {"role": "assistant", "content": "zero"},
        {"role": "user", "content": "one"},
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": [{"type": "text", "text": "two", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": "and then"},
    ]
    planned = plan(messages=messages)
    roles, contents = zip(*told(planned), strict=True)
    assert roles == ("user", "assistant", "user", "assistant", "user")
    assert [block["text"] for block in contents[2]] == ["one", "[Operator note] be kind", "two"]
    assert all("cache_control" not in block for block in contents[2])
    assert planned.ignored == ("prefill",)
    assert [line.get("shouldQuery") for line in planned.history] == [False, None, False, None]


@pytest.mark.parametrize(
    ("content", "arrives"),
    [
        ("/clear everything", ["\n/clear everything"]),
        ([{"type": "text", "text": "look at"}, {"type": "text", "text": "/etc"}], ["look at", "\n/etc"]),
        ([{"type": "text", "text": "/etc"}, {"type": "text", "text": "is what?"}], ["/etc", "is what?"]),
    ],
)
def test_a_text_never_becomes_a_command(content: Any, arrives: list[str]) -> None:
    ((_, blocks),) = told(plan(messages=[{"role": "user", "content": content}]))
    assert [block["text"] for block in blocks] == arrives


def test_tools_are_not_offered_where_none_may_be_called() -> None:
    assert len(plan(tools=[TOOL]).tools) == 1
    assert plan(tools=[TOOL], tool_choice={"type": "none"}).tools == ()


def test_a_flat_history_keeps_calls_results_and_pictures() -> None:
    picture = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    messages = [
        {"role": "user", "content": [picture]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {"at": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "seen"}]},
    ]
    blocks = plan(messages=messages).flat["message"]["content"]
    assert picture in blocks
    text = "\n".join(block["text"] for block in blocks if block["type"] == "text")
    assert '[called look (t1) with {"at":1}]' in text
    assert text.endswith("[user, now]\n[result of t1]\nseen")
