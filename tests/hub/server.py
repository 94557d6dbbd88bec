"""A Hub on the loopback interface: two HTTP servers, one for the Hub and one for the storage behind it."""

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
from hub.exchange import ConnectionHandler, Origin, Request, Response, compress_response
from hub.faults import Fault, FaultOptions, Faults, Unreliability
from hub.files import FileRoutes
from hub.gitstore import LFS_PATTERNS
from hub.repository import Files as FileSet
from hub.repository import Gate, Kind, Repository


class _Port(ThreadingHTTPServer):
    """A server on one port; ``stop`` also closes the connections that clients keep alive."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, origin: Origin, hub: LoopbackHub, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), type("PortSocket", (ConnectionHandler,), {"origin": origin, "hub": hub}))
        self._open: set[socket.socket] = set()
        # A certificate is issued for a name.
        scheme_and_host = "https://localhost" if tls else "http://127.0.0.1"
        self.url = f"{scheme_and_host}:{self.server_port}"
        self.tls = tls

    def finish_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Serve one connection, in its own thread."""
        assert isinstance(request, socket.socket)
        if self.tls:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError:  # a client that does not trust the certificate ends the handshake
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
    """A Hugging Face Hub on the loopback interface; a context manager that serves within its block.

    Attributes:
        endpoint: the address of the Hub, for ``HF_ENDPOINT``.
        cdn: the address of the storage.
        requests: every request to both servers, in order.

    Args:
        tls: The context to serve https under the name ``localhost``, as the real Hub does; None for plain http. The
            client maps a 401 without a code to "repository not found" for https addresses only.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.access = Access()
        self.api = Api(self.access)
        self.files = FileRoutes(self.access)
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
        """Create a repository with one commit on ``main``.

        Args:
            id: ``owner/name``, or a bare ``name``.
            files: a mapping of path to bytes, text or a file on disk; or a folder on disk.
            kind: ``model`` or ``dataset``.
            private: whether only accounts with access see it.
            gated: whether downloads need a grant.
            disabled: whether nothing can be downloaded.
            lfs: the name patterns of the files kept in LFS; files above 10 MB are kept there as well.
            message: the message of the commit.
        """
        repository = Repository(id, kind, private, gated, disabled, lfs=lfs)
        repository.commit(files, message=message)
        self.access.repositories[kind, id] = repository
        return repository

    def add_user(self, name: str, *, token: str, reads: Sequence[str] = (), granted: Sequence[str] = ()) -> User:
        """Create an account with a token; ``reads`` and ``granted`` are ids of private and of gated repositories."""
        user = self.access.users[token] = User(name, token, set(reads), set(granted))
        return user

    def rename_repository(self, old: str, new: str, *, kind: Kind = "model") -> None:
        """Rename a repository; requests for its former name are redirected."""
        repository = self.access.repositories.pop((kind, old))
        repository.id = new
        self.access.repositories[kind, new] = repository
        self.access.moved[kind, old] = new

    @property
    def page_size(self) -> int | None:
        """Entries on one page of a listing; None: as many as the real Hub gives."""
        return self.api.page_size

    @page_size.setter
    def page_size(self, size: int | None) -> None:
        self.api.page_size = size

    def inject_fault(self, match: str = "", **options: Unpack[FaultOptions]) -> Fault:
        """Change the answers to requests whose path contains ``match``, as ``hub.faults.Fault`` describes."""
        return self._faults.add(Fault(match, **options))

    def make_unreliable(self, seed: int, share: float = 0.05) -> Unreliability:
        """Let a share of all answers fail, drawn by a seed."""
        fault = Unreliability(seed=seed, share=share)
        self._faults.add(fault)
        return fault

    def inject_rate_limit(
        self, match: str = "", *, wait: int = 0, times: int | None = 1, retry_after: bool = False
    ) -> Fault:
        """Answer 429 with the Hub's ``RateLimit`` header, or with ``Retry-After``.

        Args:
            match: a part of the path of the requests.
            wait: the seconds that the client is asked to wait.
            times: how many requests are refused; None: every one.
            retry_after: whether to use ``Retry-After``.
        """
        headers: Mapping[str, str | None] = (
            {"Retry-After": str(wait)} if retry_after else {"RateLimit": f'"api";r=0;t={wait}'}
        )
        return self.inject_fault(match, status=429, times=times, headers=headers)

    def clear_faults(self) -> None:
        """Remove every fault."""
        self._faults.clear()

    def list_requests(self, origin: Origin) -> list[Request]:
        """List the requests to one of the two servers."""
        return [request for request in self.requests if request.origin == origin]

    def answer(self, request: Request) -> Response:
        """Answer one request, with the headers of the Hub and the injected faults; called by a connection's thread."""
        try:
            response = self._route(request)
        except RefusedError as refusal:
            response = refusal.build_response(request)
        if request.origin == "hub":
            bucket, quota = ("resolvers", 3000) if "/resolve" in request.path else ("api", 500)
            hub_headers = {
                "RateLimit": f'"{bucket}";r={quota - 1};t=300',
                "RateLimit-Policy": f'"fixed window";"{bucket}";q={quota};w=300',
                "X-Request-Id": f"Root=1-{len(self.requests):08x}",
            }
            response.headers = hub_headers | response.headers
        return compress_response(request, self._faults.apply(request, response))

    def record(self, request: Request) -> None:
        """Log one request; called before the answer's first byte is sent."""
        self.requests.append(request)

    def _route(self, request: Request) -> Response:
        """Answer a request by its route. Raises ``RefusedError``."""
        if request.origin == "cdn":
            return self.files.serve_stored(request)
        if request.path.startswith("/api/resolve-cache/"):
            return self.files.serve_cached(request)
        if request.path.startswith("/api/"):
            return self.api.answer(request)
        if "/resolve/" in request.path:
            return self.files.redirect_or_serve(request)
        raise RefusedError(404, "Sorry, we can't find the page you are looking for.")
