"""The desk: one sign-in at a time, with its progress, a pasted code, and a way out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from core.credentials.desk import Conversation, Kind, Progress, SignInDesk, SignInFailed, SignInRunning


@dataclass
class Scripted:
    """A way to sign in that does what it is told."""

    does: Callable[[Conversation], str]
    kind: Kind = "claude"

    def run(self, conversation: Conversation) -> str:
        return self.does(conversation)


def test_a_sign_in_tells_what_happens_and_takes_a_pasted_code() -> None:
    desk, heard, asked = SignInDesk(), list[Progress](), threading.Event()

    def does(conversation: Conversation) -> str:
        conversation.say("Opening the browser … sk-ant-oat01-s3cr3t-marker")
        conversation.show_url("https://claude.example/authorize?state=1")
        asked.set()
        return f"signed in with {conversation.wait_for_code(10)}"

    desk.listen(heard.append)
    assert desk.start(Scripted(does)).state == "running"
    assert asked.wait(10)
    assert desk.paste("  the-code \n")
    ended = desk.wait(10)
    assert ended is not None
    assert (ended.state, ended.message, ended.wants_code) == ("succeeded", "signed in with the-code", False)
    assert ended.url == "https://claude.example/authorize?state=1"
    assert ended.lines == ("Opening the browser … [redacted]",)
    assert not desk.paste("too late")
    assert [progress.ended for progress in heard].count(True) == 1


def test_one_at_a_time_and_the_next_after_a_cancel() -> None:
    desk = SignInDesk()
    desk.start(Scripted(lambda conversation: str(conversation.wait_for_code(60))))
    with pytest.raises(SignInRunning):
        desk.start(Scripted(lambda _: "never"))
    desk.cancel()
    ended = desk.wait(10)
    assert ended is not None
    assert ended.state == "cancelled"
    assert desk.start(Scripted(lambda _: "now", kind="console")).kind == "console"
    assert desk.wait(10) == desk.progress


def failing(error: Exception) -> Callable[[Conversation], str]:
    def does(conversation: Conversation) -> str:
        raise error

    return does


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (SignInFailed("Claude Code is not installed."), "Claude Code is not installed."),
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (KeyError("surprise"), "the log has the details"),
    ],
)
def test_what_goes_wrong_ends_it_with_a_sentence(error: Exception, says: str) -> None:
    desk = SignInDesk()
    desk.start(Scripted(failing(error)))
    ended = desk.wait(10)
    assert ended is not None
    assert ended.state == "failed"
    assert says in ended.message
