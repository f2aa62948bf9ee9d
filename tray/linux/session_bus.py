"""The session bus: the desktop's own line between its programs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dbus_fast import AuthError, DBusError, InvalidAddressError, Message, MessageFlag, MessageType
from dbus_fast.aio import MessageBus

# A bus that does not answer in this time has other problems than our icon.
CONNECT_SECONDS = 2.0

_DBUS = "org.freedesktop.DBus"
_PROPERTIES = "org.freedesktop.DBus.Properties"
# What connecting raises where there is no bus, or one that does not let us in.
BUS_ERRORS = (OSError, EOFError, AuthError, DBusError, InvalidAddressError, TimeoutError)


def address(environment: Mapping[str, str]) -> str | None:
    """Where the bus listens. It is not started where none runs: a bus of our own would have no panel."""
    if named := environment.get("DBUS_SESSION_BUS_ADDRESS"):
        return named
    usual = Path(environment.get("XDG_RUNTIME_DIR", "/nonexistent")) / "bus"
    return f"unix:path={usual}" if usual.exists() else None


async def connect(environment: Mapping[str, str] = os.environ) -> MessageBus:
    """Raises one of BUS_ERRORS."""
    found = address(environment)
    if found is None:
        raise FileNotFoundError("no session bus is known")
    return await asyncio.wait_for(MessageBus(found).connect(), CONNECT_SECONDS)


async def call(
    bus: MessageBus,
    destination: str,
    path: str,
    member: str,
    signature: str = "",
    *body: object,
    may_start: bool = False,
) -> list[object]:
    """The reply to a method of the interface that is named like its destination, which is started only if it may be.

    Raises DBusError where the reply is one, and others of BUS_ERRORS where the bus is gone.
    """
    message = Message(
        destination=destination,
        path=path,
        interface=destination,
        member=member,
        signature=signature,
        body=list(body),
        flags=MessageFlag.NONE if may_start else MessageFlag.NO_AUTOSTART,
    )
    return await _reply(bus, message)


async def _reply(bus: MessageBus, message: Message) -> list[Any]:
    reply = await bus.call(message)
    if reply.message_type is MessageType.ERROR:
        raise DBusError(reply.error_name or "", str(reply.body[0]) if reply.body else "", reply)
    return reply.body


async def read_property(bus: MessageBus, destination: str, path: str, name: str) -> Any:
    """A property of the interface that is named like its destination. Raises what `call` does."""
    message = Message(
        destination=destination,
        path=path,
        interface=_PROPERTIES,
        member="Get",
        signature="ss",
        body=[destination, name],
        flags=MessageFlag.NO_AUTOSTART,
    )
    return (await _reply(bus, message))[0].value


async def is_owned(bus: MessageBus, name: str) -> bool:
    """Whether a program has that name on the bus."""
    return bool((await call(bus, _DBUS, "/org/freedesktop/DBus", "NameHasOwner", "s", name))[0])


async def follow_owner(bus: MessageBus, name: str) -> None:
    """Have NameOwnerChanged of that name sent to us."""
    rule = f"type='signal',sender='{_DBUS}',member='NameOwnerChanged',arg0='{name}'"
    await call(bus, _DBUS, "/org/freedesktop/DBus", "AddMatch", "s", rule)


def new_owner(message: Message, name: str) -> bool:
    """Whether this message says that another program has the name now."""
    if message.message_type is not MessageType.SIGNAL or message.member != "NameOwnerChanged":
        return False
    return message.sender == _DBUS and message.body[0] == name and bool(message.body[2])
