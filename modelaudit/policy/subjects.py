"""Find what a decision concerns: findings, absences, and answers of the licences."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from msgspec import Struct, field

from modelaudit.model.address import file_of
from modelaudit.model.finding import CheckFamily, Finding
from modelaudit.model.license import LicenseConclusion, UseAnswer
from modelaudit.model.register import CONCLUSION, DecisionAnswer, DecisionSubject, RegisterEntry, SubjectKind
from modelaudit.model.report import Absence
from modelaudit.model.terms import Answer

LICENSE_KINDS: Final = (SubjectKind.LICENCE, SubjectKind.AGREEMENT)
NOTHING: Final = "nothing, because nothing is open"


def is_agreement(entry: RegisterEntry) -> bool:
    """Whether an entry records a contract with the owner of a licence."""
    return entry.subject.kind is SubjectKind.AGREEMENT


class Matches(Struct):
    """The findings, absences, answers and objections of the policy's list of licences that one decision concerns."""

    findings: list[Finding] = field(default_factory=list)
    absences: list[tuple[str, Absence]] = field(default_factory=list)
    answers: list[UseAnswer] = field(default_factory=list)
    objections: list[str] = field(default_factory=list)

    @property
    def questions(self) -> list[UseAnswer | str]:
        """The open questions of the licences: answers and objections."""
        return [*self.answers, *self.objections]

    def __bool__(self) -> bool:
        return bool(self.findings or self.absences or self.answers or self.objections)

    def keep_files(self, paths: Collection[str]) -> None:
        """Keep only the findings and absences of these files."""
        self.findings = [each for each in self.findings if file_of(each.artifact) in paths]
        self.absences = [pair for pair in self.absences if file_of(pair[0]) in paths]

    def describe(self) -> str:
        """Name the numbers, such as ``2 findings and 1 absence``."""
        counts = (
            (len(self.findings), "finding"),
            (len(self.absences), "absence"),
            (len(self.questions), "open question of the licences"),
        )
        parts = [f"{number} {_make_plural(noun) if number != 1 else noun}" for number, noun in counts if number]
        return " and ".join(parts) or NOTHING

    def name_first(self) -> str:
        """Name the first finding with its file, or else the first absence, and count the others."""
        names = [f"{each.rule} in {each.artifact or 'the model'}" for each in self.findings]
        names += [f"{absence.unread.reason} in {address}" for address, absence in self.absences if not self.findings]
        return f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}"


def _make_plural(noun: str) -> str:
    return noun.replace("question", "questions") if "question" in noun else f"{noun}s"


def find_replacements(
    entries: Sequence[RegisterEntry], today: date, *, are_of_one_model: bool = False
) -> Mapping[str, str]:
    """Return the place of the latest decision on the same subject by the place of each earlier one in force today.

    An entry without a model concerns any, so it replaces one that names a model. A refusal is the later of one day, and
    an acceptance that expired replaces no refusal. Acceptances for
    different uses stay beside each other.

    Args:
        entries: of the register, in its order.
        today: the day of the scan.
        are_of_one_model: whether all of them concern one model, so that the name of a model makes no difference.
    """
    decided: dict[object, list[RegisterEntry]] = {}

    def get_keys(entry: RegisterEntry) -> list[object]:
        general = (entry.subject, entry.bound_to, "")
        return [general] if are_of_one_model else [entry.identity, general]

    entries = [each for each in entries if not each.explain_later_start(today)]
    for entry in entries:
        decided.setdefault(get_keys(entry)[0], []).append(entry)
    replacements = {}
    for entry in entries:
        rivals = (each for key in get_keys(entry) for each in decided.get(key, ()) if _may_replace(each, entry, today))
        last = max(reversed([*rivals]), key=_get_precedence)
        if last is not entry and _get_precedence(last) >= _get_precedence(entry):
            replacements[entry.place] = last.place
    return replacements


def _may_replace(later: RegisterEntry, entry: RegisterEntry, today: date) -> bool:
    """Whether a decision answers for the use of another one, or is itself; one that ended replaces no refusal."""
    is_ended = later.answer is not DecisionAnswer.REFUSE and today > date.fromisoformat(later.expires)
    does_compete = later.answers_as(entry) and later.competes_with(entry)
    return later is entry or (does_compete and not (entry.answer is DecisionAnswer.REFUSE and is_ended))


def _get_precedence(entry: RegisterEntry) -> tuple[str, bool]:
    """Return the sort key of a decision; a later one replaces an earlier one."""
    return entry.decided, entry.answer is DecisionAnswer.REFUSE


def match_parts(
    subject: DecisionSubject, findings: Sequence[Finding], absences: Sequence[tuple[str, Absence]]
) -> Matches:
    """Find what a decision on a finding, a rule, an absence or a model concerns.

    An absence and the finding that states it are one thing: whoever decides on one decides on the other.
    """
    matches = _match_named_parts(subject, findings, absences)
    if subject.kind is SubjectKind.ABSENCE:
        matches.findings = [
            finding
            for finding in findings
            if any(absence.is_stated_by(finding, address) for address, absence in matches.absences)
        ]
    elif subject.kind is not SubjectKind.MODEL:
        matches.absences = [
            (address, absence)
            for address, absence in absences
            if any(absence.is_stated_by(finding, address) for finding in matches.findings)
        ]
    return matches


def _match_named_parts(
    subject: DecisionSubject, findings: Iterable[Finding], absences: Iterable[tuple[str, Absence]]
) -> Matches:
    """Find the findings or the absences that the subject itself names."""
    match subject.kind:
        case SubjectKind.FINDING:
            return Matches([each for each in findings if each.fingerprint == subject.name])
        case SubjectKind.RULE:
            return Matches(
                [each for each in findings if (each.rule, each.artifact) == (subject.name, subject.artifact)]
            )
        case SubjectKind.ABSENCE:
            wanted = (subject.name, subject.artifact)
            return Matches(absences=[pair for pair in absences if (pair[1].unread.reason, pair[0]) == wanted])
        case _:
            return Matches(
                [each for each in findings if each.check is not CheckFamily.LICENSE],
                [pair for pair in absences if pair[1].acceptance is None],
            )


def match_license(
    entry: RegisterEntry,
    license_: LicenseConclusion,
    findings: Iterable[Finding],
    objections: Iterable[str],
    failed_look_ups: Iterable[str] = (),
) -> Matches:
    """Find the answers, findings and objections that a decision on the licences or the model concerns.

    A finding on an answer has the key ``answer:licence:kind:…``. Only an agreement concerns a denial, and it concerns
    the answers of the kinds that it names alone. A base model that was not read is an open question of the conclusion.
    """
    kind, name = entry.subject.kind, entry.subject.name
    if is_agreement(entry):
        return _match_agreement(entry, license_, findings)
    covers_all = kind is SubjectKind.MODEL or (kind is SubjectKind.LICENCE and name == CONCLUSION)
    if not covers_all and kind not in LICENSE_KINDS:
        return Matches()
    return Matches(
        [
            each
            for each in findings
            if each.check is CheckFamily.LICENSE
            and (
                each.key.startswith(f"{Answer.REVIEW}:{name}:")
                or (covers_all and not each.key.startswith(f"{Answer.DENY}:"))
            )
        ],
        answers=[
            each for each in license_.answers if each.answer is Answer.REVIEW and (covers_all or each.license == name)
        ],
        # The sentence of an objection begins with the licence; one on the conclusion as a whole begins otherwise.
        objections=[
            *(each for each in objections if covers_all or each.startswith(f"{name} ")),
            *(failed_look_ups if covers_all else ()),
        ],
    )


def _match_agreement(entry: RegisterEntry, license_: LicenseConclusion, findings: Iterable[Finding]) -> Matches:
    """Find the answers of the clauses that an agreement permits, denied or for review, with their findings."""
    answers = [
        each
        for each in license_.answers
        if each.answer is not Answer.ALLOW and each.license in entry.subject.licenses and each.kind in entry.permits
    ]
    starts = tuple(dict.fromkeys(f"{each.answer}:{each.license}:{each.kind}:" for each in answers))
    return Matches(
        [each for each in findings if each.check is CheckFamily.LICENSE and each.key.startswith(starts)],
        answers=answers,
    )


def find_bound_files(matches: Matches, is_model: bool) -> tuple[str, ...]:
    """Return the addresses of the files that a decision on parts concerns; one empty address for the whole model.

    A publisher chooses the names that a fingerprint is made of, so findings of several files may share one.
    """
    # An absence may count further files that no record lists, whose bytes only the tree or the commit binds.
    if is_model or any(absence.unread.further_files for _, absence in matches.absences):
        return ("",)
    addresses = [each.artifact for each in matches.findings] + [address for address, _ in matches.absences]
    return tuple(dict.fromkeys(map(file_of, addresses)))
