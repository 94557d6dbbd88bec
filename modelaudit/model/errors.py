"""Errors that end a scan without a report. Each carries a message of one line and an exit code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from modelaudit.model.artifact import Snapshot
from modelaudit.model.structure import UnreadReason


class ModelAuditError(Exception):
    """Base class of all errors.

    The message is one line: the problem, its place, and the next step. Line breaks in it become spaces.
    """

    exit_code: int = 4

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class ConfigurationError(ModelAuditError):
    """An option, a policy or a rule file is wrong (exit 2). Names the file and the line where there is one."""

    exit_code = 2


class SignatureError(ModelAuditError):
    """A signature, or the statement under it, is refused (exit 1). The message is one clause without a subject."""

    exit_code = 1


class Refusal(NamedTuple):
    """One reason for which a model or a verdict is refused.

    Attributes:
        sentence: one clause, with the path of a file.
        kind: of the condition that does not hold, or of the difference of a file.
        path: of the file; empty for a condition.
    """

    sentence: str
    kind: str
    path: str = ""


class RefusedModelError(SignatureError):
    """A model or a verdict that is refused for several reasons; the message is about the first.

    Attributes:
        refusals: each reason.
    """

    def __init__(self, message: str, refusals: Iterable[Refusal]) -> None:
        super().__init__(message)
        self.refusals = tuple(refusals)


class UntrustedSignerError(SignatureError):
    """A signature that is well formed, and that no trusted signer made."""


class UncheckedSignerError(SignatureError):
    """A signature that a trusted signer may have made; the package that its check needs is not installed."""


class SourceError(ModelAuditError):
    """The target could not be resolved or fetched: missing, gated, rate-limited, offline, disk full (exit 4)."""

    exit_code = 4


class MissingError(SourceError):
    """The repository, file or revision is missing or private: the Hub gives the same answer for both."""


class GatedError(SourceError):
    """The repository is gated, and the user has no access.

    Attributes:
        snapshot: the files that the Hub lists in spite of the gate, each without content; ``None`` without a listing.
    """

    def __init__(self, message: str, snapshot: Snapshot | None = None) -> None:
        super().__init__(message)
        self.snapshot = snapshot


class UnreachedError(SourceError):
    """The source gave no answer: no network, offline without a cached copy, or a failure of the Hub."""


class NotCachedError(UnreachedError):
    """The scan is offline, and the Hub cache does not hold the repository. The message names the cache's folder."""


class UnconnectedError(UnreachedError):
    """No connection to the source came about, so no server of it answered anything."""


class OutputError(ModelAuditError):
    """A report could not be written although its place is right: a full disk or a failing device (exit 4)."""

    exit_code = 4


class InternalError(ModelAuditError):
    """modelaudit itself failed and has no report (exit 4)."""

    exit_code = 4


class WindowError(Exception):
    """A window could not return bytes that a reader requested; ``reason`` classifies the cause."""

    def __init__(self, message: str, reason: UnreadReason = UnreadReason.UNREADABLE) -> None:
        super().__init__(message)
        self.reason = reason
