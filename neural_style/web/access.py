"""Middleware before Gradio's server: visitors reach the page, its files and its functions, and nothing else."""

import json
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from neural_style.web import bodies, cookies
from neural_style.web.bodies import EventFunction
from neural_style.web.logins import LoginLimit
from neural_style.web.origins import OriginCheck
from neural_style.web.refusal import Refusal
from neural_style.web.sessions import Sessions
from neural_style.web.shares import Turns, subnet_of_request
from neural_style.web.uploads import UploadFolder, is_plain_path

API = "/gradio_api/"
FILE = f"{API}file="
PAGES = ("/", "/config", "/login", "/login/", "/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json")
FOLDERS = ("/assets/", "/static/", "/svelte/")
OPEN_CALLS = ("startup-events", "login_check", "theme.css")
"""Calls of Gradio's interface that need no login and have no body. The page uses few others, see `_find_handler`.
The rest is closed: it fetches addresses, shows the queue, records, runs code, or ends other visitors' runs."""
MAX_LOGIN_BYTES = 4096
MAX_PAGES_OF_SUBNET = 8
"""Pages that Gradio makes at the same time for one subnet; further requests wait."""
CONTENT_POLICY = "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; frame-ancestors 'self'"
"""Browsers load nothing from elsewhere: the page works without the internet, and tells nobody of its visitors."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


class FileAccessMiddleware:
    """ASGI middleware that answers or refuses requests before Gradio sees them."""

    def __init__(
        self,
        app: ASGIApp,
        folder: UploadFolder,
        sessions: Sessions,
        functions: dict[int, EventFunction],
        origins: OriginCheck,
        has_password: bool,
        is_public: bool,
    ):
        """
        Args:
          app: Gradio's server.
          folder: holds uploads and results.
          sessions: tracks who is connected.
          functions: the page's functions by number.
          origins: knows the names of this server.
          has_password: whether visitors must log in.
          is_public: whether the page loads files from Gradio's servers, as a shared one does.
        """
        self._app = app
        self._folder = folder
        self._sessions = sessions
        self._functions = functions
        self._origins = origins
        self._has_password = has_password
        self._is_public = is_public
        self._logins = LoginLimit()
        self._turns = Turns(MAX_PAGES_OF_SUBNET)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        scope = cookies.keep_own(scope)
        send = self._add_headers(scope, send)
        try:
            self._origins.check(Headers(scope=scope))
            handler = self._find_handler(scope["method"], scope["path"])
            await handler(scope, receive, send)
        except Refusal as refusal:
            headers = {"Connection": "close"}  # the rest of the request is not read
            await PlainTextResponse(str(refusal), refusal.status, headers)(scope, receive, send)

    def _find_handler(self, method: str, path: str) -> Handler:
        """Return what answers a path.

        Raises:
          Refusal: there is nothing for visitors.
        """
        if not is_plain_path(path):
            raise Refusal(400, "Expected a shorter address, of plain text.")
        if method == "POST":
            handler = self._post_handlers().get(path.removesuffix("/"))
        elif method in ("GET", "HEAD"):
            handler = self._get_handlers().get(path) or self._find_file_handler(path)
        else:
            raise Refusal(405, "Expected GET or POST.")
        if handler is None:
            raise Refusal(404, "There is nothing here.")
        return handler

    def _post_handlers(self) -> dict[str, Handler]:
        return {
            "/login": self._log_in,
            f"{API}upload": self._upload,
            f"{API}queue/join": self._call_function,
        }

    def _get_handlers(self) -> dict[str, Handler]:
        return {
            f"{API}queue/data": self._stream_answers,
            f"{API}upload_progress": self._report_upload,
            "/logout": self._log_out,
        }

    def _find_file_handler(self, path: str) -> Handler | None:
        if path.startswith(FILE):
            return self._send_file if self._folder.contains(path.removeprefix(FILE)) else None
        is_call = path.startswith(API) and path.removeprefix(API) in OPEN_CALLS
        is_asset = path.startswith(FOLDERS) and ".." not in path
        if is_call or path in PAGES:
            return self._make_page
        return self._pass_on if is_asset else None

    async def _make_page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets Gradio make a page, when it is the subnet's turn."""
        async with self._turns.take(subnet_of_request(scope)):
            await self._pass_on(scope, receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets Gradio answer, without the query: it could name a file (a deep link)."""
        await self._app({**scope, "query_string": b""}, receive, send)

    async def _send_file(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._check_login(scope)
        await self._pass_on(scope, receive, send)

    async def _log_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets Gradio check the password, if there were not too many attempts."""
        with self._logins.attempt(subnet_of_request(scope), cookies.browser_of(scope)) as mark_correct:
            body = await bodies.read_body(receive, MAX_LOGIN_BYTES)

            async def watch(message: Message) -> None:
                if message.get("status") == 200:
                    mark_correct()
                await send(message)

            await self._app({**scope, "query_string": b""}, bodies.replay(body, receive), watch)

    async def _log_out(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ends the login of this browser. Gradio ends those of all browsers of a user unless it is told not to."""
        await self._app({**scope, "query_string": b"all_session=false"}, receive, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._check_login(scope)
        path = await self._folder.receive(scope, receive)
        await JSONResponse([path])(scope, receive, send)

    async def _report_upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tells the browser not to wait for progress: uploads are small."""
        message = 'data: {"msg": "done"}\n\n'
        await PlainTextResponse(message, media_type="text/event-stream")(scope, receive, send)

    async def _call_function(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on an event of the page; its answers go to the session's stream."""
        await self._check_login(scope)
        body = await bodies.read_body(receive)
        event = bodies.parse_event(body, self._functions, self._folder.contains)
        session = event["session_hash"]
        self._sessions.claim(session, _owner_of(scope))
        self._sessions.expect(session, subnet_of_request(scope))
        await self._app({**scope, "query_string": b""}, bodies.replay(json.dumps(event).encode(), receive), send)

    async def _stream_answers(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answers of a session's functions, as they come. While it is open, the visitor is present."""
        await self._check_login(scope)
        try:
            query = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=10)
        except ValueError as error:
            raise Refusal(400, "Expected a session.") from error
        session = bodies.check_session(query.get("session_hash", [None])[0])
        with self._sessions.open_stream(session, _owner_of(scope), subnet_of_request(scope)):
            await self._app({**scope, "query_string": f"session_hash={session}".encode()}, receive, send)

    async def _check_login(self, scope: Scope) -> None:
        """Asks Gradio whether the visitor has logged in, before anything of the request is read.

        Raises:
          Refusal: not logged in.
        """
        if not self._has_password:
            return
        path = f"{API}login_check"
        statuses = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        question = {"method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
        await self._app({**scope, **question}, receive, send)
        if statuses != [200]:
            raise Refusal(401, "Log in first.")

    def _add_headers(self, scope: Scope, send: Send) -> Send:
        """Add headers that protect visitors, and the cookie that tells browsers apart."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if not self._is_public:
                    headers["Content-Security-Policy"] = CONTENT_POLICY
                if scope["path"] in ("/", "/config") and cookies.browser_of(scope) is None:
                    headers.append("Set-Cookie", cookies.make(scope["scheme"] == "https"))
            await send(message)

        return send_with_headers


def _owner_of(scope: Scope) -> str:
    """Return what tells a browser from others: its cookie, or without one its subnet."""
    return cookies.browser_of(scope) or f"subnet {subnet_of_request(scope)}"
