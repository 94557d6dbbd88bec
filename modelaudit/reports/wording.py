"""The phrases of reports for readers who are not engineers; every output takes its wording from here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from modelaudit.model.acceptance import Acceptance, AcceptanceSource, RecordedDecision
from modelaudit.model.artifact import RefKind
from modelaudit.model.finding import CheckFamily, Confidence, Severity
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import ConclusionState
from modelaudit.model.opinion import OpinionState
from modelaudit.model.register import DecisionAnswer
from modelaudit.model.report import DigestState, Extent, PolicyRecord
from modelaudit.model.signoff import SignOff
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.model.terms import LicenseCategory

QUOTATION_MARKS = str.maketrans(dict.fromkeys("“”", "'"))
"""For the inside of a quotation, which a mark in the quoted text would end early."""

SENTENCE_KINDS = frozenset(
    {
        *("no-commercial-use", "research-only", "no-redistribution", "territory-limit", "user-cap", "other-terms"),
        *("restricted-base", "hidden-words", "weights-not-covered", "output-limit", "party-limit", "purpose-limit"),
        *("permission-required", "contact-required", "time-limit", "attribution-duty", "monitoring", "patent-limit"),
        "unlisted",
    }
)
"""The kinds of restrictions of ``rules/restrictions.yaml``: each is the key of the place of such a sentence."""

EXTENTS = {
    Extent.EXAMINED: "examined completely",
    Extent.PARTLY: "partly examined",
    Extent.NOT: "not examined",
}

UNREAD = {
    UnreadReason.NO_READER: "This version cannot read the format",
    UnreadReason.PROGRAM: "It is program code",
    UnreadReason.UNVERIFIED: "It contains an unverified name",
    UnreadReason.UNJUDGED: "It contradicts its format in a way that no rule judges",
    UnreadReason.UNCLAIMED: "Some bytes belong to no part of the format",
    UnreadReason.DAMAGED: "The file is damaged or contradicts its own format",
    UnreadReason.LIMIT: "A limit on size, depth or time was reached",
    UnreadReason.ENCRYPTED: "The content is encrypted",
    UnreadReason.UNREADABLE: "The bytes could not be read from the disk or the network",
    UnreadReason.NOT_REGULAR: "This is not a regular file",
    UnreadReason.LINK_OUTSIDE: "The link leads outside the model",
    UnreadReason.LINK_DANGLING: "The target of the link does not exist",
    UnreadReason.CONTENT_ABSENT: "It is listed and was not delivered",
    UnreadReason.CHANGED: "The file changed while it was read",
    UnreadReason.UNVERIFIED_BYTES: "The bytes are not verified",
    UnreadReason.EMPTY: "The file has no content",
    UnreadReason.READER_FAILED: "The reader failed: an error in this tool, not in the model",
}

DIGEST_STATES = {
    DigestState.MATCH: "verified",
    DigestState.MATCH_SHA1: "verified",
    DigestState.MISMATCH: "CONTRADICTED",
    DigestState.UNCLAIMED: "not verified: no source states a digest",
    DigestState.NOT_COMPARED: "not verified: no digest was computed that a source states",
    DigestState.NOT_COMPUTED: "not computed: no digest identifies these bytes",
}


TARGETS = {
    RefKind.FILE: "one file on disk",
    RefKind.FOLDER: "a folder on disk",
    RefKind.CACHE: "a snapshot in the local Hub cache",
    RefKind.MODEL: "a model repository on the Hub",
    RefKind.DATASET: "a data set repository on the Hub",
}

_ANSWERS = {DecisionAnswer.ACCEPT: "accepted", DecisionAnswer.REFUSE: "refused", DecisionAnswer.APPROVE: "approved"}

CHECKS = {
    CheckFamily.SECURITY: "security",
    CheckFamily.INTEGRITY: "integrity",
    CheckFamily.LICENSE: "licence",
    CheckFamily.PROVENANCE: "provenance",
    CheckFamily.TRANSPARENCY: "transparency",
}

CONFIDENCES = {
    Confidence.LOW: "the rule also matches harmless content; check the evidence before you act",
    Confidence.MEDIUM: "the rule is usually right; check the evidence",
    Confidence.HIGH: "the rule matches only what it describes",
}

CONCLUSIONS = {
    ConclusionState.CONCLUDED: "The claims name one licence.",
    ConclusionState.CONTRADICTORY: "The claims contradict each other. Until this is resolved, assume the strictest.",
    ConclusionState.UNRECOGNISED: "A name or a text is no licence that this tool knows. That is not a permission.",
    ConclusionState.VAGUE: "The claims name a family of licences, not one licence. That is not a permission.",
    ConclusionState.UNDECLARED: "No licence is declared for the model. Without one, nothing is permitted.",
    ConclusionState.NOT_CHECKED: "The licence was not checked in this scan.",
}

STATES = {
    ConclusionState.CONCLUDED: "determined",
    ConclusionState.CONTRADICTORY: "contradictory",
    ConclusionState.UNRECOGNISED: "not recognised",
    ConclusionState.VAGUE: "vague",
    ConclusionState.UNDECLARED: "undeclared",
    ConclusionState.NOT_CHECKED: "not checked",
}

WITHOUT_LICENSE = {
    ConclusionState.CONCLUDED: "the licence has no expression",
    ConclusionState.CONTRADICTORY: "the claims contradict each other",
    ConclusionState.UNRECOGNISED: "a name or a text is no licence that this tool knows",
    ConclusionState.VAGUE: "the claims name a family of licences",
    ConclusionState.UNDECLARED: "none is declared for the model",
    ConclusionState.NOT_CHECKED: "the licence was not checked",
}
"""Why no licence was determined, after ``because``."""

CATEGORIES = {
    LicenseCategory.PUBLIC_DOMAIN: "public domain, free for any use",
    LicenseCategory.PERMISSIVE: "permissive, any use with notices kept",
    LicenseCategory.WEAK_COPYLEFT: "weak copyleft, changes to the work itself stay under the licence",
    LicenseCategory.COPYLEFT: "copyleft, works built on it stay under the licence",
    LicenseCategory.USE_RESTRICTED: "use restricted, some uses are forbidden to you and to those who receive it",
    LicenseCategory.CONDITIONAL: "commercial use only under conditions",
    LicenseCategory.NON_COMMERCIAL: "non-commercial use only",
    LicenseCategory.RESEARCH_ONLY: "research use only",
    LicenseCategory.UNKNOWN: "unknown, which is not a permission",
}

LIMITS_HEADING = "Limits of use: check these first"
DUTIES_HEADING = "Duties"
NOTES_HEADING = "Points to watch, and further facts"

LIMIT_KINDS = frozenset(
    {
        *("business-limit", "commercial-agreement", "company-revenue-cap", "hosting-limit", "monthly-revenue-cap"),
        *("no-commercial-use", "no-derivatives", "no-hosting", "no-output-training", "no-production-use"),
        *("no-redistribution", "no-sale-alone", "output-competition-limit", "purpose-limit", "research-only"),
        *("revenue-cap", "service-revenue-cap", "territory-limit", "use-agreement", "use-condition", "use-policy"),
        *("user-cap",),
    }
)
"""The kinds of clauses that can forbid a use: the group ``limit`` of ``rules/clauses.yaml``."""

NOTE_KINDS = frozenset(
    {
        *("commercial-use", "content-filter", "governing-law", "guardrails", "indemnity", "mutable-terms"),
        *("no-endorsement", "no-patent-grant", "output-ownership", "patent-grant", "patent-termination"),
        *("registration", "remote-restriction", "termination", "update-duty"),
    }
)
"""The kinds of clauses that require no action in advance: the groups ``watch`` and ``fact`` of the same file."""

NEVER_COVERED = (
    "How the model behaves, and how good or fair its answers are.",
    "The training data, and the rights of others in it.",
    "Personal data that the model may have learned.",
    "Patents and trade marks of others.",
    "Whether the duties of the EU AI Act are fulfilled: a list of its elements only counts what is stated.",
    "Linked web pages: this scan opened no address. The rule set was written from terms that may have changed since.",
    "Whether the authors had the right to license the model or its data as they state.",
    "Your own agreements with a publisher: they may allow what the licence does not.",
)

NEVER_COVERED_OF_DATA = (
    "How the data were collected, and how complete, correct or fair they are.",
    "Personal data in the entries, and whether the people in them agreed: no check searches for them.",
    "The rights of others in single entries, and patents and trade marks of others.",
    "How a model behaves that is trained on the data.",
    *NEVER_COVERED[4:6],
    "Whether the authors had the right to license the data as they state.",
    NEVER_COVERED[7],
)
"""The same of a data set."""

GLOSSARY = {
    "pickle": "a file format of Python. A pickle is a small program, and loading the file runs it.",
    "safetensors": "a file format that contains numbers and no program.",
    "digest": "a number computed from bytes. Equal digests mean equal files.",
    "commit": "an exact version of a repository, identified by 40 letters and digits. Each version has its own commit.",
    "Hub cache": "the folder of this machine that keeps what was downloaded before.",
    "exit code": "the number by which a program learns the verdict.",
    "fingerprint": "the 16 letters and digits behind a finding, the same in every scan.",
}

OPINIONS = {
    OpinionState.GIVEN: "examined the same files",
    OpinionState.PARTLY: "examined only part of the files",
    OpinionState.ABSENT: "gave no opinion",
}

_LEADING_NAME = defer_pattern(r"\S*[./_!\\]\w|\S: |\S*\d\S*: |\S+ \(data set\): ")
"""A first word that is a name: of a file or dotted, such as ``a.bin`` or ``os.system``, or before a colon that of a
folder of one character or with a digit, or of a data set; its case must not change."""

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
    """Format an ISO 8601 time as an English date and a time of day in UTC, independent of the locale."""
    when = datetime.fromisoformat(iso).astimezone(UTC)
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}, {when:%H:%M} UTC"


def end_sentence(text: str) -> str:
    """Add a full stop unless the text already ends a sentence."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def format_sentence(text: str) -> str:
    """Format a line as a sentence: first letter in upper case, full stop at the end. A leading file name is kept."""
    sentence = end_sentence(text)
    return sentence if _LEADING_NAME.match(sentence) else sentence[:1].upper() + sentence[1:]


def describe_acceptance(acceptance: Acceptance) -> str:
    """Describe who accepts a finding, an absence or a licence, until when, and the reason, as one sentence."""
    if acceptance.source is AcceptanceSource.BASELINE:
        return f"Known from the baseline {acceptance.origin}, so it does not gate; no person decided on it."
    if acceptance.source is AcceptanceSource.POLICY:
        return end_sentence(f"Accepted by the policy {acceptance.origin}: {acceptance.reason}")
    if acceptance.source is AcceptanceSource.RUNTIME:
        return end_sentence(f"Not reachable in the stated stack ({acceptance.origin}): {acceptance.reason}")
    people = name_people(acceptance)
    if acceptance.reference:
        agreement = f"under agreement {acceptance.reference} until {acceptance.expires}"
        return end_sentence(f"Allowed {agreement}, recorded by {people} ({acceptance.origin}): {acceptance.reason}")
    return end_sentence(f"Accepted by {people}, until {acceptance.expires} ({acceptance.origin}): {acceptance.reason}")


def name_people(decision: Acceptance | RecordedDecision | SignOff) -> str:
    """Name who decided, and who approved it if another person did: ``Jane Roe, approved by Max Muster``.

    The role of each person follows the name in brackets, where the register states it.
    """
    roles = ("", "") if isinstance(decision, Acceptance) else (decision.role, decision.approver_role)
    by, approver = (
        f"{name} ({role})" if role else name
        for name, role in zip((decision.by, decision.approved_by), roles, strict=True)
    )
    return f"{by}, approved by {approver}" if approver else by


def name_person(name: str, role: str) -> str:
    """Name a person of a decision in a cell of a table, with the role or the words that the register states none."""
    return f"{name} ({role or 'role not recorded'})" if name else "not stated"


def describe_answer(answer: str) -> str:
    """Describe the answer of a decision as a participle: ``accepted``."""
    return _ANSWERS[DecisionAnswer(answer)]


def describe_decision(decision: RecordedDecision) -> str:
    """Describe who decided what, and why, as one sentence."""
    if decision.reference:
        return end_sentence(f"Recorded by {name_people(decision)}: {decision.reason}")
    return end_sentence(
        f"{describe_answer(decision.answer).capitalize()} by {name_people(decision)}: {decision.reason}"
    )


def describe_refusal(decision: RecordedDecision) -> str:
    """Describe who refused something, until when, and the reason, as one sentence."""
    people = name_people(decision)
    return end_sentence(f"Refused by {people}, until {decision.expires} ({decision.place}): {decision.reason}")


def describe_baseline(name: str) -> str:
    """Describe the effect of a baseline on the verdict, as one sentence."""
    return f"What the earlier report {name} holds already does not fail the gate; no person decided on it."


def describe_unread(unread: Unread) -> str:
    """Describe why a part was not examined: a sentence for the reason, then the detail that the reader gave."""
    if unread.reason is UnreadReason.EMPTY:
        # The detail is equal.
        return f"{UNREAD[unread.reason]}."
    if unread.missing_file:
        return format_sentence(unread.detail)
    return f"{UNREAD[unread.reason]}. {format_sentence(unread.detail)}"


def describe_gates(policy: PolicyRecord) -> str:
    """Describe which findings fail the policy: in one clause if the gates of all its checks agree."""
    gates = {family: policy.gates.get(family) for family in policy.checks}
    if len(set(gates.values())) <= 1:
        return _describe_gate(next(iter(gates.values()), None))
    return "; ".join(f"{family}: {_describe_gate(gate)}" for family, gate in gates.items())


def _describe_gate(gate: Severity | None) -> str:
    """Describe one gate; ``None`` means that findings never fail it."""
    if gate is None:
        return "findings never fail"
    if gate is Severity.CRITICAL:
        return "critical findings fail"
    return f"findings of severity {gate} and above fail"


def describe_place(where: Location) -> str:
    """Describe a location: ``byte 1,234``, ``line 3``, ``entry license``; empty if it has none of them."""
    parts = []
    if where.offset is not None:
        parts.append(f"byte {where.offset:,}")
    if where.line is not None:
        parts.append(f"line {where.line:,}")
    # The key of a sentence is the kind of restriction that it was taken for, which is our reading and no entry.
    if where.key is not None and not (where.line is not None and where.key in SENTENCE_KINDS):
        parts.append(f"entry {where.key}")
    return ", ".join(parts)


def format_size(size: int) -> str:
    """Format a size in bytes with decimal units (1 kB is 1,000 bytes), as the Hub does."""
    if abs(size) < 1000:
        return count_noun(size, "byte")
    # A saved report may state a size that exceeds the range of a float.
    value = float(min(abs(size), 10**30))
    for unit in ("kB", "MB", "GB", "TB", "PB"):
        value /= 1000
        # From 999.5 on, three significant digits would round to 1,000 of this unit.
        if value < 999.5 or unit == "PB":
            break
    return f"{'-' if size < 0 else ''}{value:.3g} {unit}"


def format_number(number: float) -> str:
    """Format a number of users or an amount of money, with commas; from a million on as ``2.5 million``."""
    for unit, words in ((1e9, "billion"), (1e6, "million")):
        if number >= unit:
            return f"{number / unit:,.10g} {words}"
    return f"{number:,.10g}"


def cut_text(text: str, most: int) -> str:
    """Cut a text of more than ``most`` characters, if possible at the end of a word; mark the cut with an ellipsis."""
    if len(text) <= most:
        return text
    # A text in Chinese or an address may hold no space.
    head = text[:most].rpartition(" ")[0] or text[:most]
    return head.rstrip(" ,;:.(") + " …"


def lower_first(text: str) -> str:
    """Turn the first letter to lower case, for a title inside a sentence."""
    return text[:1].lower() + text[1:]


def shorten_to_clauses(text: str, most: int) -> str:
    """Shorten a text of more than ``most`` characters to its first complete clauses.

    A clause ends at a full stop, semicolon or colon. A text without such an end is cut at a word.
    """
    if len(text) <= most:
        return text
    # A cut in the first third would leave too little of the text.
    end = max(text.rfind(mark, most // 3, most) for mark in (". ", "; ", ": "))
    return f"{text[:end]}." if end > 0 else cut_text(text, most)


def count_noun(number: int, singular: str, plural: str = "") -> str:
    """Format a number with its noun: ``0 files``, ``1 file``, ``2 files``."""
    noun = singular if number == 1 else (plural or f"{singular}s")
    return f"{number:,} {noun}"


def join_first(names: Iterable[str], most: int, separator: str = ", ") -> str:
    """Join the first names, each once, and count the others: ``a, b and 3 more``."""
    unique = list(dict.fromkeys(names))
    more = f" and {len(unique) - most:,} more" if len(unique) > most else ""
    return separator.join(unique[:most]) + more


def join_phrases(phrases: Sequence[str], word: str = "and") -> str:
    """Join phrases with commas, and the last with a word; each phrase once, in their order."""
    *first, last = dict.fromkeys(phrases) or ("",)
    return f"{', '.join(first)} {word} {last}" if first else last
