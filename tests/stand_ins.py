"""Scripts that play `claude`, `ant` and `security`: each does what the file `mode` beside it says."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BEGINNING = f"""#!{sys.executable} -IS
import json, os, subprocess, sys, time
here = os.path.dirname(os.path.abspath(__file__))
given = sys.argv[1:]
def mode(default):
    try:
        return open(os.path.join(here, "mode")).read()
    except FileNotFoundError:
        return default
def note(**more):
    seen = {{"given": given, "environment": dict(os.environ), "directory": os.getcwd(), "files": os.listdir(), **more}}
    with open(os.path.join(here, "calls"), "a") as calls:
        calls.write(json.dumps(seen) + chr(10))
def say(text):
    sys.stdout.write(text)
    sys.stdout.flush()
"""

_CLAUDE = """
store = os.path.join(os.environ["HOME"], ".claude", ".credentials.json")
def sign_in(token):
    os.makedirs(os.path.dirname(store), exist_ok=True)
    expires = (time.time() + 28800) * 1000
    oauth = {"accessToken": token, "expiresAt": expires, "subscriptionType": "max", "accountUuid": "me"}
    with open(store + ".new", "w") as file:
        json.dump({"claudeAiOauth": oauth}, file)
    os.chmod(store + ".new", 0o600)
    os.replace(store + ".new", store)
if given == ["--version"]:
    print("2.1.330 (Claude Code)")
elif given[:2] == ["auth", "status"]:
    if mode("success") == "old":
        print("Error: Input must be provided either through stdin or as a prompt argument")
        sys.exit(1)
    known = os.path.exists(store)
    who = {"authMethod": "claude.ai", "email": "me@example.com", "subscriptionType": "max"}
    print(json.dumps({"loggedIn": known, **who}))
    sys.exit(not known)
elif given[:2] == ["auth", "login"]:
    note()
    match mode("success"):
        case "success":
            say("Opening browser to sign in...\\r\\n\\x1b[1mIf it does not open, visit: https://claude.ai/oauth/authorize?abc\\x1b[0m\\n")
            sign_in("sk-ant-oat01-s3cr3t-marker-new")
            say("Login successful.\\n")
        case "code":
            say("Visit https://claude.ai/oauth/authorize?abc\\nPaste code here if prompted > ")
            if sys.stdin.readline().strip() != "code#state":
                sys.exit("Invalid code")
            sign_in("sk-ant-oat01-s3cr3t-marker-new")
        case "denial":
            say("Login failed: access_denied\\n")
            sys.exit(1)
        case "hang":
            child = subprocess.Popen(["sleep", "300"])
            say(f"{os.getpid()} {child.pid}\\n")
            time.sleep(300)
        case "garbage":
            sys.stdout.buffer.write(bytes(range(256)) * 400 + b"\\n" + b"x" * 300000)
        case "nothing":
            pass
elif given[:1] == ["-p"]:
    note()
    match mode("success"):
        case "success":
            time.sleep(0.3)
            sign_in("sk-ant-oat01-s3cr3t-marker-renewed")
            print("Hello")
        case "denial":
            sys.exit("API Error: 401")
        case "hang":
            time.sleep(300)
        case _:
            sys.stdout.buffer.write(bytes(range(256)) * 400)
"""

_ANT = """
profiles = os.path.join(os.environ["HOME"], ".config", "anthropic")
def sign_in(profile, token):
    for folder, fields in (
        ("configs", {"version": "1.0", "authentication": {"type": "user_oauth"}, "workspace_id": "wrkspc_1"}),
        ("credentials", {"type": "oauth_token", "access_token": token, "expires_at": int(time.time() + 3600)}),
    ):
        path = os.path.join(profiles, folder, profile + ".json")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            json.dump(fields, file)
        os.chmod(path, 0o600)
profile = os.environ.get("ANTHROPIC_PROFILE") or "default"
if given == ["auth", "--help"]:
    if mode("success") == "apache":
        print("Apache Ant(TM) version 1.10.14")
    elif mode("success") == "old":
        sys.exit("unknown command: auth")
    print("Manage authentication")
elif given[:2] == ["auth", "login"]:
    note()
    match mode("success"):
        case "denial":
            sys.exit("error: the sign-in was denied")
        case "nothing":
            pass
        case _:
            say("Open https://platform.claude.com/oauth/authorize?client_id=ant\\n")
            named = given[given.index("--profile") + 1] if "--profile" in given else "default"
            sign_in(named, "sk-ant-oat01-s3cr3t-marker-ant")
elif given[:2] == ["auth", "print-credentials"]:
    note()
    match mode("success"):
        case "denial":
            sys.exit("error: invalid_grant")
        case "garbage":
            sys.stdout.buffer.write(bytes(range(256)))
        case "elsewhere":
            print("sk-ant-oat01-s3cr3t-marker-kept-elsewhere")
        case "hang":
            time.sleep(300)
        case _:
            time.sleep(0.2)
            sign_in(profile, "sk-ant-oat01-s3cr3t-marker-ant-renewed")
            print("sk-ant-oat01-s3cr3t-marker-ant-renewed")
"""

_SECURITY = """
note()
match mode("none"):
    case "none":
        sys.exit(44)
    case "denial":
        sys.exit(128)
    case "hang":
        time.sleep(300)
    case found:
        print(found)
"""

_SCRIPTS: Mapping[str, str] = {"claude": _CLAUDE, "ant": _ANT, "security": _SECURITY}


@dataclass(frozen=True)
class StandIn:
    """A script in a directory of its own, which belongs on the `PATH`."""

    path: Path

    @property
    def directory(self) -> Path:
        return self.path.parent

    def does(self, mode: str) -> None:
        (self.directory / "mode").write_text(mode)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What it was called with, but for questions that change nothing."""
        calls = self.directory / "calls"
        return [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []


def stand_in(directory: Path, name: str) -> StandIn:
    path = directory / f"{name}-program" / name
    path.parent.mkdir(parents=True)
    path.write_text(_BEGINNING + _SCRIPTS[name])
    path.chmod(0o755)
    return StandIn(path)
