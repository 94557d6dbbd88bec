"""Faults on demand: errors, rate limits, dropped connections, tampered bytes, slowness, lying headers.

A fault is applied to an answer after the Hub has made it, so the same mechanism serves every route and both origins.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from hub.exchange import Body, Origin, Request, Response
from hub.gitstore import Content, length


class Harm(TypedDict, total=False):
    """The fields of a ``Fault``, for callers that pass them on."""

    method: str | None
    origin: Origin | None
    times: int | None
    status: int | None
    headers: Mapping[str, str | None]
    content: Content | None
    tamper: bool
    ignore_range: bool
    drop_after: int | None
    delay: float
    rate: int | None


@dataclass(slots=True)
class Fault:
    """What goes wrong, for which requests, and how often.

    A request matches when ``match`` occurs in its path or is the repository path of the file that it asks for, and
    when its method and origin are the given ones (None: any).

    Args:
        match: Part of the request's path, or the file's path in the repository; "" matches everything.
        method: GET, HEAD or POST.
        origin: ``hub`` or ``cdn``.
        times: After so many matches the fault is spent; None: never.
        status: Answer with this error instead.
        headers: Headers to set; None removes the header.
        content: Serve these bytes instead, under the headers of the true file.
        tamper: Invert one byte in the middle of the file; its size stays.
        ignore_range: Answer 200 with the whole file to a range request.
        drop_after: Close the connection after so many bytes of body.
        delay: Seconds to wait before the answer.
        rate: Bytes a second at which the body is sent, in pieces of at most 64 KiB.
    """

    match: str = ""
    method: str | None = None
    origin: Origin | None = None
    times: int | None = None
    status: int | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    content: Content | None = None
    tamper: bool = False
    ignore_range: bool = False
    drop_after: int | None = None
    delay: float = 0.0
    rate: int | None = None
    hits: int = 0

    def wants(self, request: Request, response: Response) -> bool:
        """Whether the fault applies to this exchange."""
        spent = self.times is not None and self.hits >= self.times
        here = self.method in (None, request.method) and self.origin in (None, request.origin)
        # damage to bytes waits for an answer that carries bytes: a redirect must not use it up
        bytes_wanted = self.tamper or self.ignore_range or self.content is not None or self.drop_after is not None
        carries = response.status in (200, 206) and request.method == "GET"
        named = self.match in request.path or self.match == response.entry
        return not spent and here and named and (carries or not bytes_wanted)

    def spoil(self, response: Response) -> Response:
        """The answer as the fault makes it."""
        if self.status is not None:
            message = f"Injected fault {self.status}"
            plain = {"Content-Type": "text/plain; charset=utf-8", "X-Error-Message": message}
            response = Response(self.status, plain, Body.whole(message.encode()), response.entry)
        if self.content is not None:
            size = length(self.content)
            ranged = response.status == 206
            bounds = (min(response.body.start, size), min(response.body.stop, size)) if ranged else (0, size)
            response.body = Body(self.content, *bounds)
        if self.tamper:
            body = response.body
            response.body = Body(body.content, body.start, body.stop, length(body.content) // 2)
        if self.ignore_range and response.status == 206:
            response.status = 200
            del response.headers["Content-Range"]
            response.body = Body(response.body.content, 0, length(response.body.content), response.body.flip)
        for name, value in self.headers.items():
            response.headers = {k: v for k, v in response.headers.items() if k.lower() != name.lower()}
            if value is not None:
                response.headers[name] = value
        response.drop_after = self.drop_after if self.drop_after is not None else response.drop_after
        response.delay += self.delay
        response.rate = self.rate or response.rate
        return response


class Faults:
    """The faults in force, in the order in which they were injected."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Lift every fault."""
        with self._lock:
            self._faults.clear()

    def apply(self, request: Request, response: Response) -> Response:
        """Let the faults that want this exchange have it; each hit is counted."""
        with self._lock:
            wanted = [fault for fault in self._faults if fault.wants(request, response)]
            for fault in wanted:
                fault.hits += 1
        for fault in wanted:
            response = fault.spoil(response)
        return response
