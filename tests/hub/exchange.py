"""Requests, responses and ranges, and the handler that reads and writes them on a connection."""

from __future__ import annotations

import gzip
import json
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler
from typing import BinaryIO, Literal, Protocol, cast
from urllib.parse import parse_qs, urlsplit

from hub.gitstore import Content, get_length, read_chunks

Origin = Literal["hub", "cdn"]
Script = Callable[[BinaryIO], None]
"""Writes an answer byte by byte, as no server should; the client's end of the connection ends it."""
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
"""One range of bytes: ``bytes=0-99``, ``bytes=100-`` to the end, or ``bytes=-20`` for the last 20 bytes."""


@dataclass(slots=True)
class Request:
    """One request, and the record of its answer.

    Attributes:
        origin: the server that received it.
        method: GET, HEAD or POST.
        path: the path, still percent-encoded, without the query.
        query: the values of each query parameter.
        headers: its headers.
        body: its body.
        status: the status of the answer.
        sent: how many bytes of the answer's body were written to the connection.
        target: the path with the query, as in the request line.
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
        """Whether the last value of a query parameter is ``true`` or ``1``."""
        return self.query.get(name, [""])[-1].lower() in ("true", "1")

    @property
    def token(self) -> str | None:
        """The bearer token of the request, or None."""
        value = self.headers.get("Authorization", "")
        return value.removeprefix("Bearer ") if value.startswith("Bearer ") else None


@dataclass(frozen=True, slots=True)
class Body:
    """The body of an answer: a part of the content of a file.

    Attributes:
        content: the whole file.
        start: the offset of the first byte to send.
        stop: the offset after the last one.
        flip: the offset, in the whole file, of a byte that is inverted; None for none.
    """

    content: Content = b""
    start: int = 0
    stop: int = 0
    flip: int | None = None

    @classmethod
    def of_content(cls, content: Content) -> Body:
        """Return the body that is the whole content."""
        return cls(content, 0, get_length(content))

    def __len__(self) -> int:
        return self.stop - self.start

    def read_pieces(self) -> Iterator[bytes]:
        """Yield the bytes to send in pieces, with the byte at ``flip`` inverted."""
        offset = self.start
        for chunk in read_chunks(self.content, self.start, self.stop):
            piece = bytearray(chunk)
            if self.flip is not None and offset <= self.flip < offset + len(piece):
                piece[self.flip - offset] ^= 0xFF
            offset += len(piece)
            yield bytes(piece)


@dataclass(slots=True)
class Response:
    """An answer.

    Attributes:
        status: the HTTP status.
        headers: its headers.
        body: its body.
        entry: the path in the repository of the file that it serves or redirects to; empty for other answers.
        delay: seconds to wait before it is sent; set by a fault, as the next two.
        drop_after: the number of bytes of the body after which the connection is closed.
        rate: bytes a second at which the body is sent.
        script: writes the whole answer, head included, to the connection in place of all this.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Body = field(default_factory=Body)
    entry: str = ""
    delay: float = 0.0
    drop_after: int | None = None
    rate: int | None = None
    script: Script | None = None


class Hub(Protocol):
    """The methods that a connection handler calls."""

    def answer(self, request: Request) -> Response: ...

    def record(self, request: Request) -> None: ...


def build_json_response(data: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Build an answer whose body is a value as JSON; values without a JSON type, such as dates, become strings."""
    body = json.dumps(data, default=str).encode()
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Response(status, kind | dict(headers or {}), Body.of_content(body))


def apply_range(response: Response, header: str | None) -> Response:
    """Narrow the answer with a whole file to the range that a ``Range`` header asks for (RFC 9110, section 14).

    Args:
        response: the answer with the whole file; changed in place.
        header: the value of the header; None if the request has none. A header that is malformed or names several
            ranges is ignored, as RFC 9110 allows and storage services do.

    Returns:
        The answer with status 206, or with 416 if the file has no byte in the range.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None:
        return response
    size = len(response.body)
    first, last = match.groups()
    if first and last:
        start, stop = int(first), int(last) + 1
        if stop <= start:
            return response
    elif first:
        start, stop = int(first), size
    elif last:
        start, stop = max(0, size - int(last)), size
    else:
        return response
    stop = min(stop, size)
    if start >= size or stop <= start:
        custom_headers = {name: value for name, value in response.headers.items() if name.startswith("X")}
        return Response(416, {"Content-Range": f"bytes */{size}"} | custom_headers, entry=response.entry)
    response.status = 206
    response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    response.body = Body(response.body.content, start, stop)
    return response


def compress_response(request: Request, response: Response) -> Response:
    """Compress a whole text file as the Hub does for a client that accepts gzip; its length is then not announced."""
    is_text_file = response.headers.get("Content-Type", "").startswith("text/plain") and response.entry != ""
    is_whole = request.method == "GET" and "Range" not in request.headers and response.status == 200
    is_accepted = "gzip" in request.headers.get("Accept-Encoding", "")
    # A fault may have set a false length, which must reach the client.
    if is_text_file and is_whole and is_accepted and "Content-Length" not in response.headers:
        packed = gzip.compress(b"".join(response.body.read_pieces()), mtime=0)
        response.headers |= {"Content-Encoding": "gzip", "Transfer-Encoding": "chunked"}
        response.body = Body.of_content(packed)
    return response


class ConnectionHandler(BaseHTTPRequestHandler):
    """Serves the requests of one connection; a subclass for each port sets ``origin`` and ``hub``."""

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
        """Serve requests until the client closes the connection, whether it does so cleanly or abruptly."""
        try:
            super().handle()
        except (ConnectionError, TimeoutError, ssl.SSLError):
            self.close_connection = True

    def finish(self) -> None:
        """Close the connection, also if the client has closed it before."""
        try:
            super().finish()
        except (ConnectionError, TimeoutError, ssl.SSLError):
            self.close_connection = True

    def _serve(self) -> None:
        """Read one request, let the Hub answer and record it, and send the answer."""
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = parse_qs(url.query, keep_blank_values=True)
        request = Request(self.origin, self.command, url.path, query, self.headers, body, target=self.path)
        response = self.hub.answer(request)
        request.status = response.status
        self.hub.record(request)
        if response.delay:
            time.sleep(response.delay)
        if response.script is None:
            self._send(request, response)
        else:
            self.close_connection = True
            response.script(cast(BinaryIO, self.wfile))

    def _send(self, request: Request, response: Response) -> None:
        """Send an answer as its fields demand, and count the bytes of the sent body in ``request.sent``."""
        chunked = response.headers.get("Transfer-Encoding") == "chunked"
        if not chunked and response.status != 304:
            announced = response.headers.setdefault("Content-Length", str(len(response.body)))
            # After a false length the client would wait for bytes that never come.
            self.close_connection |= announced != str(len(response.body))
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD" or response.status == 304:
            return
        bytes_until_drop = response.drop_after
        for piece in response.body.read_pieces():
            part = piece if bytes_until_drop is None else piece[:bytes_until_drop]
            request.sent += len(part)
            if response.rate:
                # The pause comes first, so that every pause is over when the last byte arrives.
                self.wfile.flush()
                time.sleep(len(part) / response.rate)
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
            if bytes_until_drop is not None:
                bytes_until_drop -= len(part)
                if bytes_until_drop <= 0:
                    self._drop_connection()
                    return
        if response.drop_after is not None:
            self._drop_connection()
        elif chunked:
            # The last chunk has the length 0 (RFC 9112, section 7.1).
            self.wfile.write(b"0\r\n\r\n")

    def _drop_connection(self) -> None:
        """Send the output so far, and close the connection before the body is complete."""
        self.wfile.flush()
        self.close_connection = True

    do_GET = do_HEAD = do_POST = _serve  # noqa: N815 - the names that http.server looks for
