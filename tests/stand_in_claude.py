"""A script that plays the `claude` executable, well or badly, in the lines that Claude Code 2.1.330 was seen to write.

`install` puts it somewhere as a program of its own; what it is told and how it was started stands in `StandIn.starts`.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERSION = "2.1.330 (Claude Code)"


@dataclass(frozen=True)
class StandIn:
    path: Path
    directory: Path

    def behave(self, **how: Any) -> None:
        """How processes that start from now on behave: see `_Player`."""
        (self.directory / "behaviour.json").write_text(json.dumps(how))

    @property
    def starts(self) -> list[dict[str, Any]]:
        """Each process that was started to answer: its `pid`, `argv`, `environ`, `cwd`, and the `lines` it was sent."""
        files = sorted(self.directory.glob("*.start"), key=lambda path: path.stat().st_mtime_ns)
        return [
            {
                **json.loads(path.read_text()),
                "lines": [json.loads(line) for line in path.with_suffix(".lines").read_text().splitlines()],
            }
            for path in files
        ]

    @property
    def alive(self) -> list[int]:
        """The processes that are there, waiting ones included, and the children that they started."""
        pids = [int(path.stem) for path in self.directory.glob("*.start")]
        # One that is just being written is still empty.
        pids += [int(text) for path in self.directory.glob("*.child") if (text := path.read_text())]
        return [pid for pid in pids if _is_there(pid)]


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # One that has ended, and that nobody has asked about yet, answers too.
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except ProcessLookupError:
        return False
    except OSError:
        return not Path("/proc/self").exists()


def install(directory: Path, **how: Any) -> StandIn:
    """Put the script into `directory` as `claude`."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "claude"
    path.write_text(f"#!{sys.executable} -SE\n{Path(__file__).read_text()}")
    path.chmod(0o755)
    stand_in = StandIn(path, directory)
    stand_in.behave(**how)
    return stand_in


class _Player:
    """`how`: `version`; `logged_in`; `start_seconds` before it reads; `garbage` between the lines; `stderr` (that many
    bytes); `flattens` the history; `then`, what it does with the question: `answer`, `die`, `die_in_the_middle`,
    `hang`, `hang_in_the_middle`, `error` (with the fields of `error`), `tool`, `retry` or `nothing`."""

    def __init__(self, directory: Path) -> None:
        self.how: dict[str, Any] = json.loads((directory / "behaviour.json").read_text())
        self.messages: list[dict[str, Any]] = []
        self.tools: list[Any] = []
        self.greeting: dict[str, Any] = {}
        self.directory = directory
        self.log = directory / f"{os.getpid()}.lines"

    def serve(self) -> None:
        self.log.write_text("")
        started = {"pid": os.getpid(), "argv": sys.argv[1:], "environ": dict(os.environ), "cwd": os.getcwd()}
        temporary = self.directory / f"{os.getpid()}.tmp"
        temporary.write_text(json.dumps(started))
        temporary.rename(self.directory / f"{os.getpid()}.start")
        time.sleep(self.how.get("start_seconds", 0))
        if self.how.get("stubborn"):
            import signal

            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self.how.get("has_child"):
            import subprocess

            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            (self.directory / f"{os.getpid()}.child").write_text(str(child.pid))
        if self.how.get("stderr"):
            sys.stderr.write("e" * self.how["stderr"] + " the last words, sk-ant-api03-s3cr3t-marker-0123456789\n")
            sys.stderr.flush()
        if self.how.get("exits") is not None:
            sys.exit(self.how["exits"])
        for line in sys.stdin:
            with self.log.open("a") as log:
                log.write(line)
            self.line(json.loads(line))

    def say(self, **message: Any) -> None:
        if self.how.get("garbage"):
            sys.stdout.write('Warning: something\n{"half": \n\n[1]\n"text"\nnull\n')
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    def event(self, **event: Any) -> None:
        self.say(type="stream_event", event=event, parent_tool_use_id=None)

    def line(self, line: dict[str, Any]) -> None:
        if line.get("request", {}).get("subtype") == "get_usage":
            limits = {"seven_day": {"utilization": 40, "resets_at": "2033-05-18T03:33:20+00:00"}}
            response = {"subtype": "success", "request_id": line["request_id"], "response": {"rate_limits": limits}}
            self.say(type="control_response", response=response)
        elif line["type"] == "control_request":
            self.greeting = line["request"]
            ask = {"subtype": "mcp_message", "server_name": "client"}
            listing = {**ask, "message": {"jsonrpc": "2.0", "method": "tools/list", "id": 1}}
            self.say(type="control_request", request_id="tools", request=listing)
            response = {"subtype": "success", "request_id": line["request_id"], "response": {}}
            self.say(type="control_response", response=response)
        elif line["type"] == "control_response":
            self.tools = line["response"]["response"]["mcp_response"]["result"]["tools"]
        else:
            self.messages.append(line["message"])
            if line["type"] == "user" and line.get("shouldQuery") is False:
                self.say(type="result", subtype="success", is_error=False, num_turns=0, result="")
            elif line["type"] == "user":
                self.question()

    def question(self) -> None:
        if os.environ.get("CLAUDE_CODE_OAUTH_TOKEN") == "none":
            self.post()
            return
        self.say(type="system", subtype="init", tools=[])
        if self.how.get("waits_for_usage"):
            self.line(json.loads(sys.stdin.readline()))
        getattr(self, str(self.how.get("then", "answer")))()

    def post(self) -> None:
        """To the listener that wants to know what becomes of a history."""
        messages = self.messages[-1:] if self.how.get("flattens") else self.messages
        body = json.dumps({"messages": messages}).encode()
        port = int(os.environ["ANTHROPIC_BASE_URL"].rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"POST /v1/messages HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            connection.recv(1000)
        self.say(type="result", subtype="success", is_error=True, result="API Error: 404")

    def begin(self) -> None:
        usage = {"input_tokens": 7, "output_tokens": 1}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": []}
        self.event(type="message_start", message={**message, "stop_reason": None, "usage": usage})

    def end(self, stop_reason: str) -> None:
        self.event(type="message_delta", delta={"stop_reason": stop_reason}, usage={"output_tokens": 9})
        self.event(type="message_stop")
        window = {"utilization": 0.25, "resetsAt": 2_000_000_000, "status": "allowed"}
        info = {"status": "allowed", "rateLimitType": "five_hour", "unifiedWindows": {"five_hour": window}}
        if not self.how.get("waits_for_usage"):
            self.say(type="rate_limit_event", rate_limit_info=info)
        self.say(type="result", subtype="success", is_error=False, result="", num_turns=1)

    def text(self, *parts: str) -> None:
        self.event(type="content_block_start", index=0, content_block={"type": "text", "text": ""})
        for part in parts:
            self.event(type="content_block_delta", index=0, delta={"type": "text_delta", "text": part})

    def answer(self) -> None:
        said = self.messages[-1]["content"][-1].get("text", "")
        self.begin()
        self.text(*self.how.get("parts", ["You said: ", said]))
        self.event(type="content_block_stop", index=0)
        self.end("end_turn")

    def tool(self) -> None:
        self.begin()
        name = self.how.get("tool", "look")
        block = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}
        self.event(type="content_block_start", index=0, content_block=block)
        delta = {"type": "input_json_delta", "partial_json": '{"at": "it"}'}
        self.event(type="content_block_delta", index=0, delta=delta)
        self.event(type="content_block_stop", index=0)
        if self.how.get("over_budget"):
            self.event(type="message_delta", delta={"stop_reason": None})
            self.event(type="message_stop")
            self.say(type="result", subtype="error_max_budget_usd", is_error=True, usage={"output_tokens": 9})
        else:
            self.end("tool_use")

    def die(self) -> None:
        sys.exit(3)

    def die_in_the_middle(self) -> None:
        self.begin()
        self.text("Half an ")
        sys.exit(3)

    def hang(self) -> None:
        time.sleep(60)

    def hang_in_the_middle(self) -> None:
        self.begin()
        self.text("Half an ")
        time.sleep(60)

    def nothing(self) -> None:
        self.say(type="result", subtype="success", is_error=False, num_turns=0, result="/clear is not here.")

    def retry(self) -> None:
        """The stream breaks, and it begins anew, as Claude Code does."""
        self.begin()
        if self.how.get("late"):
            self.text("Half an ")
            self.event(type="content_block_stop", index=0)
        self.event(type="message_stop")
        self.say(type="system", subtype="api_retry", attempt=1)
        self.answer()

    def error(self) -> None:
        fields = self.how["error"]
        said = fields.pop("said")
        if "limit" in fields:
            self.say(type="rate_limit_event", rate_limit_info=fields.pop("limit"))
        self.say(type="assistant", message={"model": "<synthetic>"}, is_api_error_message=True, **fields)
        status = fields.get("api_error_status")
        self.say(type="result", subtype="success", is_error=True, api_error_status=status, result=said)


def _main() -> None:
    directory = Path(sys.argv[0]).resolve().parent
    how = json.loads((directory / "behaviour.json").read_text())
    if sys.argv[1:] == ["--version"]:
        print(how.get("version", VERSION))
    elif sys.argv[1:] == ["auth", "status"]:
        print(json.dumps({"loggedIn": how.get("logged_in", True), "authMethod": "claude.ai", "email": "a@b.example"}))
    else:
        _Player(directory).serve()


if __name__ == "__main__":
    _main()
