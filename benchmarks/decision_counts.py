"""Count the subjects of a report on which a person has to decide, in the JSON of this version and of earlier ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_SEVERITIES: Final = ("info", "low", "medium", "high", "critical")
_CONCLUSIONS: Final = {
    "could not be looked up": "base model not looked up",
    "nothing says that it covers": "text that names no weights",
    "No licence is declared": "nothing declared",
    "No known licence": "text not recognised",
}
"""Groups of the questions that concern no single licence, by a part of the sentence."""
_OWN_CAUSES: Final = ("unclaimed-bytes", "unverified-type")
"""The reasons of absences that are causes of the same name; every other reason is the cause ``unread``."""
_ANSWER_CAUSES: Final = {"review": ("licence-review", "licence"), "deny": ("licence-denied", "agreement")}


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing on which a person has to decide.

    Attributes:
        cause: as in ``decision.causes`` of a report; findings name their check.
        name: as ``modelaudit decide`` takes it; a finding by its rule and file.
        group: the rule, or the reason of the absence, or the licence.
    """

    cause: str
    name: str
    group: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one scan; ``fault`` says where the count contradicts the exit code or the stated causes."""

    exit_code: int
    subjects: tuple[Subject, ...]
    fault: str = ""


ENDLESS: Final = Outcome(4, (Subject("no-verdict", "no-verdict", "no-verdict"),))
"""The outcome of a scan that the worker broke off at its bound of CPU time."""


def count_subjects(exit_code: int, report: Mapping[str, Any]) -> Outcome:
    """Count the distinct subjects of a report, in the schema of this version or of an earlier one."""
    by_name: dict[str, Subject] = {}
    for subject in (*_find_findings(report), *_find_absences(report), *_find_license_questions(report)):
        by_name.setdefault(subject.name, subject)
    subjects = tuple(by_name.values())
    fault = ""
    if (exit_code != 0) != bool(subjects):
        fault = f"exit code {exit_code} with {len(subjects)} subjects"
    stated = {each["kind"] for each in report["decision"].get("causes", ())}
    derived = {"findings" if each.cause.startswith("findings") else each.cause for each in subjects}
    if "licence-denied" in derived:
        # A report states the worst answer alone.
        derived.discard("licence-review")
    # A finding on the use and the denial that it reports are one subject. Instructions are reviewed by their findings.
    findings = {"findings", "instructions-review"}
    if "causes" in report["decision"] and stated - findings != derived - findings:
        fault = f"the report states {sorted(stated)}, and its parts are {sorted(derived)}"
    return Outcome(exit_code, subjects, fault)


def _find_findings(report: Mapping[str, Any]) -> Iterator[Subject]:
    """Yield each finding that breaks a gate."""
    policy = report["policy"]
    for each in report["findings"]:
        gate = policy["gates"].get(each["check"]) if "gates" in policy else policy["fail_on"]
        if gate in (None, "never") or _SEVERITIES.index(each["severity"]) < _SEVERITIES.index(gate):
            continue
        if each.get("acceptance") is not None:
            continue
        # Its key begins with the answer and the licence: the decision on that licence settles the finding too.
        answer, _, rest = each["key"].partition(":")
        if each["check"] == "license" and answer in _ANSWER_CAUSES:
            yield _ask_license(answer, rest.partition(":")[0], each["message"])
        else:
            kind = "licence" if each["check"] == "license" else each["check"]
            name = f"{each['rule']}:{each['artifact']} {each['fingerprint']}"
            yield Subject(f"findings ({kind})", name, each["rule"])


def _find_absences(report: Mapping[str, Any]) -> Iterator[Subject]:
    """Yield each open absence."""
    for record in report["decision"]["coverage"]["artifacts"]:
        for address, absence in record["absences"]:
            # An earlier schema names the policy's permission ``allowed_by``.
            if absence.get("acceptance", absence.get("allowed_by")) is None:
                reason = absence["unread"]["reason"]
                yield Subject(reason if reason in _OWN_CAUSES else "unread", f"{reason}:{address}", reason)


def _find_license_questions(report: Mapping[str, Any]) -> Iterator[Subject]:
    """Yield each licence that leaves the use open or denies it."""
    if report["license"].get("acceptance") is None:
        for each in report["license"]["answers"]:
            if each["answer"] in _ANSWER_CAUSES:
                yield _ask_license(each["answer"], each["license"], each["because"])


def _ask_license(answer: str, license_id: str, because: str) -> Subject:
    """Return the subject of a licence, or of the conclusion as a whole."""
    cause, kind = _ANSWER_CAUSES[answer]
    if license_id:
        return Subject(cause, f"{kind}:{license_id}", f"{kind}:{license_id}")
    matching = (words for part, words in _CONCLUSIONS.items() if part in because)
    return Subject(cause, f"{kind}:conclusion", f"{kind}:conclusion, {next(matching, 'other')}")
