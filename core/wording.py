"""The words that the proxy itself puts into a conversation: few, plain, and all of them here.

Claude reads them beside the person's own, so each says no more than what the request meant anyway.
"""

from __future__ import annotations

# For an answer that was begun, on models that cannot be made to go on with their own words.
CONTINUE = "Continue exactly from where you stopped."
# Before a history that begins with an answer, as it does after a client cut it short.
RESUMED = "(conversation resumed)"
# Before an instruction in the middle of the conversation, on models that take none there.
OPERATOR_NOTE = "[Operator note]"
# The result of a call that never got one, because somebody interrupted it.
NO_RESULT = "No result was provided (interrupted)"
# Before a result whose call is not in the history any more.
ORPHAN_RESULT = "[tool result without matching call]"

ONE_JSON_OBJECT = "Respond with a single JSON object only, no code fence."


def one_json_object_like(schema: str) -> str:
    """As `ONE_JSON_OBJECT`, for a schema (as JSON) that cannot be enforced."""
    return f"{ONE_JSON_OBJECT} It must match this JSON Schema: {schema}"


def must_call(tool: str | None) -> str:
    """For models that cannot be forced to call a tool. None: any of them."""
    return f"You must call the tool {tool}." if tool else "You must call one of the tools."
