"""Facts about files in which the records of a source and the disk disagree."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from modelaudit.model.digest import ClaimSource


class SourceFactKind(StrEnum):
    """The kinds of facts; rules match on these words, so they are permanent."""

    UNLISTED = "unlisted"
    """The file is present, and the listing of the commit does not name it."""
    UNTRACKED = "untracked"
    """The file lies in a git checkout, and the index does not list it."""
    PLAIN_FILE = "plain-file"
    """The file is stored itself in a snapshot of the Hub cache, where the client stores a link to a blob."""
    NAMED_ABSENT = "named-absent"
    """The record states the digest of a file that is not there."""
    LOCK_DIFFERENCE = "lock-difference"
    """The name, the kind or the mode of an entry differs from a lock."""
    SIGNATURE_REFUSED = "signature-refused"
    """The signature is malformed, is of no trusted signer, or does not fit its statement."""
    SIGNATURE_UNCHECKED = "signature-unchecked"
    """The signature proves nothing, because no trusted signer of its method was given."""
    NOT_SIGNED = "not-signed"
    """The file is present, and a verified signature of the model does not cover it."""
    LEFT_OUT = "left-out"
    """The file is present, and the ignored paths of a verified signature leave it out."""
    SIGNED_RANGE_DIFFERS = "signed-range-differs"
    """A range of bytes of the file contradicts a verified signature in shards."""
    UNSOUND_RECORD = "unsound-record"
    """The record, or a line of it, cannot be used, so that it states less than it seems to."""
    HUB_ALARM = "hub-alarm"
    """A scanner of the Hub raises an alarm about the file, and this scan has no finding about it."""


class SourceFact(Struct, frozen=True):
    """A fact about one file of a snapshot.

    Attributes:
        path: the address of the file; for a fact about a record, that of the record.
        source: who states the listing or the record.
        detail: one line with the names and figures; it distinguishes the fact from others of the same kind and file.
    """

    kind: SourceFactKind
    path: str
    source: ClaimSource
    detail: str
