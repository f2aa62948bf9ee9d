"""Client messages, one after the other → turns as Claude wants them: alternating, results right behind their calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...messages import Block, JsonObject, TextBlock, Turn
from ...wording import OPERATOR_NOTE, RESUMED
from .content import ContentBlock
from .reasoning import Recall, thinking_of
from .tool_history import Call, CallIndex, Result

# Greater than the number of any call.
_NEVER = 1 << 60


@dataclass(frozen=True, slots=True)
class _Said:
    """One assistant message within a round: where its blocks begin, and what its thinking is found by."""

    offset: int
    message: JsonObject
    tool_ids: list[str]


class _Round:
    """One assistant turn, and all that the client said before the next one."""

    # No dataclass: a long conversation has hundreds of these, and a dataclass takes twice the time to make them.
    __slots__ = ("answered", "assistant", "calls", "moved", "said", "system", "user")

    def __init__(self) -> None:
        self.assistant: list[Block] = []
        self.said: list[_Said] = []
        self.calls: list[Call] = []
        self.answered: list[Call] = []
        # Images of the assistant's own, which only a user turn may hold.
        self.moved: list[Block] = []
        self.user: list[Block] = []
        self.system: list[TextBlock] = []

    @property
    def goes_on(self) -> bool:
        """Nothing came after the assistant yet: its next message belongs to the same run of messages."""
        return bool(self.assistant) and not (self.answered or self.user or self.system)

    @property
    def waits(self) -> bool:
        return len(self.answered) < len(self.calls)

    def holds(self, call: Call) -> bool:
        """`call` is of this round, or of one before it."""
        return bool(self.calls) and self.calls[0].number <= call.number

    def say(self, message: JsonObject, blocks: Iterable[Block], calls: Sequence[Call]) -> None:
        self.said.append(_Said(len(self.assistant), message, [call.client_id for call in calls if call.client_id]))
        self.assistant += blocks
        for call in calls:
            self.assistant.append(call.block)
            self.calls.append(call)

    def absorb(self, later: _Round) -> None:
        """Make one round of this and the one right behind it."""
        self.said += [_Said(said.offset + len(self.assistant), said.message, said.tool_ids) for said in later.said]
        self.assistant += later.assistant
        self.calls += later.calls
        self.answered += later.answered
        self.moved += later.moved
        self.user += later.user
        self.system += later.system

    def replay_thinking(self, recall: Recall) -> None:
        """Put each message's thinking before it; once, where a client split one answer over several messages."""
        replayed: list[Block] = []
        for said in self.said:
            blocks = [b for b in thinking_of(said.message, said.tool_ids, recall) if b not in replayed]
            offset = said.offset + len(replayed)
            self.assistant[offset:offset] = blocks
            replayed += blocks

    def user_content(self) -> list[Block]:
        if not self.calls:
            return self.moved + self.user if self.moved else self.user
        open_calls = [call for call in self.calls if call.result is None]
        return [*(call.result_or_notice() for call in [*self.answered, *open_calls]), *self.moved, *self.user]


class Conversation:
    """Collects messages in the client's order; `turns` then puts them in Claude's."""

    def __init__(self, *, inline_system: bool) -> None:
        self._inline_system = inline_system
        # What no later message can change any more, and the rounds that one can.
        self._settled: list[Turn] = []
        self._rounds = [_Round()]
        # The calls of the latest round, and of those before it that nothing but unanswered calls parts from it.
        self._callable = CallIndex()
        # The system messages before anything else, message by message.
        self.system: list[list[TextBlock]] = []

    @property
    def awaits_user(self) -> bool:
        """Since the last assistant message the client has said nothing."""
        return not (self._rounds[-1].answered or self._rounds[-1].user)

    @property
    def ends_with_assistant(self) -> bool:
        return self._rounds[-1].goes_on and not self._rounds[-1].calls

    @property
    def holds_moved_media(self) -> bool:
        """The latest assistant turn's images will make a user turn of their own."""
        return bool(self._rounds[-1].moved)

    @property
    def in_tool_loop(self) -> bool:
        """Claude's latest turn made calls, and what follows holds their results."""
        return bool(self._rounds[-1].calls)

    def add_system(self, blocks: list[TextBlock]) -> None:
        if not blocks:
            return
        current = self._rounds[-1]
        if not (self._settled or len(self._rounds) > 1 or current.assistant or current.user):
            self.system.append(blocks)
        elif self._inline_system:
            current.system += blocks
        else:
            current.user += _notes(blocks)

    def add_user(self, blocks: Iterable[Block]) -> None:
        self._rounds[-1].user += blocks

    def add_assistant(self, message: JsonObject, blocks: Iterable[ContentBlock], calls: Sequence[Call]) -> None:
        text: list[Block] = []
        media: list[Block] = []
        for block in blocks:
            (text if block["type"] == "text" else media).append(block)
        if text or calls:
            self._round_to_speak_in().say(message, text, calls)
            for call in calls:
                self._callable.add(call)
        current = self._rounds[-1]
        (current.moved if current.goes_on else current.user).extend(media)

    def add_plain(self, messages: Sequence[JsonObject], first: int) -> list[TextBlock]:
        """Take the messages from `first` on for as long as each is a role and a text, and return their blocks.

        A long conversation has hundreds of these. They become turns right here, which takes about a quarter of the time
        of reading each for all that a message can be; none are taken where what came before is not over.
        """
        blocks: list[TextBlock] = []
        if not isinstance(messages[first].get("content"), str) or not self._is_settled():
            return blocks
        turns = self._settle()
        role, content = (turns[-1]["role"], turns[-1]["content"]) if turns else ("", [])
        for index in range(first, len(messages)):
            message = messages[index]
            text, speaker = message.get("content"), message.get("role")
            if len(message) != 2 or not isinstance(text, str) or not text or text.isspace():
                break
            if speaker != "user" and speaker != "assistant":
                break
            if speaker != role:
                role, content = speaker, []
                turns.append({"role": role, "content": content})
            block: TextBlock = {"type": "text", "text": text}
            content.append(block)
            blocks.append(block)
        self._reopen()
        return blocks

    def _is_settled(self) -> bool:
        """Later messages may go on with the latest round, but neither change it nor join it to those before it."""
        current = self._rounds[-1]
        return not (self._callable or current.moved or current.system or (current.said and not current.user))

    def _settle(self) -> list[Turn]:
        """The turns so far; the rounds that they are made of stay as they are."""
        for round_ in self._rounds:
            _add_turns(self._settled, round_)
        return self._settled

    def _reopen(self) -> None:
        """Make a round of the last turns, so that what follows can go on with it."""
        current = _Round()
        if self._settled and self._settled[-1]["role"] == "user":
            current.user = self._settled.pop()["content"]
        if self._settled and self._settled[-1]["role"] == "assistant":
            current.assistant = self._settled.pop()["content"]
        self._rounds = [current]

    def _round_to_speak_in(self) -> _Round:
        """Where the next words or calls of the assistant belong."""
        current = self._rounds[-1]
        if current.goes_on:
            if not current.waits:
                return current
        else:
            self._callable.clear()
        current = _Round()
        self._rounds.append(current)
        return current

    def add_result(self, result: Result) -> Block:
        """Put a result where its call is; the block that now holds it."""
        current = self._rounds[-1]
        call = self._callable.find(result, current.calls[0].number if current.calls else _NEVER)
        if call is None:
            blocks = result.as_text()
            current.user += blocks
            return blocks[-1]
        self._join_rounds_from(call)
        if call.result is None:
            self._callable.answered(call)
            self._rounds[-1].answered.append(call)
        call.result = result.block_for(call)
        return call.result

    def _join_rounds_from(self, call: Call) -> None:
        """Some clients split parallel calls over several messages and send the results behind the last."""
        first = len(self._rounds) - 1
        while not self._rounds[first].holds(call):
            first -= 1
        for later in self._rounds[first + 1 :]:
            self._rounds[first].absorb(later)
        del self._rounds[first + 1 :]

    def turns(self, recall: Recall) -> list[Turn]:
        """All that was said; nothing may be added after this."""
        self._replay_thinking(recall)
        turns = self._settle()
        if turns and turns[0]["role"] == "assistant":
            turns.insert(0, {"role": "user", "content": [{"type": "text", "text": RESUMED}]})
        return turns

    def _replay_thinking(self, recall: Recall) -> None:
        """Only the running tool loop needs its thinking, and only there is it sure to be signed for this history."""
        for round_ in reversed(self._rounds):
            if not round_.calls:
                break
            round_.replay_thinking(recall)


def _add_turns(turns: list[Turn], round_: _Round) -> None:
    if round_.assistant:
        turns.append({"role": "assistant", "content": round_.assistant})
    # A system entry may only stand directly behind a user turn; where there is none it makes one.
    user = round_.user_content()
    if user:
        turns.append({"role": "user", "content": user})
        if round_.system:
            turns.append({"role": "system", "content": [*round_.system]})
    elif round_.system:
        turns.append({"role": "user", "content": [*_notes(round_.system)]})


def _notes(blocks: list[TextBlock]) -> list[TextBlock]:
    """System text in the middle of the conversation, for models that take none there. Changes `blocks`, for `ends`."""
    for block in blocks:
        block["text"] = f"{OPERATOR_NOTE} {block['text']}"
    return blocks
