"""Read ``rules/policies/`` and the policy files of users."""

from __future__ import annotations

import hashlib

from modelaudit.catalogue.document import Document
from modelaudit.catalogue.schema import AllowedAbsenceFile, PolicyFile, Shape
from modelaudit.model.catalogue import AllowedAbsence, Policy
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.structure import UnreadReason
from modelaudit.model.terms import Intent, Vocabulary

_FILE = Shape(PolicyFile)


def read_policy(document: Document, vocabulary: Vocabulary) -> Policy:
    """Read one policy; its digest is the SHA-256 of the file.

    Args:
        document: the file.
        vocabulary: the known territories and fields of use. A misspelt one would be on no licence's list of
            restrictions, so that every licence would allow it.

    Raises:
        ConfigurationError: the file is not a policy, states a use without the license check, or names an unknown
            territory or field.
    """
    file = _FILE.read(document)
    if file.use and CheckFamily.LICENSE not in file.checks:
        raise document.error("use: has an effect only with the check 'license'; add it to 'checks'", ("use",))
    for index, entry in enumerate(file.allow_unread):
        fault = _explain_invalid_entry(entry)
        if fault:
            raise document.error(f"allow-unread.{index}: {fault}", ("allow-unread", index, "reasons"))
    for index, code in enumerate(file.territories):
        fault = vocabulary.explain_invalid_territory(code)
        if fault:
            raise document.error(f"territories.{index}: {fault}", ("territories", index))
    fault = vocabulary.explain_invalid_field(file.field) if file.field else ""
    if fault:
        raise document.error(f"field: {fault}", ("field",))
    return Policy(
        name=file.name,
        description=file.description,
        fail_on=None if file.fail_on == "never" else Severity(file.fail_on),
        checks=tuple(dict.fromkeys(file.checks)),
        allow_unread=tuple(
            AllowedAbsence(
                tuple(entry.reasons), entry.paths, entry.why, tuple(entry.formats), most_bytes=entry.most_bytes or 0
            )
            for entry in file.allow_unread
        ),
        intent=Intent(
            uses=dict(file.use),
            monthly_active_users=file.monthly_active_users,
            annual_revenue_usd=file.annual_revenue_usd,
            territories=tuple(file.territories),
            field=file.field,
        ),
        digest=hashlib.sha256(document.text.encode()).hexdigest(),
    )


def _explain_invalid_entry(entry: AllowedAbsenceFile) -> str:
    """Return why no policy may hold this entry of ``allow-unread``, and the next step; empty if it is valid."""
    if UnreadReason.READER_FAILED in entry.reasons:
        return "reader-failed cannot be accepted: the content of the file is unknown; report the file, or leave it out"
    if UnreadReason.NO_READER in entry.reasons and not entry.formats:
        return "no-reader needs formats, such as [PNG image]: a name alone earns no trust"
    is_unclaimed = UnreadReason.UNCLAIMED in entry.reasons
    if is_unclaimed and not (entry.formats and entry.most_bytes):
        return "unclaimed-bytes needs formats, such as [tflite], and most-bytes, such as 64: a bound on what may hide"
    if entry.most_bytes and not is_unclaimed:
        return "most-bytes bounds unclaimed-bytes alone; remove it, or name that reason"
    return ""
