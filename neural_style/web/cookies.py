"""The browser's cookies: which of them the server reads, and the one that tells browsers apart."""

import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Scope

NAME = "neural_style_browser"
VALUE = re.compile(r"[A-Za-z0-9_-]{16,64}")
OWN_COOKIE = re.compile(rf"(?:{NAME}|access-token-[A-Za-z0-9_-]{{1,100}})=[A-Za-z0-9_-]{{16,128}}")
"""This page's cookie, and Gradio's of a login."""


def keep_own(scope: Scope) -> Scope:
    """Return a request's scope without cookies of other servers.

    Parsers of cookies take quadratic time for a malformed header of some kilobytes; what is kept here is well-formed.
    """
    headers = MutableHeaders(raw=list(scope["headers"]))
    texts = headers.getlist("cookie")
    del headers["cookie"]
    parts = [part.strip() for text in texts for part in text.split(";")]
    own = [part for part in parts if OWN_COOKIE.fullmatch(part)]
    if own:
        headers["cookie"] = "; ".join(own)
    return {**scope, "headers": headers.raw}


def browser_of(scope: Scope) -> str | None:
    """Return the value of the browser's cookie; None without a valid one. The scope is of `keep_own`."""
    for part in Headers(scope=scope).get("cookie", "").split("; "):
        name, _, value = part.partition("=")
        if name == NAME and VALUE.fullmatch(value):
            return value
    return None


def make(is_secure: bool) -> str:
    """Return the header that gives a browser its cookie."""
    secure = "; Secure" if is_secure else ""
    return f"{NAME}={secrets.token_urlsafe(24)}; Path=/; HttpOnly; SameSite=Lax{secure}"
