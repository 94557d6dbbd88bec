"""What stops a scan before it has a result. Each error carries one line for a person and an exit code for a gate."""

from __future__ import annotations

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


class DefectError(ModelAuditError):
    """modelaudit itself failed, and has no result (exit 4)."""

    exit_code = 4


class WindowError(Exception):
    """The bytes of an artifact could not be had where a reader asked for them; ``reason`` says in which way."""

    def __init__(self, message: str, reason: UnreadReason = UnreadReason.UNREADABLE) -> None:
        super().__init__(message)
        self.reason = reason
