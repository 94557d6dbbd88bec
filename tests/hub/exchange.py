"""Requests, responses and ranges, and the thread that carries them over a socket."""

from __future__ import annotations

import gzip
import json
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler
from typing import Literal, Protocol
from urllib.parse import parse_qs, urlsplit

from hub.gitstore import Content, chunks, length

Origin = Literal["hub", "cdn"]
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(slots=True)
class Request:
    """One request as it arrived, and what became of it.

    ``path`` is the raw path (still percent-encoded, no query); ``status`` is the answer's; ``sent`` counts the bytes of
    body that were written to the socket.
    """

    origin: Origin
    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    body: bytes = b""
    status: int = 0
    sent: int = 0
    target: str = ""

    def flag(self, name: str) -> bool:
        """Whether a query parameter is set to something true."""
        return self.query.get(name, [""])[-1].lower() in ("true", "1")

    @property
    def token(self) -> str | None:
        """The bearer token that the request carries."""
        value = self.headers.get("Authorization", "")
        return value.removeprefix("Bearer ") if value.startswith("Bearer ") else None


@dataclass(frozen=True, slots=True)
class Body:
    """The part ``start:stop`` of a content; ``flip`` is the offset, in the whole file, of a byte to invert."""

    content: Content = b""
    start: int = 0
    stop: int = 0
    flip: int | None = None

    @classmethod
    def whole(cls, content: Content) -> Body:
        """All of a content."""
        return cls(content, 0, length(content))

    def __len__(self) -> int:
        return self.stop - self.start

    def pieces(self) -> Iterator[bytes]:
        """The bytes to send, in order."""
        at = self.start
        for piece in chunks(self.content, self.start, self.stop):
            if self.flip is not None and at <= self.flip < at + len(piece):
                damaged = bytearray(piece)
                damaged[self.flip - at] ^= 0xFF
                piece = bytes(damaged)
            at += len(piece)
            yield piece


@dataclass(slots=True)
class Response:
    """What to answer, and how badly: see ``hub.faults`` for the last three fields.

    ``entry`` is the path in the repository of the file that the answer is about.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Body = field(default_factory=Body)
    entry: str = ""
    delay: float = 0.0
    drop_after: int | None = None
    rate: int | None = None


class Hub(Protocol):
    """What a socket needs from the server behind it."""

    def answer(self, request: Request) -> Response: ...

    def record(self, request: Request) -> None: ...


def as_json(data: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    body = json.dumps(data, default=str).encode()
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Response(status, kind | dict(headers or {}), Body.whole(body))


def in_range(response: Response, header: str | None) -> Response:
    """Narrow a whole-file answer to the one range that a ``Range`` header asks for (RFC 9110, section 14).

    A header that is malformed or names several ranges is ignored, as RFC 9110 allows and storage services do.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.group(0) == "bytes=-":
        return response
    size = len(response.body)
    first, last = match.group(1), match.group(2)
    start, stop = (int(first), int(last) + 1 if last else size) if first else (max(0, size - int(last)), size)
    stop = min(stop, size)
    if first and last and int(last) < int(first):
        return response
    if start >= size or stop <= start:
        headers = {"Content-Range": f"bytes */{size}"} | {k: v for k, v in response.headers.items() if k[0] == "X"}
        return Response(416, headers, entry=response.entry)
    response.status = 206
    response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    response.body = Body(response.body.content, start, stop)
    return response


def compressed(request: Request, response: Response) -> Response:
    """Compress a whole text file as the Hub does for a client that accepts gzip; its length is then not announced."""
    text = response.headers.get("Content-Type", "").startswith("text/plain")
    accepted = request.headers.get("Accept-Encoding", "")
    whole = request.method == "GET" and "Range" not in request.headers and response.status == 200
    if whole and text and response.entry and "gzip" in accepted and "Content-Length" not in response.headers:
        packed = gzip.compress(b"".join(response.body.pieces()), mtime=0)
        response.headers |= {"Content-Encoding": "gzip", "Transfer-Encoding": "chunked"}
        response.body = Body.whole(packed)
    return response


class Socket(BaseHTTPRequestHandler):
    """Serves the requests of one connection; ``origin`` and ``hub`` are set by the server that owns the port."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60
    origin: Origin
    hub: Hub

    def version_string(self) -> str:
        """Name the server as the Hub's front does."""
        return "CloudFront" if self.origin == "cdn" else "huggingface-moon"

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: the request log is ``LoopbackHub.requests``."""

    def handle(self) -> None:
        """Serve until the peer leaves; a peer that breaks off is no error of ours."""
        try:
            super().handle()
        except (ConnectionError, TimeoutError, ssl.SSLError):
            self.close_connection = True

    def finish(self) -> None:
        """Close quietly even if the peer is gone."""
        try:
            super().finish()
        except (ConnectionError, TimeoutError, ssl.SSLError):
            self.close_connection = True

    def _serve(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = parse_qs(url.query, keep_blank_values=True)
        request = Request(self.origin, self.command, url.path, query, self.headers, body, target=self.path)
        response = self.hub.answer(request)
        request.status = response.status
        self.hub.record(request)
        if response.delay:
            time.sleep(response.delay)
        self._send(request, response)

    def _send(self, request: Request, response: Response) -> None:
        chunked = response.headers.get("Transfer-Encoding") == "chunked"
        if not chunked and response.status != 304:
            announced = response.headers.setdefault("Content-Length", str(len(response.body)))
            # a false length would leave the peer waiting for bytes that never come
            self.close_connection |= announced != str(len(response.body))
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD" or response.status == 304:
            return
        left = response.drop_after
        for piece in response.body.pieces():
            part = piece if left is None else piece[:left]
            request.sent += len(part)
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
            if response.rate:
                self.wfile.flush()
                time.sleep(len(part) / response.rate)
            if left is not None:
                left -= len(part)
                if left <= 0:
                    self._drop()
                    return
        if response.drop_after is not None:
            self._drop()
        elif chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _drop(self) -> None:
        self.wfile.flush()
        self.close_connection = True

    do_GET = do_HEAD = do_POST = _serve  # noqa: N815 - the names that http.server looks for
