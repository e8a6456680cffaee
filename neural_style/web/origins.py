"""Checks that requests come from the page itself, under a name of this server.

Without this check a web site could point its own name at the page's address (DNS rebinding) and use the visitor's
browser to reach the page.
"""

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from neural_style.web.refusal import Refusal


class OriginCheck:
    """Knows the names of this server."""

    def __init__(self, host_names: Sequence[str], is_public: bool):
        """
        Args:
          host_names: names besides addresses, localhost and the machine's own.
          is_public: whether any name is allowed, as for a page that Gradio's servers share.
        """
        machine = socket.gethostname().lower()
        self._configured = {name.lower() for name in host_names}
        self._names = {"localhost", machine, f"{machine}.local", *self._configured}
        self._is_public = is_public

    def check(self, headers: Headers) -> None:
        """Check the headers Host and Origin.

        Raises:
          Refusal: the request is addressed to another name, or sent by another page.
        """
        hosts = headers.getlist("host")
        if len(hosts) != 1:
            raise Refusal(400, "Expected one Host header.")
        host = hosts[0].lower()
        if not self._is_own_name(_name_of(host)):
            raise Refusal(403, "This page does not have that name: open it by its address, or see --host_names.")
        for origin in headers.getlist("origin"):
            self._check_origin(origin.lower(), host)

    def _check_origin(self, origin: str, host: str) -> None:
        netloc = origin.partition("://")[2]
        is_same = netloc == host
        if not is_same and _name_of(netloc) not in self._configured:
            raise Refusal(403, "This request was sent by another page.")

    def _is_own_name(self, name: str) -> bool:
        if self._is_public or name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True  # DNS rebinding needs a name


def _name_of(netloc: str) -> str:
    """Return the host without its port; empty if malformed."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""
