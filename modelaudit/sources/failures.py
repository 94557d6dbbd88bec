"""Why a repository could not be had, each reason in a sentence of its own."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
from huggingface_hub.errors import (
    DisabledRepoError,
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RevisionNotFoundError,
)

from modelaudit.model.artifact import ModelRef, RefKind
from modelaudit.model.errors import GatedError, MissingError, SourceError, UnreachedError
from modelaudit.sources.session import LongWaitError, RefusedAnswerError, wait_told
from modelaudit.sources.settings import HubSettings

CLIENT_ERRORS = (
    httpx2.HTTPError,
    httpx2.InvalidURL,
    OSError,  # also the client's own "not found locally" and "offline"
    ValueError,  # answers that are no JSON, names that are no names
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    AssertionError,
    LongWaitError,
    RefusedAnswerError,
)
"""All that the client lets through when a server fails, refuses, or answers as no Hub does."""

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclass(frozen=True, slots=True)
class Explainer:
    """Turns what the client raised for one repository into the error that a person reads.

    Attributes:
        typed: whether a person typed the name, who may as well have meant a path.
    """

    ref: ModelRef
    settings: HubSettings
    typed: bool = True

    @property
    def _what(self) -> str:
        noun = "dataset" if self.ref.kind is RefKind.DATASET else "model"
        return f"the {noun} {self.ref.name!r} on {self.settings.endpoint}"

    def explain(self, error: BaseException) -> SourceError:
        """The error to raise in place of ``error``; the first cause that says enough decides."""
        for cause in _causes(error):
            message = self._of_status(cause) or self._of_network(cause)
            if message:
                return _kind_of(cause)(message)
            message = self._of_disk(cause)
            if message:
                return SourceError(message)
        detail = f"{type(error).__name__}: {error}"[:300]
        return UnreachedError(
            f"What came back for {self._what} is not what a Hub answers ({detail}); check HF_ENDPOINT and any proxy."
        )

    def _of_status(self, cause: BaseException) -> str | None:
        if isinstance(cause, LongWaitError):
            return self._rate_limited(cause.seconds)
        if isinstance(cause, RefusedAnswerError):
            return f"The answer for {self._what} was refused: {cause}; check HF_ENDPOINT, a Hub does not send this."
        if isinstance(cause, FileMetadataError):
            return f"The answer for {self._what} lacks the headers of a Hub; check HF_ENDPOINT and any proxy."
        if not isinstance(cause, HfHubHTTPError):
            return None
        page = f"{self.settings.endpoint}/{'datasets/' if self.ref.kind is RefKind.DATASET else ''}{self.ref.name}"
        if isinstance(cause, GatedRepoError):
            return f"Access to {self._what} is gated; ask for it on {page} and set HF_TOKEN to a token of that account."
        if isinstance(cause, DisabledRepoError):
            return f"Access to {self._what} is disabled, by the Hub or its owner; {page} may say why."
        if isinstance(cause, RevisionNotFoundError):
            return f"There is no revision {self.ref.revision or 'main'!r} of {self._what}; {page} lists its branches."
        if isinstance(cause, RemoteEntryNotFoundError):
            return f"A file that is listed for {self._what} is not there; try again later."
        return self._of_code(cause)

    def _of_code(self, cause: HfHubHTTPError) -> str:
        code = cause.response.status_code
        if code == 401 and "credentials" in (cause.server_message or "").lower():
            return f"The Hub refuses the token that it was asked with for {self._what}; check HF_TOKEN."
        if code in (401, 404):
            start = f"There is no local path {self.ref.name!r}, and the" if self.typed else "The"
            return (
                f"{start} Hub does not show {self._what}: it is missing or private, which the Hub does not tell apart; "
                "check the id, and set HF_TOKEN if it is private."
            )
        if code == 403:
            return f"The Hub forbids access to {self._what}; check that the token in HF_TOKEN may read it."
        if code == 429:
            return self._rate_limited(wait_told(cause.response.headers))
        if code == 408 or code >= 500:
            return f"The Hub failed with status {code} for {self._what}; try again later."
        return f"The Hub refused the request for {self._what} with status {code}; check the id and HF_ENDPOINT."

    def _rate_limited(self, seconds: int | None) -> str:
        wait = "later" if seconds is None else f"in {seconds} s"
        return f"The Hub limits the rate of requests for {self._what}; try again {wait}, or with HF_TOKEN set."

    def _of_network(self, cause: BaseException) -> str | None:
        if isinstance(cause, OfflineModeIsEnabled):
            return (
                f"The Hub's client was loaded in offline mode, so {self._what} cannot be asked; unset HF_HUB_OFFLINE."
            )
        if isinstance(cause, httpx2.ProxyError):
            return f"The proxy did not let the request for {self._what} through; check HTTPS_PROXY."
        if isinstance(cause, (httpx2.TimeoutException, TimeoutError)):
            return f"There was no answer in time for {self._what}; check the network, or raise HF_HUB_DOWNLOAD_TIMEOUT."
        if isinstance(cause, httpx2.ConnectError):
            return f"No connection for {self._what}: {_connection(cause)}; check the network and HF_ENDPOINT."
        if isinstance(cause, (httpx2.NetworkError, httpx2.ProtocolError)):
            return f"The connection broke while fetching {self._what}; try again, what was fetched is kept."
        if isinstance(cause, httpx2.TooManyRedirects):
            return f"The Hub redirects in circles for {self._what}; check HF_ENDPOINT."
        if isinstance(cause, (httpx2.UnsupportedProtocol, httpx2.InvalidURL)):
            return f"The address of {self._what} cannot be used; check HF_ENDPOINT."
        return None

    def _of_disk(self, cause: BaseException) -> str | None:
        if not isinstance(cause, OSError):
            return None
        cache = str(self.settings.cache)
        if cause.errno in _DISK_FULL:
            return f"The disk of the Hub cache {cache!r} is full; free space there or name another cache in HF_HOME."
        if cause.errno in _DENIED:
            return f"The Hub cache {cache!r} cannot be written: {cause.strerror}; allow it or set HF_HOME elsewhere."
        if cause.errno is not None:
            return f"{self._what[0].upper()}{self._what[1:]} cannot be kept in the cache {cache!r}: {cause.strerror}."
        if "Consistency check failed" in str(cause):
            return f"A file of {self._what} arrived with another size than the Hub states; try again."
        return None


def _kind_of(cause: BaseException) -> type[SourceError]:
    """Whether it is not there, not to be had, or nobody knows."""
    if isinstance(cause, GatedRepoError | DisabledRepoError):
        return GatedError
    if isinstance(cause, RevisionNotFoundError | RemoteEntryNotFoundError):
        return MissingError
    if not isinstance(cause, HfHubHTTPError):
        return UnreachedError
    code = cause.response.status_code
    if code == 403:
        return GatedError
    refused = "credentials" in (cause.server_message or "").lower()
    return MissingError if code in (401, 404) and not refused else UnreachedError


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _connection(error: httpx2.ConnectError) -> str:
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return "the name of the server is not known"
        if isinstance(cause, ssl.SSLError):
            return "the server's TLS certificate or protocol is not accepted"
        if isinstance(cause, ConnectionRefusedError):
            return "the server refuses connections"
    text = str(error)
    return "the server's TLS certificate is not accepted" if "CERTIFICATE" in text else text or "it failed"
