"""A Hub on the loopback interface: two real HTTP servers, one for the Hub and one for the storage behind it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Unpack

from hub.access import Access, RefusedError, User
from hub.api import Api
from hub.exchange import Origin, Request, Response, Socket, compressed
from hub.faults import Fault, Faults, Harm
from hub.files import Files
from hub.gitstore import LFS_PATTERNS
from hub.repository import Files as FileSet
from hub.repository import Gate, Kind, Repository


class _Port(ThreadingHTTPServer):
    """One listening port, which on closing also ends the connections that clients keep alive."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, origin: Origin, hub: LoopbackHub, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), type("PortSocket", (Socket,), {"origin": origin, "hub": hub}))
        self._open: set[socket.socket] = set()
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://{'localhost' if tls else '127.0.0.1'}:{self.server_port}"
        self.tls = tls

    def finish_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Serve one connection, in its own thread."""
        assert isinstance(request, socket.socket)
        if self.tls:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError:
                return
        self._open.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            self._open.discard(request)
            request.close()

    def stop(self) -> None:
        """Stop listening and break every open connection."""
        self.shutdown()
        self.server_close()
        for each in list(self._open):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class LoopbackHub:
    """A Hugging Face Hub that holds the repositories it is given.

    Use it as a context manager; ``endpoint`` is what ``HF_ENDPOINT`` would be. Every request is kept in ``requests``.

    Args:
        tls: Serve https under the name ``localhost`` with this context, as the real Hub does; default plain http. The
            client maps a 401 without a code to "repository not found" for https addresses only.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.access = Access()
        self.api = Api(self.access)
        self.files = Files(self.access)
        self.requests: list[Request] = []
        self._faults = Faults()
        self._ports: dict[Origin, _Port] = {"hub": _Port("hub", self, tls), "cdn": _Port("cdn", self, tls)}
        self.endpoint = self.api.endpoint = self._ports["hub"].url
        self.cdn = self.files.cdn = self._ports["cdn"].url

    def __enter__(self) -> LoopbackHub:
        for port in self._ports.values():
            threading.Thread(target=port.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for port in self._ports.values():
            port.stop()

    def add_repository(
        self,
        id: str,
        files: FileSet,
        *,
        kind: Kind = "model",
        private: bool = False,
        gated: Gate = False,
        disabled: bool = False,
        lfs: Sequence[str] = LFS_PATTERNS,
        message: str = "initial commit",
    ) -> Repository:
        """Create a repository whose ``main`` holds the files of a mapping (path -> bytes, text or path) or of a folder.

        ``lfs`` are the name patterns of the files kept in LFS, besides everything above 10 MB.
        """
        made = Repository(id, kind, private, gated, disabled, lfs=lfs)
        made.commit(files, message=message)
        self.access.repositories[kind, id] = made
        return made

    def add_user(self, name: str, *, token: str, reads: Sequence[str] = (), granted: Sequence[str] = ()) -> User:
        """Create an account with a token, private repositories that it may read and gates that it has passed."""
        user = self.access.users[token] = User(name, token, set(reads), set(granted))
        return user

    def rename(self, old: str, new: str, *, kind: Kind = "model") -> None:
        """Rename a repository; its former name redirects."""
        moved = self.access.repositories.pop((kind, old))
        moved.id = new
        self.access.repositories[kind, new] = moved
        self.access.moved[kind, old] = new

    @property
    def page(self) -> int | None:
        """Entries on one page of a listing; None: as many as the real Hub gives."""
        return self.api.page

    @page.setter
    def page(self, size: int | None) -> None:
        self.api.page = size

    def fault(self, match: str = "", **harm: Unpack[Harm]) -> Fault:
        """Make something go wrong; see ``hub.faults.Fault``. The returned fault counts its ``hits``."""
        return self._faults.add(Fault(match, **harm))

    def rate_limit(self, match: str = "", *, wait: int = 0, times: int | None = 1, retry_after: bool = False) -> Fault:
        """Answer 429 with the Hub's ``RateLimit`` headers, or with ``Retry-After``; ``wait`` is in seconds."""
        headers: Mapping[str, str | None] = (
            {"Retry-After": str(wait)} if retry_after else {"RateLimit": f'"api";r=0;t={wait}'}
        )
        return self.fault(match, status=429, times=times, headers=headers)

    def clear_faults(self) -> None:
        """Lift every fault."""
        self._faults.clear()

    def of(self, origin: Origin) -> list[Request]:
        """The requests that one of the two origins received."""
        return [request for request in self.requests if request.origin == origin]

    def answer(self, request: Request) -> Response:
        """Answer one request; called by the connection's thread."""
        try:
            response = self._route(request)
        except RefusedError as refusal:
            response = refusal.answer(request)
        if request.origin == "hub":
            bucket, quota = ("resolvers", 3000) if "/resolve" in request.path else ("api", 500)
            ours = {"RateLimit": f'"{bucket}";r={quota - 1};t=300', "X-Request-Id": f"Root=1-{len(self.requests):08x}"}
            ours["RateLimit-Policy"] = f'"fixed window";"{bucket}";q={quota};w=300'
            response.headers = ours | response.headers
        return compressed(request, self._faults.apply(request, response))

    def record(self, request: Request) -> None:
        """Log one request; called before the answer's first byte is sent."""
        self.requests.append(request)

    def _route(self, request: Request) -> Response:
        if request.origin == "cdn":
            return self.files.stored(request)
        if request.path.startswith("/api/resolve-cache/"):
            return self.files.resolve_cache(request)
        if request.path.startswith("/api/"):
            return self.api.answer(request)
        if "/resolve/" in request.path:
            return self.files.resolve(request)
        raise RefusedError(404, "Sorry, we can't find the page you are looking for.")
