"""Bound what a server sends, at the transport of the Hub's client, which no redirect, retry or page bypasses.

Two layers: the connection (``modelaudit.sources.network``) bounds the time of each read, also of headers and of
interim answers; the transport bounds the bytes of bodies, compressed or not, removes from requests and answers what
leads a client astray, and repeats requests after failures that may pass.
"""

from __future__ import annotations

import itertools
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from typing import NoReturn

import httpx2
from huggingface_hub.utils._http import hf_raise_for_status

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.sources.budget import BoundReachedError, RefusedAnswerError, RequestBudget, get_active_budget
from modelaudit.sources.claims import bound_value_count, bound_wide_count, explain_costly_texts, narrow_json
from modelaudit.sources.network import BoundedNetwork
from modelaudit.sources.retries import RetriesExhaustedError, may_pass, wait_for_retry
from modelaudit.sources.waits import STATUSES_WITH_RETRY, bound_wait, parse_wait

_PIECE_BYTES = 64 * 1024
# For zlib: 15 for a window of 2**15 bytes, plus 32 to detect a header of gzip or of zlib.
_ANY_HEADER = 15 + 32
_CODINGS = {"": False, "identity": False, "gzip": True, "x-gzip": True, "deflate": True}  # whether to decompress
# The body is decompressed here, and cookies and the second transport (Xet) are not used.
_REMOVED_HEADERS = ("content-encoding", "set-cookie", "x-xet-hash", "x-xet-refresh-route")
_CONTENT_RANGE = defer_pattern(r"bytes (\d{1,18})-(\d{1,18})/(?:\d{1,18}|\*)", re.ASCII)
_RANGE = defer_pattern(r"bytes=(\d{1,18})-", re.ASCII)


class BoundedTransport(httpx2.BaseTransport):
    """Applies the active budget to each request and answer of another transport."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self._inner = inner
        pool = getattr(inner, "_pool", None)
        # The pool has no public way to replace the network of a transport that was made with the user's settings.
        if pool is not None and not isinstance(pool._network_backend, BoundedNetwork):
            pool._network_backend = BoundedNetwork(pool._network_backend)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, repeat it after failures that may pass, and return its answer with a bounded body.

        Raises:
            BoundReachedError: the budget is used up.
            RefusedAnswerError: the request or its answer leads where no Hub leads.
            LongWaitError: the server demands a wait that is too long.
            RetriesExhaustedError: the connection broke, at every repetition.
            HfHubHTTPError: the server failed or limits the rate, at every repetition.
        """
        budget = get_active_budget()
        if budget is None:
            return self._inner.handle_request(request)
        _restrict_request(request, budget)
        for failures in itertools.count(1):
            failure: httpx2.TransportError | None = None
            demanded = None
            try:
                response = self._send_once(request, budget)
            except httpx2.TransportError as error:
                if not may_pass(error):
                    raise
                failure = error
            else:
                if response.status_code not in STATUSES_WITH_RETRY:
                    return response
                response.read()  # for the error; it holds the first bytes at most
                demanded = parse_wait(response.headers)
            if not wait_for_retry(failures, budget, request.url.host, demanded):
                break
        if failure is not None:
            raise RetriesExhaustedError(f"{failures} requests failed") from failure
        return _raise_for_status(request, response)

    def _send_once(self, request: httpx2.Request, budget: RequestBudget) -> httpx2.Response:
        """Send a request once, and return its answer with a bounded body. Raises as ``handle_request``."""
        budget.count_request()
        budget.head_bytes = 0
        try:
            response = self._inner.handle_request(request)
        finally:
            budget.head_bytes = None
        budget.has_answer = True
        with ExitStack() as closing_on_failure:
            closing_on_failure.callback(response.close)
            bound_wait(response, budget)
            bounded = _bound_answer(request, response, budget)
            closing_on_failure.pop_all()
        return bounded

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def _raise_for_status(request: httpx2.Request, response: httpx2.Response) -> NoReturn:
    """Raise the client's error for a status: the client would repeat the request again after such an answer.

    Raises:
        HfHubHTTPError: always.
    """
    response.request = request
    hf_raise_for_status(response)
    raise AssertionError(f"status {response.status_code} is not an error")


def _restrict_request(request: httpx2.Request, budget: RequestBudget) -> None:
    """Remove the token where it does not belong, and everything that invites a compressed or a personal answer."""
    if budget.endpoint.scheme == "https" and request.url.scheme != "https":
        raise RefusedAnswerError(f"it leads away from TLS, to {request.url.scheme}://{request.url.netloc.decode()}")
    if not budget.is_own_origin(request.url):
        request.headers.pop("authorization", None)
    request.headers.pop("cookie", None)
    request.headers["accept-encoding"] = "identity"


def _bound_answer(request: httpx2.Request, response: httpx2.Response, budget: RequestBudget) -> httpx2.Response:
    """Return the answer with a body that ends at the bounds of the budget."""
    _check_next_page(request, response, budget)
    _check_announced_size(response, budget)
    stream = response.stream
    assert isinstance(stream, httpx2.SyncByteStream)
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in _CODINGS:
        raise RefusedAnswerError(f"it is compressed as {coding[:40]!r}, which was not asked for")
    announced = response.headers.get("content-length", "")
    headers = [(name, value) for name, value in response.headers.multi_items() if name not in _REMOVED_HEADERS]
    if _CODINGS[coding]:
        headers = [(name, value) for name, value in headers if name != "content-length"]
        announced = ""
    pieces = _watch_pieces(stream, budget)
    if _CODINGS[coding]:
        most = budget.limits.answer_bytes if budget.file is None else budget.max_file_bytes
        # Data that do not shrink grow a little when compressed.
        pieces = decompress_pieces(pieces, most + budget.limits.side_bytes)
    body: httpx2.SyncByteStream
    if request.method == "HEAD" or response.status_code in (204, 304):
        body = stream  # such an answer has no body
    elif response.status_code not in (200, 206):
        # Of an error or a redirect, only the first bytes are ever shown.
        with closing(stream):
            body = httpx2.ByteStream(_read_at_most(pieces, budget.limits.side_bytes))
        headers = [(name, value) for name, value in headers if name not in ("content-length", "transfer-encoding")]
    elif budget.file is None:
        body = httpx2.ByteStream(_read_api_answer(pieces, announced, stream, budget))
        # Escapes make the body longer than the server announced.
        headers = [(name, value) for name, value in headers if name not in ("content-length", "transfer-encoding")]
    else:
        start = _read_start(request, response)
        allowed = budget.max_file_bytes - start
        if _announces_more(announced, allowed):
            raise BoundReachedError(f"the server announces {announced[:20]} bytes, more than {_state_size(budget)}")
        body = _BoundedBody(stream, _count_file_bytes(pieces, start, allowed, budget))
    return httpx2.Response(response.status_code, headers=headers, stream=body, extensions=response.extensions)


def _check_announced_size(response: httpx2.Response, budget: RequestBudget) -> None:
    """Check the size that the headers state for a file, before the file is requested.

    Raises:
        RefusedAnswerError: it contradicts the listing.
        BoundReachedError: the listing states none, and it is beyond the bound.
    """
    linked_size = response.headers.get("x-linked-size", "")
    # Compared as text, because a server may state thousands of digits.
    if budget.size is not None and linked_size.isdecimal() and linked_size.lstrip("0") != str(budget.size).lstrip("0"):
        raise RefusedAnswerError(f"it states {linked_size[:20]} bytes, and its listing {budget.size}")
    if budget.file is not None and budget.size is None and _announces_more(linked_size, budget.max_file_bytes):
        raise BoundReachedError(f"the server announces {linked_size[:20]} bytes, more than {_state_size(budget)}")


def _check_next_page(request: httpx2.Request, response: httpx2.Response, budget: RequestBudget) -> None:
    """Raise ``RefusedAnswerError`` if the listing continues on another server, which must not receive the token."""
    if budget.file is not None:
        return
    following = response.links.get("next", {}).get("url")
    if following is None:
        return
    try:
        url = request.url.join(following)
    except (httpx2.InvalidURL, ValueError) as error:
        raise RefusedAnswerError("it continues at an invalid address") from error
    if not budget.is_own_origin(url):
        raise RefusedAnswerError(f"it continues on another server, {url.scheme}://{url.netloc.decode('ascii')}")


def _read_api_answer(
    pieces: Iterator[bytes], announced: str, stream: httpx2.SyncByteStream, budget: RequestBudget
) -> bytes:
    """Read the body of an answer of the API, and check that it is small enough to parse."""
    most = budget.limits.answer_bytes
    with closing(stream):
        if _announces_more(announced, most):
            raise BoundReachedError(f"one answer announces more than {most} bytes")
        data = _read_at_most(pieces, most + 1)
    if len(data) > most:
        raise BoundReachedError(f"one answer holds more than {most} bytes")
    values = bound_value_count(data)
    if values > budget.limits.answer_values:
        raise BoundReachedError(f"one answer may hold more than {budget.limits.answer_values} values")
    budget.count_answer(len(data), values)
    # JSON is in UTF-8 (RFC 8259, section 8.1). The parser accepts other encodings, which the checks below do not.
    if json.detect_encoding(data) not in ("utf-8", "utf-8-sig"):
        raise httpx2.DecodingError("it is not in UTF-8")
    problem = explain_costly_texts(data, budget.limits.answer_keys, most)
    if problem:
        raise BoundReachedError(f"one answer is too large: {problem}")
    if bound_wide_count(data) > budget.limits.answer_wide:
        raise BoundReachedError(f"one answer may hold more than {budget.limits.answer_wide} characters above U+FFFF")
    return narrow_json(data)


def _announces_more(length: str, most: int) -> bool:
    """Whether the text of a header ``content-length`` is a number above ``most``; 19 digits are above every bound."""
    return length.isdecimal() and (len(length) > 18 or int(length) > most)


def _read_at_most(pieces: Iterator[bytes], most: int) -> bytes:
    """Return the first ``most`` bytes."""
    data = bytearray()
    for piece in pieces:
        data += piece[: most - len(data)]
        if len(data) >= most:
            break
    return bytes(data)


def _watch_pieces(stream: httpx2.SyncByteStream, budget: RequestBudget) -> Iterator[bytes]:
    """Yield the pieces of a stream as long as the budget has time. Raises ``BoundReachedError``."""
    limits = budget.limits
    received = 0
    for count, piece in enumerate(stream, 1):
        received += len(piece)
        # Each piece takes CPU time of its own, which no bound on bytes or on wall time covers.
        if count > limits.free_pieces + received // limits.piece_bytes:
            raise BoundReachedError(f"it arrives in pieces of less than {limits.piece_bytes} bytes on average")
        yield piece
        budget.check_time()


def decompress_pieces(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    """Yield the decompressed body in pieces of bounded size, so that no piece expands to a bomb.

    Args:
        pieces: the compressed body.
        most: compressed bytes that it may have; a stream of empty blocks never yields a byte.

    Raises:
        BoundReachedError: the body has more bytes.
        httpx2.DecodingError: the bytes are not compressed, or end too early.
    """
    decoder = zlib.decompressobj(_ANY_HEADER)
    received = 0
    try:
        for piece in pieces:
            received += len(piece)
            if received > most:
                raise BoundReachedError(f"a compressed answer takes more than {most} bytes")
            remaining = piece
            while remaining and not decoder.eof:
                yield decoder.decompress(remaining, _PIECE_BYTES)
                remaining = decoder.unconsumed_tail
        # zlib may hold output for which the last call had no room.
        while not decoder.eof and (piece := decoder.decompress(b"", _PIECE_BYTES)):
            yield piece
    except zlib.error as error:
        raise httpx2.DecodingError(str(error)) from error
    if received and not decoder.eof:
        raise httpx2.DecodingError("the compressed body ends too early")


def _read_start(request: httpx2.Request, response: httpx2.Response) -> int:
    """Return the offset in the file of the first byte of the answer. Raises ``RefusedAnswerError``."""
    if response.status_code != 206:
        return 0
    requested_range = _RANGE.match(request.headers.get("range", ""))
    sent_range = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    if requested_range is None or sent_range is None or requested_range[1] != sent_range[1]:
        raise RefusedAnswerError("it is another range of the file than was asked for")
    return int(sent_range[1])


def _count_file_bytes(pieces: Iterator[bytes], start: int, allowed: int, budget: RequestBudget) -> Iterator[bytes]:
    """Yield the body of a file, and count its bytes as progress. Raises ``BoundReachedError`` after the listed size."""
    received = 0
    for piece in pieces:
        received += len(piece)
        if received > allowed:
            raise BoundReachedError(f"the server sends more than {_state_size(budget)}")
        budget.count_file_bytes(start + received)
        yield piece


def _state_size(budget: RequestBudget) -> str:
    """Return the most bytes that a file may have, as the end of a sentence."""
    if budget.size is None:
        return f"the {budget.limits.unstated_file_bytes} bytes that a file without a listed size may have"
    return f"the {budget.size} bytes that it lists"


class _BoundedBody(httpx2.SyncByteStream):
    """The body of a file: pieces that were derived from ``stream``, which is closed with the body."""

    def __init__(self, stream: httpx2.SyncByteStream, pieces: Iterator[bytes]) -> None:
        self._stream = stream
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces

    def close(self) -> None:
        """Close the connection's stream."""
        self._stream.close()
