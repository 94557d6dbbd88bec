"""What stops a scan before it has a result. Each error carries one line for a person and an exit code for a gate."""

from __future__ import annotations

from modelaudit.model.artifact import Snapshot
from modelaudit.model.structure import UnreadReason


class ModelAuditError(Exception):
    """A scan could not be carried out.

    The message is one line: what happened, where, and what to do next. Line breaks in it become spaces.
    """

    exit_code: int = 4

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class ConfigurationError(ModelAuditError):
    """An option, a policy or a rule file is wrong (exit 2). Names the file and the line where there is one."""

    exit_code = 2


class SourceError(ModelAuditError):
    """The target could not be resolved or fetched: missing, gated, rate-limited, offline, disk full (exit 4)."""

    exit_code = 4


class MissingError(SourceError):
    """There is no such repository, file or revision, or it is hidden: a Hub does not tell missing from private."""


class GatedError(SourceError):
    """It is there, and whoever asks may not have it.

    Attributes:
        snapshot: what the Hub shows of it all the same: every file listed, none of them here. ``None`` if nothing.
    """

    def __init__(self, message: str, snapshot: Snapshot | None = None) -> None:
        super().__init__(message)
        self.snapshot = snapshot


class UnreachedError(SourceError):
    """Nobody knows whether it is there: no network, offline and not in the cache, or the Hub failed."""


class DefectError(ModelAuditError):
    """modelaudit itself failed, and has no result (exit 4)."""

    exit_code = 4


class WindowError(Exception):
    """The bytes of an artifact could not be had where a reader asked for them; ``reason`` says in which way."""

    def __init__(self, message: str, reason: UnreadReason = UnreadReason.UNREADABLE) -> None:
        super().__init__(message)
        self.reason = reason
