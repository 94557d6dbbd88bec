"""Name who is asked, and where the files or the rules show the address: the author of a model, and a licensor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from modelaudit.model.artifact import RefKind
from modelaudit.model.description import Fact, Topic
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import UseAnswer
from modelaudit.model.report import AuditReport
from modelaudit.model.structure import Location
from modelaudit.reports.view import name_subject
from modelaudit.reports.wording import QUOTATION_MARKS, cut_text, join_phrases

_ON_HUB: Final = frozenset({RefKind.MODEL, RefKind.DATASET, RefKind.CACHE})
_NAME_CHARACTERS: Final = 60
_SENTENCES: Final = frozenset({"restriction", "prohibition"})
"""The fields of claims that quote sentences of files on what may be done."""
_MAIL: Final = defer_pattern(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")


def name_author(report: AuditReport) -> str:
    """Name who answers for the model, with the first contact that the card states, or the account of the Hub.

    A contact that grants licences, as a sentence states, is named where nothing else is.
    """
    noun = name_subject(report)
    facts = report.description.facts
    contact = next((each for each in facts if each.topic is Topic.CONTACT and not _is_for_licences(each)), None)
    if contact is not None:
        return f"the author of the {noun} ({_quote(contact)})"
    owner, slash, _ = report.target.name.removeprefix("datasets/").partition("/")
    if report.target.kind in _ON_HUB and slash:
        return f"the publisher of the {noun} (the account {cut_text(owner, _NAME_CHARACTERS)} on the Hub)"
    named = next((each for each in facts if each.topic in (Topic.SUPPLIER, Topic.AUTHOR)), None)
    if named is not None:
        return f"the author of the {noun} ({_quote(named)})"
    return _name_license_contact(report) or f"the publisher of the {noun} (not named in its files)"


def name_owner(report: AuditReport) -> str:
    """Name who is asked about the licence: the contact that a sentence names for it, else who answers for the model."""
    return _name_license_contact(report) or name_author(report)


def _name_license_contact(report: AuditReport) -> str:
    """Name the contact that a sentence of a file names for licences or commercial use; empty without one."""
    named = next((each for each in report.description.facts if _is_for_licences(each)), None)
    if named is not None:
        contact, place = named.value, _name_place(named.artifact, named.where)
    else:
        quoted = ((each, _MAIL.search(each.quotation)) for each in report.license.claims if each.field in _SENTENCES)
        claim, mail = next(((each, mail) for each, mail in quoted if mail is not None), (None, None))
        if claim is None or mail is None:
            return ""
        contact, place = mail[0], _name_place(claim.artifact, claim.location)
    address = cut_text(contact, _NAME_CHARACTERS)
    return f"the publisher of the {name_subject(report)} ({address}, as {place} states, not confirmed)"


def _is_for_licences(fact: Fact) -> bool:
    return fact.topic is Topic.CONTACT and ("name", "licence") in fact.qualifiers


def _quote(fact: Fact) -> str:
    """Quote a fact with the place that states it."""
    place = f", {_name_place(fact.artifact, fact.where)}" if fact.artifact else ""
    value = " ".join(fact.value.translate(QUOTATION_MARKS).split())
    return f"“{cut_text(value, _NAME_CHARACTERS)}”{place}"


def _name_place(path: str, where: Location) -> str:
    """Name a line of a file, or the record of the Hub."""
    return f"{path or 'the Hub'}{f':{where.line}' if where.line else ''}"


def name_licensors(report: AuditReport, answers: Iterable[UseAnswer]) -> str:
    """Name who grants the licences of answers: the party on record with the address of its text, else the publisher.

    The licence of a base model is granted by the publisher of that model.
    """
    entries = {each.id: each for each in report.license.entries}
    parties = []
    for each in answers:
        entry = entries.get(each.license)
        if entry is not None and entry.licensor:
            parties.append(f"{entry.licensor} ({entry.url})")
        elif each.via:
            parties.append(f"the publisher of the base model {cut_text(each.via, _NAME_CHARACTERS)}")
        elif entry is not None:
            parties.append(name_owner(report))
    return join_phrases(parties) if parties else name_owner(report)
