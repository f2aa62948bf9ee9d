"""What another program of the same person may ask of the server: it proves itself by the token in the lock file."""

from __future__ import annotations

import hmac

from ..errors import ProxyError

TOKEN_HEADER = b"x-cliproxyapi-token"


class TokenRefused(ProxyError):
    """The token of the lock file is missing or wrong."""

    status, code = 403, "control_token_refused"
    title = "A program tried to control the proxy"


def check_token(given: str | None, token: str) -> None:
    """Raise TokenRefused unless `given` is the server's own `token`; an empty one opens nothing."""
    if not token or given is None or not hmac.compare_digest(given.encode(), token.encode()):
        raise TokenRefused(
            "This needs the token that lies in the proxy's lock file, in the header x-cliproxyapi-token."
        )
