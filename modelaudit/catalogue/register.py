"""Read the register of decisions, ``decisions.yaml``, and append entries to its text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from modelaudit.catalogue.document import Data, Document, LineIndex, parse_text, read_document
from modelaudit.catalogue.register_file import REGISTER_SHAPE, EntryFile, SubjectFile, UseFile
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.register import (
    LONGEST_DAYS,
    DecisionAnswer,
    DecisionSubject,
    RegisterEntry,
    SignedReport,
    SubjectKind,
    join_licenses,
)
from modelaudit.model.terms import Intent, Use

_INVISIBLE: Final = ("Cc", "Cf", "Cn", "Co", "Cs")
"""Categories of characters that no reader sees."""
_FILLERS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u3164\uffa0") | frozenset(
    map(chr, range(0xFE00, 0xFE10))
)
"""Letters and marks without a shape of their own (Default_Ignorable_Code_Point of Unicode)."""
_SHA256: Final = "sha256:"
_HEADER: Final = """\
# Decisions on findings, absences and licences of models. modelaudit honours an entry until it expires and while the
# bytes that it binds stay the same. `modelaudit decide` appends entries; docs/decisions.md describes them.
decisions:
"""


def read_register(path: Path) -> tuple[RegisterEntry, ...]:
    """Read the register at ``path``. The places of its entries name the file without its folders.

    Args:
        path: the file.

    Raises:
        ConfigurationError: the file cannot be read, or an entry is incomplete, contradicts another, or holds longer
            than a year.
    """
    return parse_register(read_document(path, str(path)), path.name)


def parse_register(document: Document, name: str) -> tuple[RegisterEntry, ...]:
    """Parse a register; ``read_register`` documents the errors, ``name`` is its name in the places of entries."""
    if not isinstance(document.data, dict):
        raise document.error("must be a mapping with the key 'decisions'")
    entries = REGISTER_SHAPE.read(document).decisions or []
    lines = LineIndex(document.text)
    parsed = tuple(
        _parse_entry(entry, index, f"{name}:{lines.find(('decisions', index))}", document)
        for index, entry in enumerate(entries)
    )
    _refuse_contradictions(parsed, document)
    return parsed


def _parse_entry(entry: EntryFile, index: int, place: str, document: Document) -> RegisterEntry:
    """Return an entry with its dates checked. Raises ``ConfigurationError``."""

    def refuse(key: str, fault: str) -> ConfigurationError:
        return document.error(f"decisions.{index}.{key}: {fault}", ("decisions", index, *key.split(".")))

    days = {}
    for key, text in (("decided", entry.decided), ("expires", entry.expires)):
        try:
            days[key] = date.fromisoformat(text)
        except ValueError:
            raise refuse(key, f"{text!r} is not a day of the calendar") from None
    longest = days["decided"] + timedelta(days=LONGEST_DAYS)
    if not days["decided"] <= days["expires"] <= longest:
        raise refuse("expires", f"{entry.expires} must lie between {entry.decided} and {longest}, at most a year later")
    if entry.approved_by is not None and fold_name(entry.by) == fold_name(entry.approved_by):
        raise refuse("approved-by", f"{entry.approved_by!r} decided it too; another person must approve it")
    if entry.approver_role is not None and entry.approved_by is None:
        raise refuse("approver-role", "is the role of who approved it; add approved-by")
    subject, fault = _parse_subject(entry.subject)
    if subject is None:
        raise refuse("subject", fault)
    key, fault = _find_unfit_signing(entry, subject.kind)
    if not key:
        key, fault = _find_unfit_key(entry, subject.kind)
    if key:
        raise refuse(key, fault)
    return RegisterEntry(
        place,
        subject,
        entry.bound_to or "",
        entry.answer,
        entry.reason,
        entry.by,
        entry.approved_by or "",
        entry.decided,
        entry.expires,
        subject.name if subject.kind is SubjectKind.MODEL else entry.model or "",
        _parse_use(entry.use) if entry.use is not None else Intent(),
        tuple(entry.permits or ()),
        _parse_signed(entry),
        entry.role or "",
        entry.approver_role or "",
    )


def _parse_signed(entry: EntryFile) -> SignedReport | None:
    """Return the report that a sign-off answers; ``None`` for any other decision."""
    if entry.report is None or entry.content is None:
        return None
    digest, content = entry.report.removeprefix(_SHA256), entry.content.removeprefix(_SHA256)
    return SignedReport(digest, content, entry.reference or "")


def _find_unfit_signing(entry: EntryFile, kind: SubjectKind) -> tuple[str, str]:
    """Return the key that makes an entry no whole sign-off and no other decision, and the fault; empty if it is one."""
    keys = {"report": entry.report, "content": entry.content, "reference": entry.reference}
    given = [key for key, value in keys.items() if value is not None]
    if not given and entry.answer is not DecisionAnswer.APPROVE:
        return ("", "") if entry.approved_by is not None else ("approved-by", "is missing")
    if kind is not SubjectKind.MODEL or entry.answer is DecisionAnswer.ACCEPT:
        if not given:
            return "answer", f"approve signs off a model, and this is a {kind}; write accept or refuse"
        return given[0], "only a sign-off has it: a model with the answer approve or refuse; remove the key"
    missing = next((key for key in ("report", "content") if key not in given), "")
    if missing:
        return missing, "is missing; `modelaudit decide model --report FILE` writes it"
    if "sha256:" not in (entry.bound_to or ""):
        return "bound-to", "a sign-off binds the bytes of the model; write sha256: and its tree"
    return "", ""


def _find_unfit_key(entry: EntryFile, kind: SubjectKind) -> tuple[str, str]:
    """Return the key that does not fit the kind of the subject, and the fault; empty if all keys fit."""
    is_agreement = kind is SubjectKind.AGREEMENT
    if is_agreement and entry.answer is DecisionAnswer.REFUSE:
        return "answer", "an agreement cannot be refused; remove the entry, or refuse the licence"
    if is_agreement and not entry.permits:
        return "permits", "an agreement names the clauses that it permits, such as permits: [territory-limit]"
    if is_agreement and not entry.subject.reference:
        return "subject", "an agreement names its contract, such as reference: C-2026-17"
    if entry.subject.reference is not None and not is_agreement:
        return "subject.reference", "only an agreement has a contract; remove the key"
    if not entry.bound_to:
        return ("", "") if is_agreement else ("bound-to", "is missing")
    if entry.permits is not None and not is_agreement:
        return "permits", "only an agreement permits clauses; remove the key"
    if entry.use is not None and not kind.has_use:
        return "use", f"a decision on a {kind} answers for no use; remove the key"
    if entry.bound_to.startswith("terms:") and kind not in (SubjectKind.LICENCE, SubjectKind.AGREEMENT):
        return "bound-to", f"a decision on a {kind} binds bytes; write sha256: or commit:"
    return "", ""


def _parse_use(file: UseFile) -> Intent:
    """Return the planned use that a register states."""
    stated = {use: getattr(file, use.replace("-", "_")) for use in Use}
    return Intent(
        {use: is_meant for use, is_meant in stated.items() if is_meant is not None},
        file.monthly_active_users,
        file.annual_revenue_usd,
        tuple(file.territories),
        file.field or "",
        file.purpose,
    )


def fold_name(name: str) -> str:
    """Fold the name of a person for comparison.

    Case, spaces, invisible characters, other forms of the same characters (NFKC) and punctuation at the ends make no
    difference.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    visible = "".join(each for each in folded if unicodedata.category(each) not in _INVISIBLE and each not in _FILLERS)
    words = " ".join(visible.split())
    start = next((index for index, each in enumerate(words) if each.isalnum()), 0)
    end = next((index for index, each in enumerate(reversed(words)) if each.isalnum()), 0)
    return words[start : len(words) - end]


def _parse_subject(file: SubjectFile) -> tuple[DecisionSubject | None, str]:
    """Return the subject, or ``None`` and the fault."""
    given = [
        (kind, join_licenses(name) if isinstance(name, list) else str(name))
        for kind in SubjectKind
        if (name := getattr(file, kind)) is not None
    ]
    kinds = ", ".join(SubjectKind)
    if len(given) != 1:
        return None, f"names {len(given)} of {kinds}; it must name one"
    kind, name = given[0]
    if kind.has_artifact and file.artifact is None:
        return None, f"the {kind} needs its artifact, such as artifact: model.pkl; '' is the model as a whole"
    if not kind.has_artifact and file.artifact is not None:
        return None, f"a {kind} has no artifact; remove the key"
    return DecisionSubject(kind, name, file.artifact or "", file.reference or ""), ""


def _refuse_contradictions(entries: tuple[RegisterEntry, ...], document: Document) -> None:
    """Raise ``ConfigurationError`` if two decisions of one day decide on the same subject, of one model or of any."""
    seen: dict[object, list[RegisterEntry]] = {}
    for index, entry in enumerate(entries):
        others = seen.setdefault((entry.subject, entry.bound_to, entry.decided), [])
        for earlier in others:
            if not entry.competes_with(earlier):
                continue
            is_repeated = entry.answer is earlier.answer
            is_same = entry.identity == earlier.identity and entry.use == earlier.use
            if is_same or (entry.is_about_same(earlier) and not is_repeated):
                verb = "repeats" if is_repeated else "contradicts"
                fault = f"decisions.{index}: {verb} {earlier.place}, on the same subject and day; remove one"
                raise document.error(fault, ("decisions", index))
        others.append(entry)


def append_entry(text: str, entry: RegisterEntry, label: str) -> str:
    """Return the text of a register with ``entry`` behind the others; all that was there stays as it is.

    Args:
        text: the text of the register; empty for a new one.
        entry: its place is not used.
        label: the name of the file in messages.

    Raises:
        ConfigurationError: the layout of the file leaves no place at its end for an entry.
    """
    text = text if text.strip() else _HEADER
    text = text if text.endswith("\n") else f"{text}\n"
    before = _list_entries(parse_text(text, label))
    block = _format_entry(entry)
    indent = LineIndex(text).find_column_of_list("decisions", default=2)
    extended = text + "".join(f"{' ' * indent}{line}\n" for line in block)
    added = _list_entries(parse_text("".join(f"{line}\n" for line in ("decisions:", *block)), label))
    try:
        is_appended = _list_entries(parse_text(extended, label)) == [*before, *added]
    except ConfigurationError:
        is_appended = False
    if not is_appended:
        raise ConfigurationError(
            f"{label}: nothing can be appended behind its last line; write 'decisions:' as the last key, with an entry "
            "in each '- ' below it"
        )
    return extended


def _list_entries(data: Data) -> list[Data]:
    entries = data.get("decisions") if isinstance(data, dict) else None
    return entries if isinstance(entries, list) else []


def _format_entry(entry: RegisterEntry) -> list[str]:
    """Format an entry as lines of YAML."""
    subject = entry.subject
    names = f"{subject.kind}: {_quote(subject.name)}"
    if subject.kind is SubjectKind.AGREEMENT:
        names = f"{subject.kind}: [{', '.join(subject.licenses)}], reference: {_quote(subject.reference)}"
    if subject.kind.has_artifact:
        names += f", artifact: {_quote(subject.artifact)}"
    pairs: Mapping[str, str] = {
        "subject": f"{{{names}}}",
        **({"model": _quote(entry.model)} if entry.model and subject.kind is not SubjectKind.MODEL else {}),
        **({"bound-to": entry.bound_to} if entry.bound_to else {}),
        **({"use": str(entry.use)} if subject.kind.has_use and entry.use.is_stated else {}),
        **({"permits": f"[{', '.join(entry.permits)}]"} if entry.permits else {}),
        "answer": entry.answer,
        **_format_signed(entry.signed),
        "reason": _quote(entry.reason),
        "by": _quote(entry.by),
        **({"role": _quote(entry.role)} if entry.role else {}),
        **({"approved-by": _quote(entry.approved_by)} if entry.approved_by else {}),
        **({"approver-role": _quote(entry.approver_role)} if entry.approver_role else {}),
        "decided": entry.decided,
        "expires": entry.expires,
    }
    return [f"{'  ' if index else '- '}{key}: {value}" for index, (key, value) in enumerate(pairs.items())]


def _format_signed(signed: SignedReport | None) -> Mapping[str, str]:
    """Return the keys of a sign-off; none for any other decision."""
    if signed is None:
        return {}
    reference = {"reference": _quote(signed.reference)} if signed.reference else {}
    return {"report": _SHA256 + signed.digest, "content": _SHA256 + signed.content, **reference}


def _quote(text: str) -> str:
    """Quote a text for YAML; a character that does not print is escaped (YAML 1.2, section 5.7)."""
    if re.search("[\ud800-\udfff]", text):
        raise ConfigurationError(
            f"{text!a}: a name that is not UTF-8 cannot be written in YAML; name the finding by its fingerprint"
        )
    escaped = "".join(
        character if character.isprintable() else f"\\U{ord(character):08x}"
        for character in text.replace("\\", "\\\\").replace('"', '\\"')
    )
    return f'"{escaped}"'
