"""Fetch one file of a repository over HTTP into a partial file, which is continued after a broken connection.

The request, its redirects and the headers are those of ``huggingface_hub.file_download``, without its request for the
headers alone: the answer with the bytes has them too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

import httpx2
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils._http import get_session, hf_raise_for_status
from msgspec import Struct

from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB
from modelaudit.sources.budget import RequestBudget
from modelaudit.sources.claims import parse_digest
from modelaudit.sources.partial import PartialFile
from modelaudit.sources.retries import may_pass, wait_for_retry
from modelaudit.sources.session import read_etag

_ENOUGH_BYTES = MIB
"""Bytes after which a connection that breaks counts as the first one that broke."""
_LENGTH = defer_pattern(r"\d{1,18}", re.ASCII)
_CONTENT_RANGE = defer_pattern(r"bytes \d{1,18}-\d{1,18}/(\d{1,18})", re.ASCII)


class WrongSizeError(OSError):
    """A file arrived with another size than the Hub states."""


class StatedFile(Struct, frozen=True):
    """The statements of the Hub's headers about a file.

    Attributes:
        etag: without quotes; empty if it is not stated.
        size: in bytes; ``None`` if it is not stated.
        names_commit: an answer names the commit, as those of a Hub do, and not every mirror of one.
    """

    etag: str
    size: int | None
    names_commit: bool


class Transfer(Struct):
    """Fetches the bytes of one file.

    Attributes:
        url: of the file on the Hub.
        headers: of the requests.
        budget: the bounds; it is active.
        partial: receives the bytes; those that it has are not fetched again.
        algorithms: of the digests that the listing states.
        size: that the listing states.
        count_bytes: called with the number of bytes that arrived; it is negative if the file begins again.
        location: address at which the bytes were found; ``None`` before the first answer.
        redirected_url: address on the Hub itself that answered last.
    """

    url: str
    headers: Mapping[str, str]
    budget: RequestBudget
    partial: PartialFile
    algorithms: Collection[DigestAlgorithm]
    size: int | None
    count_bytes: Callable[[int], None]
    location: str | None = None
    redirected_url: str = ""
    _stated: StatedFile | None = None

    def fetch(self) -> StatedFile:
        """Fetch the missing bytes, and hash all of them. After a broken connection, go on where it broke.

        Raises:
            WrongSizeError: the file has another size than the Hub states.
            OSError: it cannot be stored.
            one of ``CLIENT_ERRORS``: no answer, or one that no Hub gives.
        """
        if self.size is not None and self.partial.size >= self.size:  # only of an earlier run
            if self.partial.size == self.size > 0:
                self.partial.hash_by({DigestAlgorithm.SHA256, *self.algorithms}, self.size)
                return StatedFile("", self.size, names_commit=True)
            self._restart()
        failures = 0
        while True:
            size_before = self.partial.size
            try:
                stated = self._fetch_rest()
            except httpx2.TransportError as error:
                if not may_pass(error):
                    raise
                failure = error
            except HfHubHTTPError:
                if self.location is None:
                    raise
                self.location = None  # an address of the storage is valid for some time only
                continue
            else:
                self._check_size(stated)
                return stated
            failures = 1 if self.partial.size - size_before >= _ENOUGH_BYTES else failures + 1
            if not wait_for_retry(failures, self.budget, httpx2.URL(self.location or self.url).host):
                raise failure

    def _fetch_rest(self) -> StatedFile:
        """Request the bytes that the partial file lacks, and write them to it."""
        headers = dict(self.headers)
        if self.partial.size:
            headers["range"] = f"bytes={self.partial.size}-"
        session = get_session()
        request = session.build_request("GET", self.location or self.url, headers=headers)
        response = session.send(request, stream=True, follow_redirects=True)
        try:
            if response.status_code == 416 and self.partial.size:  # the file ends before the bytes that it has here
                self._restart()
                return self._fetch_rest()
            hf_raise_for_status(response)
            if self._stated is None:
                self._stated = self._read_statement(response)
            self.location = str(response.url)
            if self.partial.size and response.status_code != 206:  # the server ignores the range
                self._restart()
            self._write(response, self._stated)
        finally:
            response.close()
        return self._stated

    def _write(self, response: httpx2.Response, stated: StatedFile) -> None:
        """Write the body of an answer to the partial file."""
        stated_size = stated.size if self.size is None else self.size
        stated_algorithms = {digest.algorithm for digest in parse_digest(stated.etag)}
        self.partial.hash_by({DigestAlgorithm.SHA256, *self.algorithms, *stated_algorithms}, stated_size or 0)
        for piece in response.iter_raw():
            self.partial.write(piece)
            self.count_bytes(len(piece))

    def _restart(self) -> None:
        """Remove the bytes so far."""
        self.count_bytes(-self.partial.size)
        self.partial.restart()

    def _check_size(self, stated: StatedFile) -> None:
        """Raise ``WrongSizeError`` if the file has another size than the Hub states in its headers."""
        if stated.size is not None and stated.size != self.partial.size:
            raise WrongSizeError(f"{self.partial.size} bytes arrived in place of {stated.size}")

    def _read_statement(self, response: httpx2.Response) -> StatedFile:
        """Return what the Hub states for the file, in the last of its own answers on the way to the bytes."""
        answers = [each for each in (*response.history, response) if self.budget.is_own_origin(each.request.url)]
        names_commit = any("x-repo-commit" in each.headers for each in answers)
        last = answers[-1]
        self.redirected_url = str(last.request.url)
        size = last.headers.get("x-linked-size")
        if size is None and not last.is_redirect:
            whole = _CONTENT_RANGE.fullmatch(last.headers.get("content-range", ""))
            size = whole[1] if whole else last.headers.get("content-length", "")
        return StatedFile(read_etag(last), int(size) if size and _LENGTH.fullmatch(size) else None, names_commit)
