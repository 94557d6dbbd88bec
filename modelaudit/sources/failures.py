"""Explain failures of the Hub's client: one sentence for each cause, with the next step."""

from __future__ import annotations

import errno
import socket
import ssl

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
from msgspec import Struct

from modelaudit.model.artifact import ModelRef, RefKind
from modelaudit.model.errors import GatedError, MissingError, SourceError, UnreachedError
from modelaudit.sources.budget import BoundReachedError, LongWaitError, RefusedAnswerError
from modelaudit.sources.causes import iterate_causes
from modelaudit.sources.retries import RetriesExhaustedError
from modelaudit.sources.settings import HubSettings
from modelaudit.sources.transfer import WrongSizeError
from modelaudit.sources.waits import parse_wait

CLIENT_ERRORS = (
    httpx2.HTTPError,
    httpx2.InvalidURL,
    OSError,  # also the client's own "not found locally" and "offline"
    ValueError,  # answers that are not JSON, names that are not names
    LookupError,
    ArithmeticError,  # numbers and dates beyond what their types hold
    TypeError,
    AttributeError,
    RuntimeError,
    AssertionError,
    LongWaitError,
    RefusedAnswerError,
    BoundReachedError,
    RetriesExhaustedError,
)
"""The exceptions that the client raises when a server fails, refuses, or sends an answer that no Hub sends."""

_TRUST = "set SSL_CERT_FILE to the certificates of your proxy or mirror"
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
# The name is too long, or the cache has a folder in the place of the file, or a file in the place of a folder.
_ERRORS_OF_ONE_NAME = (errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST)


class FailureExplainer(Struct, frozen=True):
    """Translates exceptions of the client for one repository into errors with a message.

    Attributes:
        may_be_path: the user typed the name, and may have meant a path.
        is_for_one_file: the errors are those of one file, while other files of the repository were served.
    """

    ref: ModelRef
    settings: HubSettings
    may_be_path: bool = False
    is_for_one_file: bool = False

    @property
    def _subject(self) -> str:
        """The repository, as the messages name it."""
        noun = "dataset" if self.ref.kind is RefKind.DATASET else "model"
        return f"the {noun} {self.ref.name!r} on {self.settings.endpoint}"

    def explain(self, error: BaseException) -> SourceError:
        """Return the error to raise in place of ``error``, explained by the first known cause in its chain."""
        for cause in iterate_causes(error):
            message = self._explain_status(cause) or self._explain_network(cause)
            if message:
                return _choose_error_type(cause)(message)
            message = self._explain_disk(cause)
            if message:
                return SourceError(message)
        detail = self.settings.hide_credentials(f"{type(error).__name__}: {error}")[:300]
        return UnreachedError(
            f"The answer for {self._subject} does not come from a Hub ({detail}); check HF_ENDPOINT and any proxy."
        )

    def _explain_status(self, cause: BaseException) -> str | None:
        """Return the message for an answer of the server; ``None`` if ``cause`` is not such an answer."""
        if isinstance(cause, LongWaitError):
            return self._explain_rate_limit(cause.seconds)
        if isinstance(cause, RefusedAnswerError):
            return f"The answer for {self._subject} was refused: {cause}; check HF_ENDPOINT, a Hub does not send this."
        if isinstance(cause, BoundReachedError):
            return f"The answer for {self._subject} was given up: {cause}; check HF_ENDPOINT, or try again later."
        if isinstance(cause, FileMetadataError):
            return f"The answer for {self._subject} lacks the headers of a Hub; check HF_ENDPOINT and any proxy."
        if not isinstance(cause, HfHubHTTPError):
            return None
        page = f"{self.settings.endpoint}/{'datasets/' if self.ref.kind is RefKind.DATASET else ''}{self.ref.name}"
        if isinstance(cause, GatedRepoError):
            part = "this file of " if self.is_for_one_file else ""
            next_step = f"ask for it on {page} and set HF_TOKEN to a token of that account"
            return f"Access to {part}{self._subject} is gated; {next_step}."
        if isinstance(cause, DisabledRepoError):
            return f"Access to {self._subject} is disabled, by the Hub or its owner; {page} may say why."
        if isinstance(cause, RevisionNotFoundError):
            return (
                f"There is no revision {self.ref.revision or 'main'!r} of {self._subject}; {page} lists its branches."
            )
        if isinstance(cause, RemoteEntryNotFoundError):
            return f"A file that is listed for {self._subject} is not there; try again later."
        return self._explain_status_code(cause)

    def _explain_status_code(self, cause: HfHubHTTPError) -> str:
        """Return the message for an answer that only its HTTP status code explains."""
        code = cause.response.status_code
        if code == 401 and "credentials" in (cause.server_message or "").lower():
            return f"The Hub refuses the token that it was asked with for {self._subject}; check HF_TOKEN."
        if code in (401, 403) and self.is_for_one_file:
            return (
                f"The Hub denies access to this file of {self._subject} (status {code}); ask its owner for access, and "
                "set HF_TOKEN to a token that has it."
            )
        if code in (401, 404):
            start = f"There is no local path {self.ref.name!r}, and the" if self.may_be_path else "The"
            return (
                f"{start} Hub does not show {self._subject}: it is missing or private, and the Hub does not say which; "
                "check the id, and set HF_TOKEN if it is private."
            )
        if code == 403:
            return f"The Hub forbids access to {self._subject}; check that the token in HF_TOKEN may read it."
        if code == 429:
            return self._explain_rate_limit(parse_wait(cause.response.headers))
        if code == 408 or code >= 500:
            return f"The Hub failed with status {code} for {self._subject}; try again later."
        return f"The Hub refused the request for {self._subject} with status {code}; check the id and HF_ENDPOINT."

    def _explain_rate_limit(self, seconds: int | None) -> str:
        wait = "later" if seconds is None else f"in {seconds} s"
        return f"The Hub limits the rate of requests for {self._subject}; try again {wait}, or with HF_TOKEN set."

    def _explain_network(self, cause: BaseException) -> str | None:
        """Return the message for a request without an answer; ``None`` if ``cause`` is something else."""
        if isinstance(cause, OfflineModeIsEnabled):
            return f"The Hub's client is in offline mode, so {self._subject} cannot be requested; unset HF_HUB_OFFLINE."
        if isinstance(cause, httpx2.ProxyError):
            return f"The proxy did not let the request for {self._subject} through; check HTTPS_PROXY."
        if isinstance(cause, (httpx2.TimeoutException, TimeoutError)):
            return (
                f"There was no answer in time for {self._subject}; check the network, or raise HF_HUB_DOWNLOAD_TIMEOUT."
            )
        if isinstance(cause, httpx2.ConnectError):
            return f"No connection for {self._subject}: {_explain_connection(cause)}."
        if isinstance(cause, (httpx2.NetworkError, httpx2.ProtocolError)):
            return f"The connection broke while fetching {self._subject}; try again, what was fetched is kept."
        if isinstance(cause, httpx2.TooManyRedirects):
            return f"The Hub redirects in circles for {self._subject}; check HF_ENDPOINT."
        if isinstance(cause, (httpx2.UnsupportedProtocol, httpx2.InvalidURL)):
            return f"The address of {self._subject} cannot be used; check HF_ENDPOINT."
        return None

    def _explain_disk(self, cause: BaseException) -> str | None:
        """Return the message for a file that cannot be stored; ``None`` if ``cause`` is something else."""
        if not isinstance(cause, OSError):
            return None
        if isinstance(cause, WrongSizeError):
            return f"A file of {self._subject} arrived with another size than the Hub states; try again."
        cache = str(self.settings.cache)
        if cause.errno in _DISK_FULL:
            return f"The disk of the Hub cache {cache!r} is full; free space there or name another cache in HF_HOME."
        if cause.errno in _DENIED:
            return f"The Hub cache {cache!r} cannot be written: {cause.strerror}; allow it or set HF_HOME elsewhere."
        if cause.errno is not None:
            subject = self._subject[0].upper() + self._subject[1:]
            return f"{subject} cannot be stored in the cache {cache!r}: {cause.strerror}."
        return None


def concerns_every_file(error: BaseException) -> bool:
    """Whether the failure to fetch one file means that no other file can be fetched.

    That is so for a rate limit and for a cache without room. Anything else is the fault of the one file, or of the
    server's answer for it, which may deny access, break off, or lead to a server that refuses connections.
    """
    for cause in iterate_causes(error):
        if isinstance(cause, (BoundReachedError, RefusedAnswerError)):
            return False
        if isinstance(cause, HfHubHTTPError):
            return cause.response.status_code == 429
        if isinstance(cause, (LongWaitError, OfflineModeIsEnabled)):
            return True
        if isinstance(cause, httpx2.TransportError):
            return False
        if isinstance(cause, OSError) and cause.errno is not None and not isinstance(cause, TimeoutError):
            return cause.errno not in _ERRORS_OF_ONE_NAME
    return False


def is_unconnected(error: BaseException) -> bool:
    """Whether no connection to a server came about."""
    kinds = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError)
    return any(isinstance(cause, kinds) for cause in iterate_causes(error))


def is_access_denied(error: BaseException) -> bool:
    """Whether the server denied access: the file is gated, disabled or private, or the token is refused."""
    statuses = [cause.response.status_code for cause in iterate_causes(error) if isinstance(cause, HfHubHTTPError)]
    return statuses[:1] in ([401], [403])


def _choose_error_type(cause: BaseException) -> type[SourceError]:
    """Return the class of the error to raise for ``cause``: missing, gated or unreached."""
    if isinstance(cause, GatedRepoError | DisabledRepoError):
        return GatedError
    if isinstance(cause, RevisionNotFoundError | RemoteEntryNotFoundError):
        return MissingError
    if not isinstance(cause, HfHubHTTPError):
        return UnreachedError
    code = cause.response.status_code
    if code == 403:
        return GatedError
    # 401 is also the answer for a missing repository; only its message shows that the token was refused.
    is_token_refused = "credentials" in (cause.server_message or "").lower()
    return MissingError if code in (401, 404) and not is_token_refused else UnreachedError


def _explain_connection(error: httpx2.ConnectError) -> str:
    """Return the reason why a connection failed and the next step, as clauses of a message."""
    next_step = "check the network and HF_ENDPOINT"
    for cause in iterate_causes(error):
        if isinstance(cause, socket.gaierror):
            return f"the name of the server is not known; {next_step}"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the server's TLS certificate is not accepted; {_TRUST}"
        if isinstance(cause, ssl.SSLError):
            return f"the server's TLS protocol is not accepted; {next_step}, or {_TRUST}"
        if isinstance(cause, ConnectionRefusedError):
            return f"the server refuses connections; {next_step}"
    text = str(error)
    if "CERTIFICATE" in text:
        return f"the server's TLS certificate is not accepted; {_TRUST}"
    return f"{text or 'it failed'}; {next_step}"
