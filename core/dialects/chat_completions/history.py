"""The message history of a chat completion → Anthropic turns.

Whatever a client's history looks like after interrupts, compaction and edits, the result is one that Claude accepts,
and nothing that anybody said is lost on the way. Only what cannot be said to Claude at all is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from ...errors import InvalidRequest
from ...messages import Block, JsonObject, TextBlock, ToolUseBlock, Turn
from ...models import ModelRules
from ...wording import CONTINUE
from .caching import cache_control_of
from .content import ContentBlock, is_blank, parse_content, parse_text
from .names import ToolNames
from .reasoning import Recall
from .tool_history import ToolHistory
from .turns import Conversation

__all__ = ["History", "Recall", "parse_history"]

_THINKING = ("thinking", "redacted_thinking")


@dataclass(frozen=True, slots=True)
class History:
    """A request's messages as Claude takes them, and what the rest of the request depends on in them."""

    system: list[TextBlock]
    turns: list[Turn]
    # The last cacheable block of each client message, in the order of `turns`, where the very same dicts stand.
    ends: list[Block]
    # Upstream names of the tools that were called, first use first.
    used_tools: list[str]
    # A tool loop is running, and its last assistant turn does not start with thinking: none may be asked for by budget.
    lacks_thinking: bool
    # The last turn is the beginning of the answer, which Claude will not repeat, and cannot think before.
    prefill: bool
    # What was not done as asked, for the header that says so.
    ignored: list[str]


def parse_history(messages: object, *, rules: ModelRules, names: ToolNames, recall: Recall) -> History:
    """Translate `messages`. Raises InvalidRequest, with the path, for what has no translation."""
    reader = _Reader(_checked(messages), names, inline_system=rules.inline_system)
    reader.read_all()
    return reader.history(rules, recall)


def _checked(messages: object) -> list[JsonObject]:
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest("messages: a list of at least one message is required.", param="messages")
    elements = cast("list[object]", messages)
    wrong = next((index for index, message in enumerate(elements) if not isinstance(message, dict)), None)
    if wrong is not None:
        raise InvalidRequest(f"messages: element {wrong} is not an object.", param="messages")
    return cast("list[JsonObject]", messages)


class _Reader:
    """Reads one request's messages, in order, into a Conversation."""

    def __init__(self, messages: list[JsonObject], names: ToolNames, *, inline_system: bool) -> None:
        self._messages = messages
        self._tools = ToolHistory(names)
        self._conversation = Conversation(inline_system=inline_system)
        self._ends: list[Block] = []
        self._used_tools: dict[str, None] = {}
        self._speaks_for_many = len({name for m in messages if "name" in m and (name := _speaker(m))}) > 1
        # Nothing but messages of a role and a text: what was said stands in the order in which it was.
        self._is_plain = True
        # Where the user's last word is an empty one, and which message is the assistant's last.
        self._empty_user: str | None = None
        self._last_assistant = 0

    def read_all(self) -> None:
        index = 0
        while index < len(self._messages):
            if read := self._read_plain(index):
                index += read
            else:
                self._read(self._messages[index], index)
                index += 1
        if self._empty_user is not None:
            raise InvalidRequest(f"{self._empty_user}: the last user message is empty.", param=self._empty_user)

    def _read_plain(self, first: int) -> int:
        """Read what stands from `first` on and is nothing but texts; how many messages that was."""
        messages = self._messages
        if len(messages[first]) != 2:
            return 0
        blocks = self._conversation.add_plain(messages, first)
        if not blocks:
            return 0
        self._ends += blocks
        last = first + len(blocks) - 1
        if messages[last]["role"] == "assistant":
            self._last_assistant = last
        if self._empty_user is not None and any(m["role"] == "user" for m in messages[first : last + 1]):
            self._empty_user = None
        return len(blocks)

    def _read(self, message: JsonObject, index: int) -> None:
        """Read a message that may be anything."""
        self._is_plain = False
        path = f"messages[{index}]"
        match message.get("role"):
            case "system" | "developer":
                self._read_system(message, path)
            case "user":
                self._read_user(message, path)
            case "assistant":
                self._read_assistant(message, index, path)
            case "tool" | "function":
                self._read_result(message, path)
            case unknown:
                role = f"'{unknown}' is not a role" if isinstance(unknown, str) else "a message needs a role"
                raise InvalidRequest(f"{path}.role: {role}.", param=f"{path}.role")

    def _read_system(self, message: JsonObject, path: str) -> None:
        blocks = parse_text(message.get("content"), f"{path}.content")
        self._finish(message, blocks)
        self._conversation.add_system(blocks)

    def _read_user(self, message: JsonObject, path: str) -> None:
        blocks = parse_content(message.get("content"), f"{path}.content")
        self._finish(message, blocks)
        if blocks:
            self._empty_user = None
            self._conversation.add_user(blocks)
        elif self._conversation.awaits_user:
            self._empty_user = f"{path}.content"

    def _read_assistant(self, message: JsonObject, index: int, path: str) -> None:
        blocks = parse_content(message.get("content"), f"{path}.content")
        if isinstance(refusal := message.get("refusal"), str):
            blocks += parse_content(refusal, path)
        calls = self._tools.calls(message, path)
        for call in calls:
            self._used_tools[call.block["name"]] = None
        if end := calls[-1].block if calls else blocks[-1] if blocks else None:
            _mark(message, end)
            self._ends.append(end)
            self._last_assistant = index
        self._conversation.add_assistant(message, blocks, calls)

    def _read_result(self, message: JsonObject, path: str) -> None:
        self._empty_user = None
        self._ends.append(self._conversation.add_result(self._tools.result(message, path)))

    def _finish(self, message: JsonObject, blocks: Sequence[ContentBlock]) -> None:
        """What holds for a message as a whole: who speaks, and where its cacheable end is."""
        if self._speaks_for_many and (speaker := _speaker(message)):
            text = next((block for block in blocks if block["type"] == "text"), None)
            if text:
                text["text"] = f"{speaker}: {text['text']}"
        if blocks:
            _mark(message, blocks[-1])
            self._ends.append(blocks[-1])

    def history(self, rules: ModelRules, recall: Recall) -> History:
        conversation = self._conversation
        ignored: list[str] = []
        prefill = conversation.ends_with_assistant and rules.prefill and not conversation.holds_moved_media
        if conversation.ends_with_assistant and not prefill:
            conversation.add_user([{"type": "text", "text": CONTINUE}])
            ignored.append(f"messages[{self._last_assistant}].prefill")
        turns = conversation.turns(recall)
        system = conversation.system
        if not turns:
            turns = [self._turn_of_last_system()]
            system = system[:-1]
        if prefill:
            _strip_end(turns[-1])
        return History(
            system=[block for blocks in system for block in blocks],
            turns=turns,
            ends=self._ends if self._is_plain else _in_order_of(turns, self._ends),
            used_tools=list(self._used_tools),
            lacks_thinking=conversation.in_tool_loop and _last_assistant_content(turns)[0]["type"] not in _THINKING,
            prefill=prefill,
            ignored=ignored,
        )

    def _turn_of_last_system(self) -> Turn:
        """A chat completion may consist of instructions only; to Claude somebody has to speak."""
        if not self._conversation.system:
            path = f"messages[{len(self._messages) - 1}].content"
            raise InvalidRequest(f"{path}: there is nothing in these messages to answer.", param=path)
        return {"role": "user", "content": [*self._conversation.system[-1]]}


def _speaker(message: JsonObject) -> str | None:
    """Who speaks for the person or the operator. Claude would imitate a name before its own words."""
    name = message.get("name")
    if not isinstance(name, str) or is_blank(name):
        return None
    return name if message.get("role") in ("user", "system", "developer") else None


def _mark(message: JsonObject, block: ContentBlock | ToolUseBlock) -> None:
    """A mark on the message as a whole is one on its end, unless a mark of its own stands there."""
    if (value := message.get("cache_control")) and (mark := cache_control_of(value)):
        block.setdefault("cache_control", mark)


def _strip_end(turn: Turn) -> None:
    """Claude refuses to go on from trailing white space."""
    last = turn["content"][-1]
    if last["type"] == "text":
        last["text"] = last["text"].rstrip()


def _last_assistant_content(turns: Sequence[Turn]) -> list[Block]:
    return next(turn["content"] for turn in reversed(turns) if turn["role"] == "assistant")


def _in_order_of(turns: Sequence[Turn], ends: Sequence[Block]) -> list[Block]:
    """`ends` as they come in `turns`: results may have moved forward, and replaced ones are gone."""
    ids = {id(block) for block in ends}
    return [block for turn in turns if turn["role"] != "system" for block in turn["content"] if id(block) in ids]
