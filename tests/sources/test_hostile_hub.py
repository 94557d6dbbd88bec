"""A hostile Hub or mirror: every misbehaviour ends within its bound, with one line and the right exit code.

The bounds are small here, so that reaching one takes a moment. No test looks at a clock.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import itertools
import json
import logging
import pickle
import socket
import ssl
import struct
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx2
import pytest
import trustme
from hub.exchange import Origin, Script
from hub.repository import Repository
from hub.server import LoopbackHub
from support.cases import check_each
from support.fixtures import FIXTURES
from support.work import count_work, find_growth_fault

import modelaudit
from modelaudit.model.address import write_file_address
from modelaudit.model.artifact import ModelRef, RefKind
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError, SourceError, UnreachedError
from modelaudit.model.limits import KIB, Limits, ServerLimits
from modelaudit.model.report import AuditReport
from modelaudit.model.structure import UnreadReason
from modelaudit.reports import render
from modelaudit.sources import retries
from modelaudit.sources.budget import DownloadBudget, RefusedAnswerError, RequestBudget, activate_budget
from modelaudit.sources.cache import CachedCommit
from modelaudit.sources.claims import ListedFile, bound_value_count, explain_costly_texts
from modelaudit.sources.download import Download
from modelaudit.sources.failures import FailureExplainer
from modelaudit.sources.progress import DownloadCounter
from modelaudit.sources.rejected import RejectedFiles
from modelaudit.sources.resolution import resolve_small_files, resolve_target
from modelaudit.sources.session import BoundedFactory
from modelaudit.sources.settings import HubSettings
from modelaudit.sources.stated import parse_hub_statements
from modelaudit.sources.transport import decompress_pieces
from modelaudit.sources.waits import bound_wait

TOKEN = "hf_secret0123456789abcdefghij"
CONFIG = '{"a": 1}\n'
WEIGHTS = pickle.dumps({"layer": [1.0, 2.0]}, 4)
SIZE = len(WEIGHTS)
FILES: dict[str, bytes | str | Path] = {"config.json": CONFIG, "notes.txt": "text\n", "weights.bin": WEIGHTS}
SERVER = ServerLimits(
    answer_bytes=64 * KIB,
    answer_values=2000,
    answer_keys=200,
    answer_wide=100,
    listing_bytes=128 * KIB,
    listing_values=4000,
    pages=8,
    listed_files=40,
    name_bytes=8 * KIB,
    listing_seconds=60,
    longest_wait=0.5,
    file_seconds=60,
    file_requests=8,
    unstated_file_bytes=64 * KIB,
    failed_files=3,
    head_bytes=32 * KIB,
    side_bytes=4 * KIB,
)
SHORT_TIMES = replace(SERVER, listing_seconds=0.8, file_seconds=0.5)
"""For servers that have to be waited for. On a busy machine an honest answer may reach these bounds too."""
MOST_BYTES_IN_CACHE = 64 * KIB
"""More than the files of a test and the records of the cache take, and less than any endless answer writes."""

OTHER_COMMIT = "c" * 40

Arrange = Callable[[LoopbackHub, Repository], object]


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a pause."""
    monkeypatch.setattr(retries, "pause", lambda budget, seconds: None)


@dataclass(frozen=True)
class Outcome:
    """The result of a scan: its exit code, and the line that names the fault."""

    exit_code: int
    line: str
    report: AuditReport | None = None


def scan_hub(limits: ServerLimits = SERVER) -> Outcome:
    """Scan the model of a test, and return the exit code with the message, or with the absences."""
    try:
        report = modelaudit.scan(
            "acme/tiny", second_opinion=False, checks=["security"], limits=replace(Limits(), server=limits)
        )
    except SourceError as error:
        return Outcome(error.exit_code, str(error))
    absences = [f"{path!a}: {absence.unread.detail}" for path, absence in report.coverage.open_absences]
    return Outcome(report.exit_code, " | ".join(absences), report)


@pytest.fixture
def tiny(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Add the model that each test scans, and set the token of a user."""
    hub.add_user("ann", token=TOKEN)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return hub.add_repository("acme/tiny", FILES, lfs=["*.bin"])


def write_head(connection: BinaryIO, *headers: str, status: str = "200 OK") -> None:
    """Write the head of an answer."""
    connection.write("\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode())


def write_endlessly(connection: BinaryIO, piece: bytes, seconds: float = 0.0) -> None:
    """Write a piece again and again, until the client has gone."""
    while True:
        connection.write(piece)
        connection.flush()
        if seconds:
            time.sleep(seconds)


def make_endless_body(
    *headers: str, piece: bytes = b" " * 4096, seconds: float = 0.0, status: str = "200 OK"
) -> Script:
    """Make a script that writes a head and then a body without end."""

    def write(connection: BinaryIO) -> None:
        write_head(connection, *headers, status=status)
        write_endlessly(connection, piece, seconds)

    return write


def make_endless_head(start: bytes, piece: bytes, seconds: float = 0.0) -> Script:
    """Make a script that never completes the head of its answer."""

    def write(connection: BinaryIO) -> None:
        connection.write(start)
        write_endlessly(connection, piece, seconds)

    return write


def make_answer(body: bytes, *headers: str, status: str = "200 OK") -> Script:
    """Make a script that writes one answer, with these headers only."""

    def write(connection: BinaryIO) -> None:
        write_head(connection, *headers, status=status)
        connection.write(body)

    return write


def answer_revision_by(script: Script) -> Arrange:
    """Answer the first request of a scan, for the revision, by a script."""
    return lambda hub, tiny: hub.inject_fault("/revision/", script=script)


def answer_listing_by(script: Script) -> Arrange:
    """Answer the request for the listing by a script."""
    return lambda hub, tiny: hub.inject_fault("/tree/", script=script)


def answer_download_by(script: Script) -> Arrange:
    """Answer the download of the weights by a script."""
    return lambda hub, tiny: hub.inject_fault("weights.bin", origin="cdn", script=script)


def change_headers(match: str, headers: Mapping[str, str | None], **options: object) -> Arrange:
    """Change headers of the answers to some requests."""
    return lambda hub, tiny: hub.inject_fault(match, headers=headers, **options)  # type: ignore[arg-type]


def redirect_listing(content: bytes) -> Arrange:
    """Redirect the request for the listing to a path of the Hub that does not contain ``/tree/``, with this answer."""

    def arrange(hub: LoopbackHub, tiny: Repository) -> None:
        other_path = f"/api/models/acme/tiny/revision/{tiny.sha}"
        hub.inject_fault("/tree/", status=307, headers={"Location": other_path})
        hub.inject_fault(other_path, content=content)

    return arrange


def link_next_page(make_url: Callable[[LoopbackHub], str]) -> Arrange:
    """Let every page of the listing name another one."""
    return lambda hub, tiny: hub.inject_fault("/tree/", headers={"Link": f'<{make_url(hub)}>; rel="next"'})


def list_entries(count: int) -> bytes:
    """Build the listing of ``count`` files of one byte."""
    entries = [{"type": "file", "path": f"{number}", "size": 1, "oid": "0" * 40} for number in range(count)]
    return json.dumps(entries).encode()


def describe_commit(tiny: Repository, siblings: object, **fields: object) -> bytes:
    """Build the answer to a request for the revision, with some fields changed; ``siblings`` are its files."""
    return json.dumps({"id": "acme/tiny", "sha": tiny.sha, "siblings": siblings, **fields}).encode()


def list_many_siblings(hub: LoopbackHub, tiny: Repository) -> None:
    """Let the description of the commit name one file more than the bound."""
    siblings = [{"rfilename": f"{number}"} for number in range(SERVER.listed_files + 1)]
    hub.inject_fault("/revision/", content=describe_commit(tiny, siblings))


def build_page_url_on_other_origin(hub: LoopbackHub) -> str:
    """Build the address of a listing page on the server for downloads."""
    return f"{hub.cdn}/api/models/acme/tiny/tree/x?cursor=1"


def compress_empty_blocks() -> bytes:
    """Return the header of a gzip file, followed by many empty stored blocks of DEFLATE."""
    header = gzip.compress(b"")[:10]  # RFC 1952, section 2.3
    empty_block = b"\0\0\0\xff\xff"  # RFC 1951, section 3.2.4: the length 0 and its complement
    return header + empty_block * 50_000


def write_garbage(connection: BinaryIO) -> None:
    """Write lines without a head, as HTTP/0.9 did."""
    connection.write(b"<html>\r\nYour scan passed.\r\n</html>\r\n")


def make_reset(length: int) -> Script:
    """Make a script that writes a part of a body of this length, and resets the connection in place of closing it."""

    def write(connection: BinaryIO) -> None:
        write_head(connection, f"Content-Length: {length}")
        connection.write(b"[")
        connection.flush()
        handle = connection.raw._sock  # type: ignore[attr-defined]
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handle.close()

    return write


def list_weights(**fields: object) -> bytes:
    """Build the listing with the weights as its only entry, with some fields changed."""
    pointer = {"oid": hashlib.sha256(WEIGHTS).hexdigest(), "size": SIZE, "pointerSize": 127}
    entry = {"type": "file", "path": "weights.bin", "size": SIZE, "oid": "0" * 40, "lfs": pointer}
    return json.dumps([entry | fields]).encode()


EMOJI = "\U0001f600"
ESCAPE = json.dumps(EMOJI)[1:-1].encode()
LONG_NAMES = [f"{number}{'/a' * 5000}" for number in range(3)]
LONG_SIBLINGS = [{"rfilename": name} for name in LONG_NAMES]
LONG_TREE = json.dumps([{"type": "file", "path": name, "size": 2, "oid": "0" * 40} for name in LONG_NAMES]).encode()

JSON_TYPE = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"
BOMB = gzip.compress(bytes(5_000_000))

LISTINGS: dict[str, tuple[Arrange, str]] = {
    "endless pages": (
        link_next_page(lambda hub: f"{hub.endpoint}/api/models/acme/tiny/tree/main?recursive=true"),
        "8 requests",
    ),
    "page on another origin": (link_next_page(build_page_url_on_other_origin), "continues on another server"),
    "page of another scheme": (link_next_page(lambda hub: "file:///etc/passwd"), "continues on another server"),
    "page at a user's address": (
        link_next_page(lambda hub: hub.cdn.replace("//", "//ann:pw@") + "/api"),
        "continues on another server",
    ),
    "page at an invalid address": (link_next_page(lambda hub: "http://[::1"), "was refused"),
    "endless interim answers": (
        answer_revision_by(make_endless_head(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)),
        "head of one answer takes more than 32768 bytes",
    ),
    "endless headers": (
        answer_revision_by(make_endless_head(b"HTTP/1.1 200 OK\r\n", b"X-Y: z\r\n" * 500)),
        "head of one answer",
    ),
    "endless JSON": (answer_revision_by(make_endless_body(JSON_TYPE)), "holds more than 65536 bytes"),
    "endless listing": (answer_listing_by(make_endless_body(JSON_TYPE)), "holds more than 65536 bytes"),
    "endless chunks": (
        answer_revision_by(make_endless_body(CHUNKED, piece=b"1000\r\n" + b" " * 4096 + b"\r\n")),
        "more than 65536 bytes",
    ),
    "announced size": (
        answer_revision_by(make_endless_body("Content-Length: 1000000000000")),
        "announces more than 65536 bytes",
    ),
    "huge announced size": (
        answer_revision_by(make_endless_body("Content-Length: " + "9" * 19)),
        "more than 65536 bytes",
    ),
    "chunk of nearly 2**60 bytes": (
        answer_revision_by(make_endless_body(CHUNKED, piece=b"fffffffffffffff\r\n" + b" " * 70_000)),
        "more than",
    ),
    "chunks of one byte": (
        answer_revision_by(make_endless_body(CHUNKED, piece=b"1\r\n \r\n" * 1000)),
        "in pieces of less than 512 bytes on average",
    ),
    "chunk without a size": (
        answer_revision_by(make_answer(b"zz\r\n{}\r\n0\r\n\r\n", CHUNKED)),
        "The connection broke",
    ),
    "two lengths": (
        answer_revision_by(make_answer(b"{}", "Content-Length: 2", "Content-Length: 3")),
        "The connection broke",
    ),
    "body shorter than announced": (
        answer_revision_by(make_answer(b"{}", "Content-Length: 999")),
        "The connection broke",
    ),
    "gzip bomb": (
        answer_revision_by(make_answer(BOMB, "Content-Encoding: gzip", f"Content-Length: {len(BOMB)}")),
        "more than 65536",
    ),
    "gzip bomb as a listing": (
        answer_listing_by(make_answer(BOMB, "Content-Encoding: gzip", f"Content-Length: {len(BOMB)}")),
        "more than 65536",
    ),
    "empty gzip blocks": (
        answer_revision_by(make_endless_body("Content-Encoding: gzip", piece=compress_empty_blocks())),
        "a compressed answer takes more than",
    ),
    "broken gzip": (
        answer_revision_by(make_answer(b"x" * 99, "Content-Encoding: gzip", "Content-Length: 99")),
        "does not come from a Hub",
    ),
    "gzip in gzip": (
        answer_revision_by(make_answer(gzip.compress(BOMB), "Content-Encoding: gzip, gzip")),
        "which was not asked for",
    ),
    "unrequested brotli": (answer_revision_by(make_answer(b"x", "Content-Encoding: br")), "compressed as 'br'"),
    "many values": (lambda hub, tiny: hub.inject_fault("/tree/", content=b"[" + b"[]," * 3000 + b"1]"), "2000 values"),
    "deep JSON": (lambda hub, tiny: hub.inject_fault("/tree/", content=b"[" * 999), "does not come from a Hub"),
    "many entries": (lambda hub, tiny: hub.inject_fault("/tree/", content=list_entries(41)), "lists more than 40"),
    "many entries behind a redirect": (redirect_listing(list_entries(41)), "lists more than 40"),
    "digest that is a path behind a redirect": (
        redirect_listing(
            json.dumps(
                [
                    {
                        "type": "file",
                        "path": "a",
                        "size": 1,
                        "oid": "0" * 40,
                        "lfs": {"oid": "../../x", "size": 1, "pointerSize": 9},
                    }
                ]
            ).encode()
        ),
        "lists a file with the digest '../../x'",
    ),
    "pages that are large together": (
        lambda hub, tiny: [
            link_next_page(lambda hub: f"{hub.endpoint}/api/models/acme/tiny/tree/main?recursive=true")(hub, tiny),
            hub.inject_fault("/tree/", content=b"[" + b" " * 60_000 + b"]"),
        ],
        "answers hold more than 131072 bytes in all",
    ),
    "pages of many values together": (
        lambda hub, tiny: [
            link_next_page(lambda hub: f"{hub.endpoint}/api/models/acme/tiny/tree/main?recursive=true")(hub, tiny),
            hub.inject_fault(
                "/tree/", content=json.dumps([{"type": "directory", "path": "a", "oid": "0", "x": [0] * 1500}]).encode()
            ),
        ],
        "answers may hold more than 4000 values in all",
    ),
    "listing of another commit": (
        change_headers("/tree/", {"X-Repo-Commit": OTHER_COMMIT}),
        f"is for commit {OTHER_COMMIT} in place of",
    ),
    "many siblings": (list_many_siblings, "lists more than 40 files"),
    "Retry-After of 10^9 s": (
        change_headers("/revision/", {"Retry-After": "1" + "0" * 9}, status=429),
        "rate of requests",
    ),
    "Retry-After of 5000 digits": (
        change_headers("/revision/", {"Retry-After": "9" * 5000}, status=503),
        "try again in",
    ),
    "date in Retry-After with a zone of 20 digits": (
        change_headers("/revision/", {"Retry-After": "Mon, 01 Jan 2029 00:00:00 +" + "9" * 20}, status=429),
        "limits the rate",
    ),
    "Retry-After behind a RateLimit without a wait": (
        change_headers("/tree/", {"RateLimit": '"api";r=0;t=0', "Retry-After": "1000000000"}, status=503),
        "try again in 1000000000 s",
    ),
    "second policy of a RateLimit": (
        change_headers("/tree/", {"RateLimit": '"a";r=0;t=0, "b";r=0;t=1000000000'}, status=429),
        "try again in 1000000000 s",
    ),
    "RateLimit of 10^9 s": (
        change_headers("/tree/", {"RateLimit": '"api";r=00;t=1000000000'}, status=429),
        "try again in 1000000000 s",
    ),
    "storm of 503": (lambda hub, tiny: hub.inject_fault("/tree/", status=503), "failed with status 503"),
    "storm of 429": (
        lambda hub, tiny: hub.inject_fault("/tree/", status=429, headers={"RateLimit": None}),
        "limits the rate",
    ),
    "redirect to a file": (
        change_headers("/revision/", {"Location": "file:///etc/passwd"}, status=302),
        "cannot be used",
    ),
    "redirect to itself": (change_headers("/revision/", {"Location": "?"}, status=307), "more than 8 requests"),
    "redirect with an endless body": (
        answer_revision_by(make_endless_body("Location: /missing", status="302 Found")),
        "does not show the model",
    ),
    "endless error": (
        answer_revision_by(make_endless_body("Content-Type: text/plain", status="404 Not Found")),
        "does not show the model",
    ),
    "deflate bomb": (
        answer_listing_by(make_answer(zlib.compress(bytes(5_000_000)), "Content-Encoding: deflate")),
        "more than 65536 bytes",
    ),
    "deflate in zstd": (
        answer_listing_by(make_answer(b"x", "Content-Encoding: deflate, zstd")),
        "compressed as 'deflate, zstd'",
    ),
    "answer without a status line": (answer_revision_by(write_garbage), "The connection broke"),
    "negative length": (answer_revision_by(make_answer(b"{}", "Content-Length: -5")), "The connection broke"),
    "header of any length": (
        answer_revision_by(make_endless_head(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 4096)),
        "head of one answer takes more than 32768 bytes",
    ),
    "reset while the body arrives": (answer_listing_by(make_reset(100)), "The connection broke"),
    "status 304": (answer_revision_by(make_answer(b"", status="304 Not Modified")), "does not come from a Hub"),
    "status 204": (answer_revision_by(make_answer(b"", status="204 No Content")), "does not come from a Hub"),
    "status 999": (answer_revision_by(make_answer(b"", "Content-Length: 0", status="999 Any")), "status 999"),
    "terminal codes in the error": (
        answer_revision_by(
            make_answer(b"\x1b[2J", "X-Error-Message: \x1b]0;pass\x07", "Content-Length: 4", status="400 Bad Request")
        ),
        "refused the request",
    ),
    "terminal codes in the JSON error": (
        answer_revision_by(
            make_answer(
                json.dumps({"error": "\x1b[2J\u202e scan passed"}).encode(),
                JSON_TYPE,
                "X-Error-Code: \\x1b[2J",
                status="418 Teapot",
            )
        ),
        "refused the request",
    ),
    "redirect to ftp": (
        change_headers("/tree/", {"Location": "ftp://127.0.0.1/x"}, status=302),
        "cannot be used",
    ),
    "sizes that are objects": (
        lambda hub, tiny: hub.inject_fault("/tree/", content=list_weights(path={"a": 1})),
        "does not come from a Hub",
    ),
    "field that is named like a parameter of the client": (
        lambda hub, tiny: hub.inject_fault("/tree/", content=list_weights(self=1)),
        "does not come from a Hub",
    ),
    "auth challenge": (
        answer_revision_by(
            make_answer(b"", 'WWW-Authenticate: Basic realm="x"', "Content-Length: 0", status="401 Unauthorized")
        ),
        "does not show the model",
    ),
}

LISTINGS |= {
    "id of any length": (
        lambda hub, tiny: hub.inject_fault("/revision/", content=describe_commit(tiny, [], id="x" * 201)),
        "its id has more than 200 characters",
    ),
    "description with names of any length": (
        lambda hub, tiny: hub.inject_fault("/revision/", content=describe_commit(tiny, LONG_SIBLINGS)),
        "names of more than 8192 bytes in all",
    ),
    "tree with names of any length": (
        lambda hub, tiny: hub.inject_fault("/tree/", content=LONG_TREE),
        "names of more than 8192 bytes in all",
    ),
    "different keys": (
        lambda hub, tiny: hub.inject_fault(
            "/revision/", content=describe_commit(tiny, [], ignored={str(number): number for number in range(300)})
        ),
        "more than 200 different keys",
    ),
    "different keys with escapes": (
        lambda hub, tiny: hub.inject_fault(
            "/revision/", content=describe_commit(tiny, [], ignored={f'{number}"': ":" for number in range(300)})
        ),
        "more than 200 different keys",
    ),
    "long text with one emoji": (
        lambda hub, tiny: hub.inject_fault(
            "/revision/",
            content=describe_commit(tiny, [], ignored=EMOJI + "x" * 20_000).replace(ESCAPE, EMOJI.encode()),
        ),
        "its texts take more than 65536 bytes in memory",
    ),
    "long text with the escape of an emoji": (
        lambda hub, tiny: hub.inject_fault(
            "/revision/", content=describe_commit(tiny, [], ignored=EMOJI + "x" * 20_000)
        ),
        "its texts take more than 65536 bytes in memory",
    ),
    "many emoji": (
        lambda hub, tiny: hub.inject_fault("/revision/", content=describe_commit(tiny, []) + EMOJI.encode() * 101),
        "more than 100 characters above U+FFFF",
    ),
    "listing in UTF-16": (
        lambda hub, tiny: hub.inject_fault("/tree/", content=list_weights().decode().encode("utf-16")),
        "does not come from a Hub (DecodingError: it is not in UTF-8)",
    ),
}

SLOW_LISTINGS: dict[str, tuple[Arrange, str]] = {
    "dripped JSON": (
        answer_revision_by(make_endless_body(JSON_TYPE, piece=b" ", seconds=0.05)),
        "took more than 0.8 s",
    ),
    "dripped listing": (
        answer_listing_by(make_endless_body(JSON_TYPE, piece=b" ", seconds=0.05)),
        "took more than 0.8 s",
    ),
    "dripped headers": (
        answer_revision_by(make_endless_head(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.05)),
        "took more than 0.8 s",
    ),
    "dripped interim answers": (
        answer_revision_by(make_endless_head(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.05)),
        "took more than 0.8 s",
    ),
    "no answer": (lambda hub, tiny: hub.inject_fault("/revision/", delay=3), "took more than 0.8 s"),
}


def assert_contained(hub: LoopbackHub, home: Path, outcome: Outcome) -> None:
    """Assert that the token went to the Hub only, that it was stored nowhere, and that nothing left the cache."""
    assert not [request for request in hub.list_requests("cdn") if TOKEN in str(request.headers) + request.target]
    assert not [path for path in home.parent.rglob("*") if home not in (path, *path.parents)]
    assert TOKEN not in outcome.line
    stored = [path for path in home.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in stored) < MOST_BYTES_IN_CACHE
    assert not [path for path in stored if TOKEN.encode() in path.read_bytes()]
    assert not [path for path in stored if path.name.endswith((".incomplete", ".tmp"))]


def test_description_with_emoji_is_read(hub: LoopbackHub, tiny: Repository) -> None:
    tags = ["license:mit", f"license:{EMOJI}"]
    description = describe_commit(tiny, [{"rfilename": "config.json"}], tags=tags, ignored=EMOJI * 50)
    hub.inject_fault("/revision/", content=description.replace(ESCAPE, EMOJI.encode()))
    statements = resolve_target("acme/tiny").hub_statements
    assert statements is not None
    assert [item.value for item in statements.items] == ["mit", EMOJI]


@pytest.mark.parametrize("end", ["", "\\"])
def test_work_to_bound_the_texts_of_an_answer_that_never_end_grows_with_their_size(end: str) -> None:
    def count_steps(size: int) -> int:
        body = '{"a":"' + '\\"' * size + end
        return count_work(lambda: explain_costly_texts(body.encode(), 100, 10**9))

    assert find_growth_fault(count_steps, 4000) == ""


@check_each(
    "text",
    [
        '{"a":' * 300 + "1" + "}" * 300,
        "[" * 300 + "]" * 300,
        "[" + '{"a":1},' * 300 + "{}]",
        '[{"a":' * 300 + "1" + "}]" * 300,
    ],
)
def test_estimated_values_of_an_answer_cover_the_memory_of_its_containers(text: str) -> None:
    tracemalloc.start()
    value = json.loads(text)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert value
    assert taken <= 90 * bound_value_count(text.encode())


def test_download_takes_little_memory_for_each_file_that_the_hub_lists_and_does_not_deliver(tmp_path: Path) -> None:
    limits = Limits(server=replace(SERVER, failed_files=0))
    ref, commit = ModelRef(RefKind.MODEL, "acme/tiny"), CachedCommit(str(tmp_path), OTHER_COMMIT)
    settings = HubSettings("https://hub.example", None, tmp_path, offline=False)
    files = {f"part-{number:05}.txt": ListedFile(1, ()) for number in range(5000)}
    download = Download(
        *(ref, settings, limits, commit, FailureExplainer(ref, settings), DownloadCounter(None, 0, 0)),
        *(DownloadBudget(limits.server, len(files)), RejectedFiles(commit, limits)),
    )
    tracemalloc.start()
    download.fetch_files(files, files)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert download.failures.keys() == files.keys()
    assert most <= 800 * len(files)


def test_tags_are_read_no_further_than_the_bound_on_statements() -> None:
    endless_tags = (f"base_model:merge:acme/{number}" for number in itertools.count())
    statements = parse_hub_statements(endless_tags, None)
    assert len(statements.items) == 2001
    assert statements.items[-1].value == "only the first 2000 statements of the Hub were read"


def test_password_of_the_endpoint_reaches_the_hub_and_no_report_or_message(
    hub: LoopbackHub, tiny: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint.replace("//", "//ann:s3cret@"))
    report = modelaudit.scan("acme/tiny", second_opinion=False)
    assert report.exit_code == 0
    assert report.target.origin == hub.endpoint
    basic = "Basic " + base64.b64encode(b"ann:s3cret").decode()
    assert {request.headers.get("Authorization") for request in hub.list_requests("hub")} == {basic}
    assert basic not in {request.headers.get("Authorization") for request in hub.list_requests("cdn")}
    assert b"s3cret" not in render(report, "json") + render(report, "html") + render(report, "cyclonedx")
    hub.inject_fault("config.json", status=403)
    for target in ("acme/tiny", "acme/missing"):
        hub.inject_fault("/revision/", status=500)
        with pytest.raises(SourceError) as failed:
            modelaudit.scan(target, second_opinion=False)
        assert "s3cret" not in str(failed.value)


def test_file_in_the_place_of_a_cached_folder_is_unread_and_the_others_are_examined(
    hub: LoopbackHub, tiny: Repository, hub_home: Path
) -> None:
    payload = (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()
    tiny.commit({"a": "text\n", "b/c.txt": "text\n", "evil.pkl": payload})
    (snapshot,) = [hub_home / f"hub/models--acme--tiny/snapshots/{tiny.sha}"]
    (snapshot / "a").mkdir(parents=True)
    (snapshot / "a" / "b.txt").write_text("text\n")
    (snapshot / "b").write_text("text\n")
    outcome = scan_hub()
    assert outcome.exit_code == 1
    assert outcome.report is not None
    assert "evil.pkl" in {finding.artifact for finding in outcome.report.findings}
    assert {"a", "b/c.txt"} <= {path for path, _ in outcome.report.coverage.open_absences}


def test_folder_of_rejected_files_is_removed_by_a_later_download_after_its_process_was_killed(
    hub: LoopbackHub, tiny: Repository, hub_home: Path
) -> None:
    code = (
        "import sys, time; from modelaudit.sources.rejected import _TemporaryFolder as Folder;"
        "folder = Folder(sys.argv[1]); open(folder.path + '/1', 'w').write('x'); print(flush=True); time.sleep(600)"
    )
    repository = hub_home / "hub/models--acme--tiny"
    repository.mkdir(parents=True)
    process = subprocess.Popen([sys.executable, "-c", code, str(repository)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read(1) == b"\n"
    assert scan_hub().exit_code == 0
    assert len([*repository.glob(".rejected-*/1")]) == 1  # its process is alive
    process.kill()
    process.wait()
    process.stdout.close()
    tiny.commit({"config.json": "{}"})
    assert scan_hub().exit_code == 0
    assert not [*repository.glob(".rejected-*")]


@pytest.mark.parametrize("name", [*LISTINGS, *SLOW_LISTINGS])
def test_scan_with_a_hostile_revision_or_listing_answer_raises_a_one_line_error_with_exit_code_4(
    hub: LoopbackHub, tiny: Repository, hub_home: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    arrange, words = (LISTINGS | SLOW_LISTINGS)[name]
    arrange(hub, tiny)
    outcome = scan_hub(SHORT_TIMES if name in SLOW_LISTINGS else SERVER)
    assert outcome.exit_code == 4
    assert words in outcome.line
    assert outcome.line.isprintable() and outcome.line.endswith(".") and len(outcome.line) < 400
    assert capfd.readouterr() == ("", "")
    assert_contained(hub, hub_home, outcome)


def test_look_up_of_one_base_model_ends_within_the_time_for_all_base_models(hub: LoopbackHub, tiny: Repository) -> None:
    SLOW_LISTINGS["dripped JSON"][0](hub, tiny)
    with pytest.raises(UnreachedError, match=r"took more than 0\.5 s"):
        resolve_small_files("acme/tiny", limits=Limits(origin_seconds=0.5, server=SERVER))


def state_other_size(hub: LoopbackHub, tiny: Repository) -> None:
    """Let the description of the commit state another size than the listing does."""
    siblings = [{"rfilename": "config.json", "size": 10**18, "blobId": "0" * 40}]
    hub.inject_fault("/revision/", content=describe_commit(tiny, siblings))


def list_half_character(hub: LoopbackHub, tiny: Repository) -> None:
    """List one name that no file system can store, beside the other files."""
    entry = {"type": "file", "path": "half\ud800.json", "size": 2, "oid": "0" * 40}
    hub.inject_fault("/tree/", content=json.dumps([entry]).encode())


def announce_size_of_unstated_file(header: str) -> Arrange:
    """List the weights without a size, and let the Hub or its storage state one that is larger than every disk."""

    def arrange(hub: LoopbackHub, tiny: Repository) -> None:
        hub.inject_fault("/revision/", content=describe_commit(tiny, [{"rfilename": "weights.bin"}]))
        hub.inject_fault("/tree/", content=b"[]")
        origin: Origin = "hub" if header == "X-Linked-Size" else "cdn"
        hub.inject_fault("weights.bin", origin=origin, headers={header: str(10**17)})

    return arrange


FILE_FAULTS: dict[str, tuple[Arrange, str]] = {
    "endless body": (answer_download_by(make_endless_body()), f"sends more than the {SIZE} bytes"),
    "endless chunks": (
        answer_download_by(make_endless_body(CHUNKED, piece=b"1000\r\n" + b" " * 4096 + b"\r\n")),
        f"more than the {SIZE} bytes",
    ),
    "announced size": (answer_download_by(make_endless_body("Content-Length: 50000000")), "announces 50000000 bytes"),
    "gzip bomb": (
        answer_download_by(make_answer(gzip.compress(bytes(10**6)), "Content-Encoding: gzip")),
        f"more than the {SIZE} bytes",
    ),
    "unrequested zstd": (answer_download_by(make_answer(b"x", "Content-Encoding: zstd")), "compressed as 'zstd'"),
    "garbage without a status line": (answer_download_by(write_garbage), "The connection broke"),
    "reset while the body arrives": (answer_download_by(make_reset(SIZE)), "The connection broke"),
    "chunk without a size": (answer_download_by(make_answer(b"zz\r\n", CHUNKED)), "The connection broke"),
    "brotli around gzip": (
        answer_download_by(make_answer(b"x", "Content-Encoding: gzip, br")),
        "compressed as 'gzip, br'",
    ),
    "range that was not asked for": (
        answer_download_by(
            make_answer(WEIGHTS[5:], f"Content-Range: bytes 5-{SIZE - 1}/{SIZE}", status="206 Partial Content")
        ),
        "another range of the file",
    ),
    "status 304": (answer_download_by(make_answer(b"", status="304 Not Modified")), "another size than"),
    "status 204": (answer_download_by(make_answer(b"", status="204 No Content")), "another size than"),
    "redirect to ftp": (
        change_headers("weights.bin", {"Location": "ftp://127.0.0.1/x"}, origin="cdn", status=302),
        "cannot be used",
    ),
    "redirect to a server that refuses connections": (
        change_headers("weights.bin", {"Location": "http://127.0.0.1:1/x"}, origin="hub"),
        "No connection",
    ),
    "header of any length": (
        answer_download_by(make_endless_head(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 4096)),
        "head of one answer takes more than 32768 bytes",
    ),
    "terminal codes in the error": (
        change_headers("weights.bin", {"X-Error-Message": "[2J your scan passed", "X-Error-Code": "x"}, status=418),
        "status 418",
    ),
    "short body": (answer_download_by(make_answer(b"x", "Content-Length: 1")), "another size than the Hub states"),
    "break without end": (
        lambda hub, tiny: hub.inject_fault("weights.bin", origin="cdn", drop_after=3),
        "The connection broke",
    ),
    "file of another commit": (
        change_headers("weights.bin", {"X-Repo-Commit": OTHER_COMMIT}, origin="hub"),
        f"is for commit {OTHER_COMMIT} in place of",
    ),
    "huge linked size in the head": (
        announce_size_of_unstated_file("X-Linked-Size"),
        "announces 100000000000000000 bytes",
    ),
    "huge content length in the head": (
        announce_size_of_unstated_file("Content-Length"),
        "announces 100000000000000000 bytes",
    ),
    "other size in the head": (
        change_headers("weights.bin", {"X-Linked-Size": str(10**18)}, origin="hub"),
        f"it states {10**18} bytes, and its listing {SIZE}",
    ),
    "redirect to a file": (
        change_headers("weights.bin", {"Location": "file:///etc/passwd"}, origin="hub"),
        "cannot be used",
    ),
    "redirect to itself": (
        change_headers("weights.bin", {"Location": "/acme/tiny/resolve/main/weights.bin"}, origin="hub"),
        "more than 8 requests",
    ),
    "redirect of the storage to a file": (
        change_headers("weights.bin", {"Location": "file:///etc/passwd"}, origin="cdn", status=302),
        "cannot be used",
    ),
    "storm of 503": (lambda hub, tiny: hub.inject_fault("weights.bin", status=503), "failed with status 503"),
    "ETag outside the cache": (
        change_headers("weights.bin", {"X-Linked-Etag": '"../../../../evil"'}, origin="hub"),
        "gives a file the ETag",
    ),
    "contradicted size": (state_other_size, "lists it with 1000000000000000000"),
    "lone surrogate in a name": (list_half_character, "holds half of a character"),
}

SLOW_FILES: dict[str, tuple[Arrange, str]] = {
    "dripped headers": (
        answer_download_by(make_endless_head(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.05)),
        "less than 32768 bytes a second",
    ),
    "dripped body": (
        lambda hub, tiny: [
            tiny.commit({"weights.bin": bytes(5000)}),
            answer_download_by(make_endless_body("Content-Length: 5000", piece=b"\0", seconds=0.05))(hub, tiny),
        ],
        "less than 32768 bytes a second after 0.5 s",
    ),
}


@pytest.mark.parametrize("name", [*FILE_FAULTS, *SLOW_FILES])
def test_scan_with_a_hostile_file_answer_records_the_cause_and_exits_with_3(
    hub: LoopbackHub, tiny: Repository, hub_home: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    arrange, words = (FILE_FAULTS | SLOW_FILES)[name]
    arrange(hub, tiny)
    outcome = scan_hub(SHORT_TIMES if name in SLOW_FILES else SERVER)
    assert outcome.exit_code == 3
    assert outcome.report is not None
    assert words in outcome.line
    assert outcome.line.isprintable()
    assert capfd.readouterr() == ("", "")
    assert_contained(hub, hub_home, outcome)


def test_scan_of_an_honest_hub_passes_under_the_bounds_of_the_hostile_tests(
    hub: LoopbackHub, tiny: Repository, hub_home: Path
) -> None:
    outcome = scan_hub()
    assert (outcome.exit_code, outcome.line) == (0, "")
    assert_contained(hub, hub_home, outcome)
    assert {request.token for request in hub.list_requests("hub")} == {TOKEN}


@pytest.mark.parametrize(
    "companion",
    [{"path": "a.txt", "xetHash": "zz"}, {"path": "," * 1990}],
    ids=["entry that the client does not store", "record beyond the bounds"],
)
def test_malicious_file_that_only_the_tree_listing_names_is_found_if_the_cached_listing_is_unusable(
    hub: LoopbackHub, tiny: Repository, companion: dict[str, object]
) -> None:
    """Loaders fetch what the listing of the tree names, also where the description of the commit omits it."""
    payload = (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()
    tiny.commit({"evil.pkl": payload})
    blob_id = hashlib.sha1(b"blob %d\0" % len(payload) + payload).hexdigest()
    evil = {"type": "file", "path": "evil.pkl", "size": len(payload), "oid": blob_id}
    further = {"type": "file", "size": 2, "oid": "0" * 40, **companion}
    second_page = f'<{hub.endpoint}/api/models/acme/tiny/tree/main?recursive=true>; rel="next"'
    hub.inject_fault("/revision/", content=describe_commit(tiny, [{"rfilename": "config.json"}]))
    hub.inject_fault(f"/tree/{tiny.sha}", content=json.dumps([evil]).encode(), headers={"Link": second_page})
    hub.inject_fault("/tree/main", content=json.dumps([further]).encode())
    outcome = scan_hub()
    assert outcome.exit_code == 1
    assert outcome.report is not None
    assert "evil.pkl" in {finding.artifact for finding in outcome.report.findings}


OFFLINE_AFTER: dict[str, tuple[Arrange, int]] = {
    "denied file that only the description names": (
        lambda hub, tiny: (
            hub.inject_fault("/tree/", content=list_weights()),
            # A small file is fetched by its name, or at the address that a redirect of another file shows.
            hub.inject_fault("notes.txt", status=403),
        ),
        3,
    ),
    "altered file that only the description names": (
        lambda hub, tiny: (
            hub.inject_fault("/tree/", content=list_weights()),
            hub.inject_fault("notes.txt", content=b"TEXT\n"),
        ),
        1,
    ),
    "size that only the description states": (
        lambda hub, tiny: hub.inject_fault(
            "/revision/", content=describe_commit(tiny, [{"rfilename": "notes.txt", "size": 4}])
        ),
        3,
    ),
    "denied file beside an invalid Xet hash": (
        lambda hub, tiny: (
            hub.inject_fault("/tree/", content=list_weights(xetHash="zz/../x")),
            hub.inject_fault("/revision/", content=describe_commit(tiny, [{"rfilename": "config.json"}])),
            hub.inject_fault("weights.bin", status=403),
        ),
        3,
    ),
}


@pytest.mark.parametrize("name", OFFLINE_AFTER)
def test_offline_scan_does_not_pass_after_a_scan_that_did_not(hub: LoopbackHub, tiny: Repository, name: str) -> None:
    arrange, exit_code = OFFLINE_AFTER[name]
    arrange(hub, tiny)
    assert modelaudit.scan("acme/tiny", second_opinion=False).exit_code == exit_code
    hub.clear_faults()
    assert modelaudit.scan("acme/tiny", second_opinion=False, offline=True).exit_code == 3
    assert modelaudit.scan("acme/tiny", second_opinion=False).exit_code == 0
    assert modelaudit.scan("acme/tiny", second_opinion=False, offline=True).exit_code == 0


def test_answer_for_another_commit_than_the_one_in_capitals_is_refused(hub: LoopbackHub, tiny: Repository) -> None:
    answer = describe_commit(tiny, [])
    answer_revision_by(make_answer(answer, JSON_TYPE, f"Content-Length: {len(answer)}", "Connection: close"))(hub, tiny)
    with pytest.raises(UnreachedError, match=f"{tiny.sha} in place of b{{40}}"):
        modelaudit.scan(f"acme/tiny@{'B' * 40}", second_opinion=False)
    hub.clear_faults()
    assert modelaudit.scan(f"acme/tiny@{tiny.sha.upper()}", second_opinion=False).target.commit == tiny.sha


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("headers", [{"Retry-After": "1000000000"}, {"RateLimit": '"api";r=0;t=1000000000'}])
def test_request_fails_without_a_pause_if_the_server_asks_for_a_wait_beyond_the_bound(
    hub: LoopbackHub, tiny: Repository, monkeypatch: pytest.MonkeyPatch, status: int, headers: dict[str, str]
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(retries, "pause", lambda budget, seconds: pauses.append(seconds))
    hub.inject_fault("/tree/", status=status, headers=headers, times=1)
    outcome = scan_hub()
    assert outcome.exit_code == 4
    assert "try again in 1000000000 s" in outcome.line
    assert pauses == []


def test_hub_client_gets_the_wait_in_the_first_200_characters_of_a_rate_limit_header_only_with_status_503() -> None:
    request = httpx2.Request("GET", "http://127.0.0.1/")
    budget = RequestBudget(request.url, ServerLimits())
    read, unread = '"api";r=0;t=7', '"api";r=0;t=50000'
    headers = {"RateLimit": read + "," * 200 + unread, "RateLimit-Policy": "q=1" * 99, "Retry-After": "5"}
    for status, waits in ((503, ["7"]), (404, [])):
        response = httpx2.Response(status, headers=headers, request=request)
        bound_wait(response, budget)
        assert list(response.headers.values()) == waits


def test_next_listing_page_on_another_origin_is_not_requested(hub: LoopbackHub, tiny: Repository) -> None:
    link_next_page(build_page_url_on_other_origin)(hub, tiny)
    scan_hub()
    assert hub.list_requests("cdn") == []


@pytest.mark.parametrize("match", ["/revision/", "/tree/", "config.json"])
def test_other_origin_behind_a_redirect_receives_no_token(
    hub: LoopbackHub, tiny: Repository, hub_home: Path, match: str
) -> None:
    hub.inject_fault(match, origin="hub", status=302, headers={"Location": f"{hub.cdn}/x"})
    outcome = scan_hub()
    assert outcome.exit_code == (3 if match == "config.json" else 4)
    assert hub.list_requests("cdn")
    assert_contained(hub, hub_home, outcome)


def test_redirect_to_an_address_with_user_and_password_receives_no_token(
    hub: LoopbackHub, tiny: Repository, hub_home: Path
) -> None:
    hub.inject_fault("/revision/", status=302, headers={"Location": hub.cdn.replace("//", "//ann:pw@") + "/x"})
    assert_contained(hub, hub_home, scan_hub())
    assert hub.list_requests("cdn")


def test_cookies_that_the_server_sets_are_never_sent_back(hub: LoopbackHub, tiny: Repository) -> None:
    hub.inject_fault("", headers={"Set-Cookie": "id=1; Path=/"})
    assert scan_hub().exit_code == 0
    assert len(hub.requests) > 3
    assert not [request for request in hub.requests if "cookie" in request.headers]


def test_xet_transport_is_never_used_even_if_the_hub_offers_it(
    hub: LoopbackHub, tiny: Repository, hub_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Xet would send the token to an address that the answer names, and fetch chunks past every bound."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    xet = {"X-Xet-Hash": "a" * 64, "X-Xet-Refresh-Route": f"{hub.cdn}/api/xet"}
    hub.inject_fault("weights.bin", origin="hub", headers=xet)
    entry = {
        "type": "file",
        "path": "weights.bin",
        "size": SIZE,
        "oid": "0" * 40,
        "xetHash": "a" * 64,
        "lfs": {"oid": hashlib.sha256(WEIGHTS).hexdigest(), "size": SIZE, "pointerSize": 130},
    }
    hub.inject_fault("/tree/", content=json.dumps([entry]).encode())
    outcome = scan_hub()
    assert outcome.exit_code == 0
    assert constants.HF_HUB_DISABLE_XET is False
    assert not [request for request in hub.requests if "/xet" in request.path]
    assert_contained(hub, hub_home, outcome)


def test_hub_is_asked_only_for_the_repository_its_owner_and_its_files_and_not_told_which_variables_are_set(
    hub: LoopbackHub, tiny: Repository, hub_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With telemetry, the client reports which variables of a list that the Hub sends are set."""
    from huggingface_hub import constants
    from huggingface_hub.utils import _detect_agent

    record = hub_home / ".agent_harnesses.json"
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", False)
    monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
    monkeypatch.setattr(constants, "AGENT_HARNESSES_PATH", str(record))
    monkeypatch.setattr(_detect_agent, "_registry", None)
    agents = json.dumps({"standardEnvVars": [], "harnesses": {"spied": {"envVars": {"HF_TOKEN": "*"}}}}).encode()
    hub.inject_fault("/api/agent-harnesses", script=make_answer(agents, JSON_TYPE, f"Content-Length: {len(agents)}"))
    assert scan_hub().exit_code == 0
    assert constants.HF_HUB_DISABLE_TELEMETRY is False
    starts = (
        *("/api/models/acme/tiny/", "/acme/tiny/resolve/", "/api/resolve-cache/models/acme/tiny/"),
        "/api/organizations/acme/overview",
    )
    assert [request.path for request in hub.list_requests("hub") if not request.path.startswith(starts)] == []
    assert [request for request in hub.requests if "agent/" in request.headers["user-agent"]] == []
    assert not record.exists()


def test_compressed_file_of_an_honest_mirror_is_examined(hub: LoopbackHub, tiny: Repository) -> None:
    """RFC 9110, section 12.5.3, allows a server to compress although the client asks it not to."""
    packed = gzip.compress(CONFIG.encode())
    hub.inject_fault(
        "config.json", method="GET", script=make_answer(packed, "Content-Encoding: gzip", "X-Repo-Commit: " + tiny.sha)
    )
    assert scan_hub().exit_code == 0


def test_token_goes_to_the_hub_alone_and_cookies_go_to_no_server(hub: LoopbackHub) -> None:
    """The client itself sends the token to some hosts that it knows as Hubs, whatever the endpoint is."""
    secrets = {"Authorization": f"Bearer {TOKEN}", "Cookie": f"id={TOKEN}"}
    budget = RequestBudget(httpx2.URL(hub.endpoint), SERVER)
    with BoundedFactory(httpx2.Client)() as client, activate_budget(budget):
        client.get(f"{hub.cdn}/x", headers=secrets)
        client.get(f"{hub.endpoint}/api/x", headers=secrets)
    to_other_origin, to_hub = hub.requests
    assert TOKEN not in str(to_other_origin.headers)
    assert (to_hub.token, to_hub.headers["Cookie"]) == (TOKEN, None)


def test_compressed_body_is_expanded_in_pieces_of_at_most_64_kib() -> None:
    pieces = list(decompress_pieces([BOMB], len(BOMB)))
    assert sum(map(len, pieces)) == 5_000_000
    assert max(map(len, pieces)) <= 64 * KIB


def test_warning_texts_of_the_server_are_not_logged(
    hub: LoopbackHub, tiny: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = io.StringIO()
    handlers = logging.getLogger("huggingface_hub").handlers
    assert handlers
    for handler in handlers:
        monkeypatch.setattr(handler, "stream", log)
    hub.inject_fault("/tree/", headers={"X-HF-Warning": "topic; \x1b[2J your scan passed"})
    hub.inject_fault("weights.bin", origin="cdn", status=429, times=1, headers={"Retry-After": "0"})
    assert scan_hub().exit_code == 0
    assert log.getvalue() == ""


def test_answer_with_a_range_other_than_the_requested_one_is_refused(hub: LoopbackHub, tiny: Repository) -> None:
    """The client appends the answer to a resumed download, whatever range it holds."""
    hub.inject_fault("weights.bin", origin="cdn", headers={"Content-Range": f"bytes 0-5/{SIZE}"})
    budget = RequestBudget(httpx2.URL(hub.endpoint), SERVER, "weights.bin", SIZE)
    make_client = BoundedFactory(lambda: httpx2.Client(follow_redirects=True))
    address = f"{hub.endpoint}/acme/tiny/resolve/main/weights.bin"
    with make_client() as client, activate_budget(budget), pytest.raises(RefusedAnswerError, match="another range"):
        client.get(address, headers={"Range": "bytes=5-"})


def test_malicious_file_whose_size_contradicts_the_listing_still_has_its_finding(
    hub: LoopbackHub, tiny: Repository
) -> None:
    tiny.commit({"weights.bin": (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()})
    hub.inject_fault("/revision/", content=describe_commit(tiny, [{"rfilename": "weights.bin", "size": 10**18}]))
    outcome = scan_hub()
    assert outcome.exit_code == 1
    assert "lists it with 1000000000000000000" in outcome.line


def test_remaining_files_are_not_requested_after_too_many_failed_downloads(hub: LoopbackHub, tiny: Repository) -> None:
    tiny.commit({f"part-{number:02}.txt": f"{number}" for number in range(30)})
    fault = hub.inject_fault("part-", status=500)
    outcome = scan_hub()
    assert outcome.exit_code == 3
    assert outcome.line.count("part-") == 30
    assert "3 other files could not be fetched before it" in outcome.line
    # Eight files are fetched at once, each with a first attempt and five retries.
    assert SERVER.failed_files * 6 <= fault.hits <= (SERVER.failed_files + 8) * 6


def test_repository_larger_than_the_free_space_is_refused_before_any_download(
    hub: LoopbackHub, tiny: Repository
) -> None:
    entry = {"type": "file", "path": "weights.bin", "size": 10**18, "oid": "0" * 40}
    hub.inject_fault("/revision/", content=describe_commit(tiny, []))
    hub.inject_fault("/tree/", content=json.dumps([entry]).encode())
    outcome = scan_hub()
    assert outcome.exit_code == 4
    assert "is full" in outcome.line
    assert not [request for request in hub.requests if "/resolve/" in request.path]


HARMLESS_ANSWERS: dict[str, Arrange] = {
    "size as text": lambda hub, tiny: hub.inject_fault("/tree/", content=list_weights(size=f"{SIZE}")),
    "negative size": lambda hub, tiny: hub.inject_fault("/tree/", content=list_weights(size=-1)),
    "entry of the type symlink": lambda hub, tiny: hub.inject_fault("/tree/", content=list_weights(type="symlink")),
    "entry without a type": lambda hub, tiny: hub.inject_fault("/tree/", content=list_weights(type=None)),
    "entries twice": lambda hub, tiny: hub.inject_fault(
        "/tree/", content=json.dumps(json.loads(list_weights()) * 2).encode()
    ),
    "early hints": lambda hub, tiny: hub.inject_fault(
        "/tree/", script=make_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", status="103 Early Hints")
    ),
    "card data as text": lambda hub, tiny: hub.inject_fault(
        "/revision/",
        content=json.dumps({"id": "acme/tiny", "sha": tiny.sha, "siblings": [], "cardData": "mit"}).encode(),
    ),
    "card data with a field of the client's class": lambda hub, tiny: hub.inject_fault(
        "/revision/",
        content=json.dumps({"id": "acme/tiny", "sha": tiny.sha, "siblings": [], "cardData": {"self": 1}}).encode(),
    ),
    "card data as a list": lambda hub, tiny: hub.inject_fault(
        "/revision/",
        content=json.dumps({"id": "acme/tiny", "sha": tiny.sha, "siblings": [], "cardData": ["mit"]}).encode(),
    ),
    "range that is ignored": lambda hub, tiny: [
        hub.inject_fault("weights.bin", origin="cdn", drop_after=3, times=1),
        hub.inject_fault("weights.bin", origin="cdn", ignore_range=True),
    ],
}


@pytest.mark.parametrize("name", HARMLESS_ANSWERS)
def test_scan_passes_if_odd_answers_leave_names_and_bytes_of_the_files_unchanged(
    hub: LoopbackHub, tiny: Repository, hub_home: Path, name: str
) -> None:
    HARMLESS_ANSWERS[name](hub, tiny)
    outcome = scan_hub()
    assert (outcome.exit_code, outcome.line) == (0, "")
    assert_contained(hub, hub_home, outcome)


OTHER_SHA256 = "e" * 64
CONTRADICTED_DIGESTS: dict[str, Arrange] = {
    "ETag of another blob": change_headers("weights.bin", {"X-Linked-Etag": f'"{OTHER_SHA256}"'}, origin="hub"),
    "ETag of another git blob": change_headers("weights.bin", {"X-Linked-Etag": "f" * 40}, origin="hub"),
    "LFS digest in the listing": lambda hub, tiny: hub.inject_fault(
        "/tree/", content=list_weights(lfs={"oid": OTHER_SHA256, "size": SIZE, "pointerSize": 127})
    ),
    "second entry of a page": lambda hub, tiny: hub.inject_fault(
        "/tree/",
        content=json.dumps(
            json.loads(list_weights())
            + json.loads(list_weights(lfs={"oid": OTHER_SHA256, "size": SIZE, "pointerSize": 127}))
        ).encode(),
    ),
    "description of the commit": lambda hub, tiny: hub.inject_fault(
        "/revision/",
        content=describe_commit(
            tiny, [{"rfilename": "weights.bin", "lfs": {"sha256": OTHER_SHA256, "size": SIZE, "pointerSize": 127}}]
        ),
    ),
    "other bytes": lambda hub, tiny: hub.inject_fault("weights.bin", origin="cdn", tamper=True),
    "bytes of another file": lambda hub, tiny: change_headers(
        "weights.bin", {"Location": f"{hub.endpoint}/acme/tiny/resolve/{tiny.sha}/config.json"}, origin="hub"
    )(hub, tiny),
}


@pytest.mark.parametrize("name", CONTRADICTED_DIGESTS)
def test_contradicted_digest_of_a_file_is_a_finding_and_the_file_is_not_left_in_the_cache(
    hub: LoopbackHub, tiny: Repository, hub_home: Path, name: str
) -> None:
    CONTRADICTED_DIGESTS[name](hub, tiny)
    report = modelaudit.scan("acme/tiny", second_opinion=False, checks=["integrity"], limits=Limits(server=SERVER))
    assert (report.exit_code, [finding.artifact for finding in report.findings]) == (1, ["weights.bin"])
    assert "weights.bin" not in list_cached(hub_home, "snapshots")
    assert_contained(hub, hub_home, Outcome(report.exit_code, "", report))


HOSTILE_NAMES = (
    *("../x", "../../../../../../x", "a/../../x", "..", ".", "", "/etc/x", "//x", "a//b", "./a", "a/", "a\0b"),
    *("C:\\x", "C:x", "\\\\server\\x", "a/..\\..\\x", "half\ud800", "x" * 300, "y/" * 3000 + "z"),
    *("config.json/x", "config.json/x/y"),
)
"""Names that lead out of the repository, that no file system stores, or that need a folder in place of a file."""


def test_hostile_names_are_unread_and_nothing_is_written_outside_of_the_cache(
    hub: LoopbackHub, tiny: Repository, hub_home: Path
) -> None:
    siblings = [
        {"rfilename": name, "size": 2} for name in ("config.json", "Config.json", "CONFIG.JSON", *HOSTILE_NAMES)
    ]
    hub.inject_fault("/revision/", content=describe_commit(tiny, siblings))
    hub.inject_fault("/tree/", content=b"[]")
    outcome = scan_hub()
    assert outcome.exit_code == 1
    assert outcome.report is not None
    # One of the names holds a zero byte.
    assert "document/deceptive-name" in {finding.rule for finding in outcome.report.findings}
    absent = {path for path, _ in outcome.report.coverage.open_absences}
    # A name that is too long is cut to one that is too long as well.
    assert {write_file_address(name[:3073]) for name in HOSTILE_NAMES} <= absent
    assert "config.json" not in {request.path for request in hub.list_requests("cdn")}
    assert_contained(hub, hub_home, outcome)


def list_cached(home: Path, folder: str) -> list[str]:
    """List the names of the files in the folders of that name in the Hub cache."""
    return sorted(path.name for path in home.rglob("*") if path.parent.name == folder or folder in path.parent.parts)


@pytest.mark.parametrize("checks", [["security", "integrity"], ["security"]])
@pytest.mark.parametrize("name", ["weights.bin", "config.json"])
def test_bytes_that_contradict_their_digest_are_examined_and_are_not_left_in_the_cache(
    hub: LoopbackHub, tiny: Repository, hub_home: Path, name: str, checks: list[str]
) -> None:
    """The client would take a blob of that name for every later request, without asking any server again."""
    payload = (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()
    tiny.commit({name: bytes(len(payload))})
    fault = hub.inject_fault(name, content=payload)
    report = modelaudit.scan("acme/tiny", second_opinion=False, checks=checks)
    assert report.exit_code == 1
    assert any("not kept in the cache" in note and repr(name) in note for note in report.target.notes)
    rules = {finding.rule for finding in report.findings if finding.artifact == name}
    assert "pickle/dangerous-call" in rules
    assert ("integrity/digest-mismatch" in rules) == ("integrity" in checks)
    assert fault.hits > 0
    assert not [path for path in hub_home.rglob("*") if path.is_file() and path.read_bytes() == payload]
    assert not [path for path in hub_home.rglob("*") if path.is_symlink() and not path.exists()]
    offline = modelaudit.scan("acme/tiny", second_opinion=False, checks=checks, offline=True)
    assert offline.exit_code == 3
    assert [path for path, _ in offline.coverage.open_absences] == [name]
    hub.clear_faults()
    findings = modelaudit.scan("acme/tiny", second_opinion=False).findings
    assert "integrity/digest-mismatch" not in {finding.rule for finding in findings}
    assert "pickle/dangerous-call" not in {finding.rule for finding in findings}


def test_two_files_that_share_one_altered_blob_are_both_examined_and_not_kept(
    hub: LoopbackHub, tiny: Repository, hub_home: Path
) -> None:
    payload = (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()
    names = [f"part-{number}.bin" for number in range(12)]
    tiny.commit(dict.fromkeys(names, bytes(len(payload))))
    hub.inject_fault("part-", content=payload)
    report = modelaudit.scan("acme/tiny", second_opinion=False, checks=["security", "integrity"])
    altered = {finding.artifact for finding in report.findings if finding.rule == "integrity/digest-mismatch"}
    assert altered == set(names)
    assert [path for path, _ in report.coverage.open_absences] == []
    assert not [path for path in hub_home.rglob("*") if path.name.startswith(("part-", ".rejected"))]


def test_blob_that_was_in_the_cache_before_stays_there_whatever_a_server_states(
    hub: LoopbackHub, tiny: Repository, hub_home: Path
) -> None:
    assert scan_hub().exit_code == 0
    blobs = list_cached(hub_home, "blobs")
    tiny.commit({"more.txt": "more\n"})  # another commit, whose files have the same blobs
    siblings = [{"rfilename": name, "blobId": "0" * 40} for name in ("config.json", "notes.txt", "more.txt")]
    hub.inject_fault("/revision/", content=describe_commit(tiny, siblings))
    report = modelaudit.scan("acme/tiny", second_opinion=False, checks=["security", "integrity"])
    altered = {finding.artifact for finding in report.findings if finding.rule == "integrity/digest-mismatch"}
    assert altered == {"config.json", "notes.txt", "more.txt"}
    # The bytes of the new blob have the digest in its name, and the listing lies.
    assert set(blobs) < set(list_cached(hub_home, "blobs"))


def test_altered_file_is_not_left_in_the_cache_if_another_file_ends_the_scan(
    hub: LoopbackHub, tiny: Repository, hub_home: Path
) -> None:
    payload = b"altered\n"
    tiny.commit({"notes.txt": bytes(len(payload))})
    hub.inject_fault("notes.txt", content=payload)
    hub.inject_fault("weights.bin", origin="hub", status=429, headers={"Retry-After": "10000"}, delay=0.5)
    assert scan_hub().exit_code == 4
    assert not [path for path in hub_home.rglob("*") if path.is_file() and path.read_bytes() == payload]


def test_altered_file_is_examined_and_not_kept_if_the_cache_has_no_links(
    hub: LoopbackHub, tiny: Repository, hub_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import file_download

    monkeypatch.setattr(file_download, "are_symlinks_supported", lambda cache_dir=None: False)
    hub.inject_fault("notes.txt", tamper=True)
    report = modelaudit.scan("acme/tiny", second_opinion=False, checks=["integrity"])
    assert [finding.artifact for finding in report.findings] == ["notes.txt"]
    assert "notes.txt" not in list_cached(hub_home, "snapshots")
    assert "config.json" in list_cached(hub_home, "snapshots")


@pytest.mark.parametrize("code", ["GatedRepo", None])
@pytest.mark.parametrize("status", [401, 403])
def test_denied_access_to_one_file_is_an_absence_and_the_other_files_are_examined(
    hub: LoopbackHub, tiny: Repository, hub_home: Path, status: int, code: str | None
) -> None:
    tiny.commit({"evil.pkl": (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()})
    hub.inject_fault("weights.bin", status=status, headers={"X-Error-Code": code})
    outcome = scan_hub()
    assert outcome.exit_code == 1
    assert outcome.report is not None
    assert [(path, absence.unread.reason) for path, absence in outcome.report.coverage.open_absences] == [
        ("weights.bin", UnreadReason.UNREADABLE)
    ]
    assert (
        "is gated" if code else f"denies access to this file of the model 'acme/tiny' on {hub.endpoint} (status"
    ) in outcome.line
    assert_contained(hub, hub_home, outcome)


@pytest.mark.parametrize("status", [401, 403])
def test_denied_access_to_every_file_or_to_the_listing_ends_the_scan(
    hub: LoopbackHub, tiny: Repository, status: int
) -> None:
    for match in ("/revision/", "/tree/", "/resolve"):
        hub.clear_faults()
        hub.inject_fault(match, status=status, headers={"X-Error-Code": "GatedRepo"})
        outcome = scan_hub()
        assert outcome.exit_code == 4
        assert "is gated; ask for it on" in outcome.line
        assert "HF_TOKEN" in outcome.line


def test_scan_makes_only_the_requests_on_the_list(hub: LoopbackHub, tiny: Repository) -> None:
    """A scan requests the revision, the listing and each wanted file of each repository, and the owner of the model."""
    tiny.commit({"README.md": "---\nlicense: mit\nbase_model: acme/base\ndatasets: [acme/rows]\n---\n"})
    base = hub.add_repository("acme/base", {"README.md": "---\nlicense: mit\n---\n", "weights.bin": WEIGHTS})
    rows = hub.add_repository("acme/rows", {"README.md": "---\nlicense: mit\n---\n"}, kind="dataset")
    assert modelaudit.scan("acme/tiny", second_opinion=False).exit_code == 0
    expected = {
        *list_requests("models", "acme/tiny", tiny.sha, "README.md", "config.json", "notes.txt"),
        *list_requests("models", "acme/base", base.sha, "README.md"),
        *list_requests("datasets", "acme/rows", rows.sha, "README.md"),
        ("GET", f"/acme/tiny/resolve/{tiny.sha}/weights.bin"),
        ("GET", "/api/organizations/acme/overview"),
    }
    to_hub, to_storage = hub.list_requests("hub"), hub.list_requests("cdn")
    made = {(request.method, request.path) for request in to_hub}
    assert made <= expected
    # The address to which one small file is redirected shows those of the others.
    assert {path for _, path in expected - made if f"/acme/tiny/resolve/{tiny.sha}/" not in path} == set()
    assert {request.token for request in to_hub} == {TOKEN}
    assert {(request.method, request.token) for request in to_storage} == {("GET", None)}
    sent = [str(request.headers) + request.target for request in hub.requests]
    assert not [text for text in sent if "cookie" in text.lower() or "agent/" in text]


def list_requests(kind: str, id_: str, commit: str, *names: str) -> Iterator[tuple[str, str]]:
    """List the requests for a repository of the kind ``models`` or ``datasets``, and for small files of it."""
    yield "GET", f"/api/{kind}/{id_}/revision/main"
    yield "GET", f"/api/{kind}/{id_}/tree/{commit}"
    prefix = "/datasets" if kind == "datasets" else ""
    for name in names:
        yield "GET", f"{prefix}/{id_}/resolve/{commit}/{name}"
        # The Hub redirects the request for a small file to this path.
        yield "GET", f"/api/resolve-cache/{kind}/{id_}/{commit}/{name}"


def test_files_without_a_listed_size_are_unread_beyond_the_bound_on_their_bytes_in_all(
    hub: LoopbackHub, tiny: Repository
) -> None:
    """The check of free space counts only stated sizes."""
    names = [f"part-{number:02}.txt" for number in range(6)]
    tiny.commit({name: f"{name} ".ljust(1000) for name in names})
    hub.inject_fault("/revision/", content=describe_commit(tiny, [{"rfilename": name} for name in names]))
    hub.inject_fault("/tree/", content=b"[]")
    limits = replace(SERVER, unstated_bytes=2500, failed_files=20)
    outcome = scan_hub(limits)
    assert outcome.exit_code == 3
    assert outcome.line.count("the files without a listed size have more than 2500 bytes in all") == 4
    assert scan_hub(replace(limits, unstated_bytes=8000)).exit_code == 0


def test_files_are_no_longer_requested_when_their_time_in_all_is_used_up(hub: LoopbackHub, tiny: Repository) -> None:
    """Each file has its own time, so many slow ones would take days."""
    tiny.commit({f"part-{number:02}.txt": f"{number}" for number in range(30)})
    hub.inject_fault("part-", origin="hub", delay=0.3)
    outcome = scan_hub(replace(SERVER, file_seconds=0.5, seconds_for_each_file=0.0, failed_files=3))
    assert outcome.exit_code == 3
    assert "files together arrived too slowly" in outcome.line
    assert "3 other files could not be fetched before it" in outcome.line


def test_answers_that_a_file_does_not_exist_count_as_failed_files_only_if_they_take_a_tenth_of_the_time_for_a_file(
    hub: LoopbackHub, tiny: Repository
) -> None:
    names = [f"absent-{number:02}.txt" for number in range(30)]
    siblings = [{"rfilename": name, "size": 1} for name in ("config.json", *names)]
    hub.inject_fault("/revision/", content=describe_commit(tiny, siblings))
    hub.inject_fault("/tree/", content=b"[]")
    absent = hub.inject_fault("absent-", headers={})
    assert scan_hub().exit_code == 3
    assert absent.hits == 30
    hub.inject_fault("absent-", delay=0.2)
    assert scan_hub(replace(SERVER, file_seconds=1.0, seconds_for_each_file=60)).exit_code == 3
    # Eight files are fetched at once.
    assert SERVER.failed_files <= absent.hits - 30 <= SERVER.failed_files + 8


@pytest.mark.parametrize("endpoint", ["file:///etc", "ftp://127.0.0.1", "gopher://x", "http:/x", "//x", "javascript:1"])
def test_endpoint_other_than_a_valid_http_or_https_address_is_a_configuration_error(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(ConfigurationError, match="HF_ENDPOINT") as refused:
        modelaudit.scan("acme/tiny", second_opinion=False)
    assert refused.value.exit_code == 2


@pytest.fixture
def secure_hub(hub_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """Start a loopback Hub behind https that the client trusts."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    set_client_factory(lambda: httpx2.Client(verify=client, follow_redirects=True))
    with LoopbackHub(tls=server) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.endpoint)
        yield served
    set_client_factory(default_client_factory)


@pytest.mark.parametrize(("match", "exit_code"), [("/revision/", 4), ("config.json", 3)])
def test_redirect_away_from_tls_is_refused(
    secure_hub: LoopbackHub, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, match: str, exit_code: int
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", secure_hub.endpoint)
    commit = secure_hub.add_repository("acme/tiny", FILES).sha
    secure_hub.inject_fault(
        match,
        origin="hub",
        status=302,
        headers={"Location": f"{hub.endpoint}/x", "X-Repo-Commit": commit, "ETag": "0" * 40},
    )
    outcome = scan_hub()
    assert outcome.exit_code == exit_code
    assert "leads away from TLS" in outcome.line
    assert hub.requests == []
