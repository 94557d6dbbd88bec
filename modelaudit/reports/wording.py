"""What the words of a report mean to a person who is no engineer. Every renderer takes its phrases from here."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from modelaudit.model.artifact import DigestAlgorithm, RefKind
from modelaudit.model.finding import CheckFamily, Confidence, Severity
from modelaudit.model.license import ConclusionState
from modelaudit.model.report import DigestState, Extent, OpinionState, Verdict
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.model.terms import LicenseCategory

VERDICT_SENTENCES = {
    Verdict.PASS: "Every file could be read, and nothing that the policy rejects was found.",
    Verdict.FAIL: "Do not load or ship this model: the policy rejects what was found in it.",
    Verdict.INCOMPLETE: "This is not a pass: nothing found breaks the policy, but not everything was examined.",
}

SECURITY_NOT_CHECKED = "That was not asked: nobody looked for attacks, only the licence was read."
OPEN_DECISION = "This is not a pass: nothing found breaks the policy, but a person must decide what is named below."
ONLY_LICENSE_FAILS = "Do not ship this model: the policy rejects its licence, and nothing else that was found in it."
NO_FILES = "This is not a pass: there was no file to examine."

EXIT_CODES = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "the gate failed",
    Verdict.INCOMPLETE: "incomplete: something was not examined, or there was nothing to examine",
}

EXTENTS = {
    Extent.EXAMINED: "examined whole",
    Extent.PARTLY: "examined in part",
    Extent.NOT: "not examined",
}

UNREAD = {
    UnreadReason.NO_READER: "This version cannot read the format",
    UnreadReason.PROGRAM: "It is program code",
    UnreadReason.UNVERIFIED: "It names something that is not on the list of reviewed names",
    UnreadReason.UNJUDGED: "It contradicts its format in a way that no rule judges",
    UnreadReason.DAMAGED: "The file is damaged or contradicts its own format",
    UnreadReason.LIMIT: "A limit on size, depth or time was reached",
    UnreadReason.ENCRYPTED: "The content is encrypted",
    UnreadReason.UNREADABLE: "The bytes could not be had from the disk or the network",
    UnreadReason.NOT_REGULAR: "This is not an ordinary file",
    UnreadReason.LINK_OUTSIDE: "The link leads outside the model",
    UnreadReason.LINK_DANGLING: "The link leads nowhere",
    UnreadReason.CONTENT_ABSENT: "Only a placeholder is here, the content is elsewhere",
    UnreadReason.CHANGED: "The file changed while it was read",
    UnreadReason.EMPTY: "The file has no content",
    UnreadReason.READER_FAILED: "The reader failed: an error in this tool, not in the model",
}

DIGEST_STATES = {
    DigestState.MATCH: "equal to what the source states",
    DigestState.MISMATCH: "DIFFERENT from what the source states",
    DigestState.UNCLAIMED: "not compared: the source states none",
    DigestState.NOT_COMPUTED: "not computed: the bytes are not bound to any digest",
}

ALGORITHMS = {DigestAlgorithm.SHA256: "SHA-256", DigestAlgorithm.GIT_BLOB: "git blob"}

TARGETS = {
    RefKind.FILE: "one file on disk",
    RefKind.FOLDER: "a folder on disk",
    RefKind.CACHE: "a snapshot in the local Hub cache",
    RefKind.MODEL: "a model repository on the Hub",
    RefKind.DATASET: "a dataset repository on the Hub",
}

CHECKS = {
    CheckFamily.SECURITY: "security",
    CheckFamily.INTEGRITY: "integrity",
    CheckFamily.LICENSE: "licence",
    CheckFamily.PROVENANCE: "provenance",
    CheckFamily.TRANSPARENCY: "transparency",
}

CONFIDENCES = {
    Confidence.LOW: "the rule matches by resemblance; look at the evidence before you act",
    Confidence.MEDIUM: "the rule is usually right; look at the evidence",
    Confidence.HIGH: "what the rule names is what stands in the bytes",
}

CONCLUSIONS = {
    ConclusionState.CONCLUDED: "The author names one licence.",
    ConclusionState.CONTRADICTORY: "The claims contradict each other. Until that is settled, count on the strictest.",
    ConclusionState.UNRECOGNISED: "The author names a licence that this tool does not know. That is not a permission.",
    ConclusionState.VAGUE: "What is claimed names a family of licences and not one of them. That is not a permission.",
    ConclusionState.UNDECLARED: "No licence is declared. Without one, nothing is permitted.",
    ConclusionState.NOT_CHECKED: "The licence was not checked in this scan.",
}

STATES = {
    ConclusionState.CONCLUDED: "concluded",
    ConclusionState.CONTRADICTORY: "contradictory",
    ConclusionState.UNRECOGNISED: "not recognised",
    ConclusionState.VAGUE: "vague",
    ConclusionState.UNDECLARED: "undeclared",
    ConclusionState.NOT_CHECKED: "not checked",
}

CATEGORIES = {
    LicenseCategory.PUBLIC_DOMAIN: "public domain, free for any use",
    LicenseCategory.PERMISSIVE: "permissive, any use with notices kept",
    LicenseCategory.WEAK_COPYLEFT: "weak copyleft, changes to the work itself stay under the licence",
    LicenseCategory.COPYLEFT: "copyleft, works built on it stay under the licence",
    LicenseCategory.USE_RESTRICTED: "use restricted, with uses that are forbidden also to those you pass it on to",
    LicenseCategory.CONDITIONAL: "commercial use only under conditions",
    LicenseCategory.NON_COMMERCIAL: "non-commercial use only",
    LicenseCategory.RESEARCH_ONLY: "research use only",
    LicenseCategory.UNKNOWN: "unknown, not to be taken for a permission",
}

LIMITS_HEADING = "Can you use it at all? Answer first"
DUTIES_HEADING = "What you must do"
NOTES_HEADING = "What to keep an eye on, good to know"

LIMIT_KINDS = frozenset(
    {
        *("business-limit", "commercial-agreement", "company-revenue-cap", "hosting-limit", "monthly-revenue-cap"),
        *("no-commercial-use", "no-derivatives", "no-output-training", "no-production-use", "no-redistribution"),
        *("no-sale-alone", "output-competition-limit", "purpose-limit", "research-only", "revenue-cap"),
        *("service-revenue-cap", "territory-limit", "use-agreement", "use-condition", "use-policy", "user-cap"),
    }
)
"""The kinds of clauses that can forbid a use; ``rules/clauses.yaml`` has them as the group ``limit``."""

NOTE_KINDS = frozenset(
    {
        *("commercial-use", "content-filter", "governing-law", "guardrails", "indemnity", "mutable-terms"),
        *("no-endorsement", "no-patent-grant", "output-ownership", "patent-grant", "patent-termination"),
        *("remote-restriction", "termination", "update-duty"),
    }
)
"""The kinds that ask for nothing to be made: the groups ``watch`` and ``fact`` there."""

NEVER_COVERED = (
    "How the model behaves, and how good or fair its answers are.",
    "The training data, and the rights of others in it.",
    "Personal data that the model may have learned.",
    "Patents and trade marks of others.",
    "Duties under the EU AI Act.",
    "Pages behind links: no address named in this report was opened, so terms that stand there may have changed.",
    "Whether the authors had the right to give the model or its data the licence that they state.",
    "Agreements of your own with a publisher: they may allow what the licence does not.",
)

GLOSSARY = {
    "pickle": "a file format of Python that is a small program; loading the file runs it.",
    "safetensors": "a file format that holds numbers and no program.",
    "digest": "a number computed from bytes. Change one byte and the number changes; equal digests mean equal files.",
    "commit": "the exact version of a repository, named by 40 letters and figures. Another commit is another model.",
    "fingerprint": "the name of one finding that stays the same from scan to scan, so that a decision can refer to it.",
}

OPINIONS = {
    OpinionState.GIVEN: "examined the same files",
    OpinionState.PARTLY: "examined only part of the files",
    OpinionState.ABSENT: "gave no opinion",
}

_FILE_NAME = re.compile(r"\S*[./_!\\]\w")
"""A first word that is a file name or a dotted name, whose case is part of it."""

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def format_moment(iso: str) -> str:
    """Return an ISO 8601 time as a date and a time of day in UTC, whatever the reader's locale."""
    when = datetime.fromisoformat(iso).astimezone(UTC)
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}, {when:%H:%M} UTC"


def end_sentence(text: str) -> str:
    """Return a line with a full stop last, and only one."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def format_sentence(text: str) -> str:
    """Return a line as a sentence: a capital first, a full stop last. A file name in front keeps its case."""
    whole = end_sentence(text)
    return whole if _FILE_NAME.match(whole) else whole[:1].upper() + whole[1:]


def describe_unread(unread: Unread) -> str:
    """Return why a part was not examined, in sentences: what its reason means, then what the reader says of it."""
    return f"{UNREAD[unread.reason]}. {format_sentence(unread.detail)}"


def describe_threshold(fail_on: Severity | None) -> str:
    """Return what the policy's threshold means."""
    if fail_on is None:
        return "findings never fail this policy"
    if fail_on is Severity.CRITICAL:
        return "critical findings fail"
    return f"findings of severity {fail_on} and above fail"


def describe_place(where: Location) -> str:
    """Return the place as a person reads it: ``byte 1,234``, ``line 3``, ``entry license``; empty for nowhere."""
    parts = []
    if where.offset is not None:
        parts.append(f"byte {where.offset:,}")
    if where.line is not None:
        parts.append(f"line {where.line:,}")
    if where.key is not None:
        parts.append(f"entry {where.key}")
    return ", ".join(parts)


def format_size(size: int) -> str:
    """Return a size in bytes with decimal units (1 kB is 1,000 bytes), as the Hub shows it."""
    if abs(size) < 1000:
        return count_noun(size, "byte")
    value = float(min(abs(size), 10**30))
    for unit in ("kB", "MB", "GB", "TB", "PB"):
        value /= 1000
        if value < 999.5 or unit == "PB":
            break
    return f"{'-' if size < 0 else ''}{value:.3g} {unit}"


def format_number(number: float) -> str:
    """Return a number of users or of money: whole, with commas, and in words of millions where that is shorter."""
    for unit, words in ((1e9, "billion"), (1e6, "million")):
        if number >= unit:
            return f"{number / unit:,.10g} {words}"
    return f"{number:,.10g}"


def cut_text(text: str, most: int) -> str:
    """Return a text up to a word where it is longer than ``most`` characters, with a mark."""
    if len(text) <= most:
        return text
    return text[:most].rpartition(" ")[0].rstrip(" ,;:.(") + " …"


def lower_first(text: str) -> str:
    """Return a title as it stands inside of a sentence."""
    return text[:1].lower() + text[1:]


def shorten_to_clauses(text: str, most: int) -> str:
    """Return the first clauses of a text that is longer than ``most`` characters, and never half of one.

    A text without such a place is cut at a word.
    """
    if len(text) <= most:
        return text
    ends = [place for mark in (". ", "; ", ": ") if (place := text.rfind(mark, most // 3, most)) > 0]
    return f"{text[: max(ends)]}." if ends else cut_text(text, most)


def count_noun(number: int, singular: str, plural: str = "") -> str:
    """Return ``1 file``, ``2 files``, ``no files``-free: the number is always a figure."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
