"""Faults that tests inject: errors, rate limits, dropped connections, changed bytes, slow answers, false headers.

A fault changes an answer that the Hub has built already, so it works on every route and on both servers.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from hub.exchange import Body, Origin, Request, Response, Script
from hub.gitstore import Content, get_length


class FaultOptions(TypedDict, total=False):
    """The optional fields of a ``Fault``, for functions that pass them on as keywords."""

    method: str | None
    origin: Origin | None
    times: int | None
    status: int | None
    headers: Mapping[str, str | None]
    content: Content | None
    replace: tuple[bytes, bytes] | None
    tamper: bool
    ignore_range: bool
    drop_after: int | None
    delay: float
    rate: int | None
    script: Script | None


@dataclass(slots=True)
class Fault:
    """A change of the answers to some requests.

    A fault applies to a request if its path contains ``match``, or if it asks for the file with the path ``match``.
    The method and the origin of the request must be those of the fault; None stands for any.

    Args:
        match: Part of the request's path, or the file's path in the repository; "" matches everything.
        method: GET, HEAD or POST.
        origin: ``hub`` or ``cdn``.
        times: How many answers it changes; None: every one.
        status: The status of an error to answer instead.
        headers: Headers to set; None removes the header.
        content: Bytes to serve under the headers of the true file.
        replace: Bytes of the body, and others in place of each of their occurrences.
        tamper: Whether to invert one byte in the middle of the file; its size stays.
        ignore_range: Whether to answer a range request with the whole file and status 200.
        drop_after: The number of bytes of the body after which the connection is closed.
        delay: Seconds to wait before the answer.
        rate: Bytes a second at which the body is sent, in pieces of at most 64 KiB.
        script: Writes the answer to the connection, head included.
        hits: How many answers it has changed so far.
    """

    match: str = ""
    method: str | None = None
    origin: Origin | None = None
    times: int | None = None
    status: int | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    content: Content | None = None
    replace: tuple[bytes, bytes] | None = None
    tamper: bool = False
    ignore_range: bool = False
    drop_after: int | None = None
    delay: float = 0.0
    rate: int | None = None
    script: Script | None = None
    hits: int = 0

    def applies_to(self, request: Request, response: Response) -> bool:
        """Whether the fault changes the answer to this request."""
        if self.times is not None and self.hits >= self.times:
            return False
        if self.method not in (None, request.method) or self.origin not in (None, request.origin):
            return False
        if self.match not in request.path and self.match != response.entry:
            return False
        # A redirect has no bytes of the file, so it must not use up a fault that changes them.
        changes_bytes = self.tamper or self.ignore_range or self.content is not None or self.drop_after is not None
        has_bytes = response.status in (200, 206) and request.method == "GET"
        return has_bytes or not changes_bytes

    def damage(self, response: Response) -> Response:
        """Change an answer by the fields of the fault, and return it."""
        if self.status is not None:
            message = f"Injected fault {self.status}"
            plain = {"Content-Type": "text/plain; charset=utf-8", "X-Error-Message": message}
            response = Response(self.status, plain, Body.of_content(message.encode()), response.entry)
        if self.content is not None:
            size = get_length(self.content)
            start, stop = 0, size
            if response.status == 206:
                start, stop = min(response.body.start, size), min(response.body.stop, size)
            response.body = Body(self.content, start, stop)
        if self.replace is not None:
            response.body = Body.of_content(b"".join(response.body.read_pieces()).replace(*self.replace))
        if self.tamper:
            body = response.body
            response.body = Body(body.content, body.start, body.stop, get_length(body.content) // 2)
        if self.ignore_range and response.status == 206:
            response.status = 200
            del response.headers["Content-Range"]
            response.body = Body(response.body.content, 0, get_length(response.body.content), response.body.flip)
        for name, value in self.headers.items():
            # Names of headers are equal in upper and lower case.
            response.headers = {key: old for key, old in response.headers.items() if key.lower() != name.lower()}
            if value is not None:
                response.headers[name] = value
        response.drop_after = self.drop_after if self.drop_after is not None else response.drop_after
        response.delay += self.delay
        response.rate = self.rate or response.rate
        response.script = self.script or response.script
        return response


@dataclass(slots=True)
class Unreliability(Fault):
    """A share of all answers that fails in some way, drawn by a seed: 503, 429, a drop within the body or before it.

    Args:
        seed: Of the draws; their order is that of the answers.
        share: The part of the answers that fails, from 0 to 1.
        failures: How many answers have failed so far.
    """

    seed: int = 0
    share: float = 0.05
    failures: int = 0
    _random: random.Random = field(init=False)
    _drawing: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def damage(self, response: Response) -> Response:
        """Let the answer fail, if that is drawn."""
        with self._drawing:
            fails, kind, part = self._random.random() < self.share, self._random.randrange(4), self._random.random()
            self.failures += fails
        if not fails:
            return response
        body = len(response.body)
        faults = (
            Fault(status=503),
            Fault(status=429, headers={"Retry-After": "0"}),
            Fault(drop_after=int(part * body)) if body else Fault(status=502),
            Fault(script=lambda connection: None),
        )
        return faults[kind].damage(response)


class Faults:
    """The injected faults, in order. The threads of all connections share them."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        """Add a fault and return it."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Remove every fault."""
        with self._lock:
            self._faults.clear()

    def apply(self, request: Request, response: Response) -> Response:
        """Change an answer by every fault that applies to the request, and count their hits."""
        with self._lock:
            applicable = [fault for fault in self._faults if fault.applies_to(request, response)]
            for fault in applicable:
                fault.hits += 1
        for fault in applicable:
            response = fault.damage(response)
        return response
