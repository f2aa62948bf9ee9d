"""Signing in with an OAuth app of one's own: the authorization code flow for native apps (RFC 8252), with PKCE.

The browser is the person's own, the answer comes to a listener on this machine, and what a listener cannot get (a
browser on another machine) can be pasted: the address at which the browser ended, or `code#state`.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from ..errors import ProxyError
from ..settings import Settings
from .desk import Conversation, Kind, SignInFailed
from .loopback import Answer, LoopbackListener, Page
from .own_oauth import OwnOAuth, OwnSignIn
from .token_endpoint import Granted, ProviderFailed, TokenEndpoint, TokenRefused

_PATIENCE_SECONDS = 600.0
_TICK_SECONDS = 0.2
_START_AGAIN = "Start the sign-in again."


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """The app that the person's organisation registered. A native app keeps no secret, so there is none."""

    client_id: str
    authorize_url: str
    token_url: str
    scopes: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> OAuthApp:
        """Raises SignInFailed, with the settings that are missing."""
        client_id, authorize, token = settings.oauth_client_id, settings.oauth_authorize_url, settings.oauth_token_url
        if client_id and authorize and token:
            return cls(client_id, authorize, token, settings.oauth_scopes)
        given = {"oauth_client_id": client_id, "oauth_authorize_url": authorize, "oauth_token_url": token}
        missing = [name for name, value in given.items() if not value]
        names = " and ".join([", ".join(missing[:-1]), missing[-1]] if len(missing) > 1 else missing)
        raise SignInFailed(
            f"Set {names} in the settings first: they come with the OAuth app that your organisation registered."
        )


@dataclass(frozen=True, slots=True)
class Attempt:
    """One walk to the provider and back, and what makes its answer ours: the state that only we know, and the verifier
    without which the code is worth nothing."""

    app: OAuthApp
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)

    @classmethod
    def new(cls, app: OAuthApp, redirect_uri: str) -> Attempt:
        return cls(app, redirect_uri, secrets.token_urlsafe(32), secrets.token_urlsafe(64))

    @property
    def url(self) -> str:
        """Where the person consents."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        fields = {
            "response_type": "code",
            "client_id": self.app.client_id,
            "redirect_uri": self.redirect_uri,
            **({"scope": " ".join(self.app.scopes)} if self.app.scopes else {}),
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(self.app.authorize_url).query else "?"
        return f"{self.app.authorize_url}{joint}{urlencode(fields)}"

    def form(self, code: str) -> Mapping[str, str]:
        """What turns `code` into tokens. Anthropic's endpoint wants the state as well; others ignore what they do not
        know, as RFC 6749 3.2 demands."""
        return {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.app.client_id,
            "code_verifier": self.verifier,
            "state": self.state,
        }


def pasted_answer(text: str) -> Answer:
    """What a person copied: the address at which the browser ended, its query, or `code#state`."""
    text = text.strip()
    if "://" in text or text.startswith(("?", "code=", "error=", "state=")):
        return Answer.from_query(text.partition("?")[2].partition("#")[0] if "?" in text else text)
    code, _, state = text.partition("#")
    return Answer(code or None, state or None)


class OAuthSignIn:
    """The whole sign-in, as a method of the desk."""

    kind: Kind = "oauth"

    def __init__(
        self,
        settings: Callable[[], Settings],
        own: OwnOAuth,
        environ: Mapping[str, str],
        *,
        open_browser: Callable[[str], bool] | None,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        """`open_browser` says whether it could; None where none is wanted."""
        self._settings = settings
        self._own = own
        self._environ = environ
        self._open_browser = open_browser
        self._patience = patience

    def run(self, conversation: Conversation) -> str:
        app = OAuthApp.of(self._settings())
        with LoopbackListener() as listener:
            attempt = Attempt.new(app, listener.redirect_uri)
            self._send_there(conversation, attempt.url)
            answer = self._wait(conversation, listener, attempt)
            try:
                message = self._take(answer, attempt)
            except ProxyError as error:
                listener.show(Page(False, "The sign-in did not work", error.message))
                raise
            except OSError:
                listener.show(Page(False, "The sign-in did not work", "The tokens could not be stored."))
                raise
            listener.show(Page(True, "You are signed in", "CLIProxyAPI has what it needs. You can close this tab."))
        return message

    def _send_there(self, conversation: Conversation, url: str) -> None:
        conversation.show_url(url)
        if self._open_browser is not None and self._open_browser(url):
            conversation.say("A browser opens with your organisation's sign-in page.")
            conversation.say("If it runs on another machine: when it ends at 127.0.0.1, paste that address here.")
        else:
            conversation.say("Open the address in a browser and agree.")
            conversation.say("If that browser runs on another machine, it ends at 127.0.0.1: paste that address here.")

    def _wait(self, conversation: Conversation, listener: LoopbackListener, attempt: Attempt) -> Answer:
        """The answer of a browser, whatever it says, or one that was pasted and belongs to this attempt."""
        until = time.monotonic() + self._patience
        while time.monotonic() < until:
            if (answer := listener.answer()) is not None:
                return answer
            pasted = conversation.wait_for_code(_TICK_SECONDS)
            if pasted is None:
                continue
            answer = pasted_answer(pasted)
            if answer.answers(attempt.state):
                return answer
            conversation.say(
                "This is not the answer to this sign-in. Paste the whole address at which the browser ended, or the "
                "code together with what stands behind it, as code#state."
            )
        minutes = max(1, round(self._patience / 60))
        raise SignInFailed(f"Nobody agreed within {minutes} minutes. {_START_AGAIN}")

    def _take(self, answer: Answer, attempt: Attempt) -> str:
        if not answer.answers(attempt.state):
            raise SignInFailed(
                f"The browser brought an answer without this sign-in's state, so it was not trusted. {_START_AGAIN}"
            )
        if answer.error == "access_denied":
            raise SignInFailed("You did not agree, so nothing changed. Sign in again if you change your mind.")
        if answer.error is not None or answer.code is None:
            code = answer.error if answer.error and re.fullmatch(r"[a-z_]{1,60}", answer.error) else "an error"
            raise SignInFailed(f"The sign-in page of your organisation answered with {code}. {_START_AGAIN}")
        app = attempt.app
        granted = self._exchange(app, attempt.form(answer.code))
        now = self._own.now()
        blank = OwnSignIn(app.client_id, app.token_url, "", None, now, scopes=app.scopes)
        place = self._own.keep(blank.renewed(granted, now))
        who = f" as {granted.account}" if granted.account else ""
        return f"You are signed in{who} with your organisation's OAuth app. The tokens are in {place}."

    def _exchange(self, app: OAuthApp, form: Mapping[str, str]) -> Granted:
        try:
            return TokenEndpoint(app.token_url, self._environ).ask(form)
        except TokenRefused as error:
            raise SignInFailed(f"The provider did not accept the code ({error}). {_START_AGAIN}") from error
        except ProviderFailed as error:
            host = urlsplit(app.token_url).hostname
            raise SignInFailed(f"{host} gave no tokens: {error}. Check the network, and start again.") from error
