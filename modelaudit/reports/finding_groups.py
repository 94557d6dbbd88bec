"""Group the findings and the parts that were not examined by the decision that they need, and fold equal ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.finding import CheckFamily, Rule, Severity
from modelaudit.model.license import LicenseConclusion
from modelaudit.model.report import COVERAGE_RULES, AuditReport
from modelaudit.model.structure import NOWHERE, Location, UnreadReason
from modelaudit.model.verdict import Question, Verdict
from modelaudit.reports.decision_words import FAMILIES_ON_LOAD, list_rejected, permits_exception
from modelaudit.reports.license_words import CONFLICTS_LEAVING_LICENSE_OPEN
from modelaudit.reports.results import Outcome, Result, ResultKind, describe_rule, list_results
from modelaudit.reports.wording import count_noun, describe_acceptance, join_phrases

MOST_ROWS: Final = 5
"""Rows of one rule that are visible and printed; the rest is folded."""
_MOST_ROWS_OF_PAGE: Final = 60
"""Visible rows of all rules together; a rule behind them shows its first row, and folds the others."""
_MOST_RULES: Final = 30
"""Rules of one group that show a row."""


class Need(StrEnum):
    """The decision that findings and parts need, those that block first."""

    REFUSED = "refused"
    FAILS = "fails"
    OPEN = "open"
    REPEATED = "repeated"
    ANSWERED = "answered"
    ACCEPTED = "accepted"
    KNOWN = "known"
    NOTED = "noted"

    @property
    def needs_decision(self) -> bool:
        """Whether a person still has to act."""
        return self in (Need.REFUSED, Need.FAILS, Need.OPEN, Need.ANSWERED)


TITLES: Final = {
    Need.REFUSED: ("Refused by a person", "A decision refuses these, so the model does not pass with them."),
    Need.FAILS: (
        "They fail the policy",
        "The model does not pass while a scan finds them. Page 1 states the steps under Next.",
    ),
    Need.OPEN: (
        "Open, for a person to decide",
        "The model does not pass before each of them is replaced or removed, or a decision accepts it. A refusal of "
        "one fails the model. To read a part settles nothing without a recorded decision.",
    ),
    Need.REPEATED: (
        "At the places of the points above",
        "They state those places in other words, and need no answer of their own.",
    ),
    Need.ACCEPTED: ("Accepted", "A person or the policy answers for these; each stays a finding."),
    Need.KNOWN: ("Known from the baseline", "An earlier report holds these. No person decided on them."),
    Need.ANSWERED: (
        "They concern the licence",
        "Below the threshold of the policy by themselves. Read them with the answer to the planned use on page 1.",
    ),
    Need.NOTED: ("For information", "Below the threshold of the policy. They do not change the verdict."),
}
_DECIDED: Final = "They repeat or explain the answer to the planned use on page 1, and change it no further."
_DAMAGED_RULE: Final = f"{COVERAGE_RULES}/{UnreadReason.DAMAGED}"
_OUTCOMES: Final = {
    Outcome.FAILS: Need.FAILS,
    Outcome.OPEN: Need.OPEN,
    Outcome.ACCEPTED: Need.ACCEPTED,
    Outcome.KNOWN: Need.KNOWN,
    Outcome.NOTED: Need.NOTED,
}


class Row(Struct, frozen=True):
    """One result, or several that differ in the file alone.

    Attributes:
        results: at least one.
        settled: who accepted them until when, as one sentence; empty if nothing does.
        name: what several have in common: ``2,000 files with one digest``; empty for a single one.
    """

    results: tuple[Result, ...]
    settled: str
    name: str

    @property
    def first(self) -> Result:
        """The result whose words the row shows."""
        return self.results[0]

    @property
    def parts(self) -> int:
        """The number of findings and parts that it represents."""
        return sum(each.parts for each in self.results)


class RuleGroup(Struct, frozen=True):
    """The results of one rule with one severity and one need.

    Attributes:
        rule: its description; ``None`` where the report has none, as for a part that no finding states.
        shown: the rows that are visible.
        folded: the other rows.
    """

    rule_id: str
    title: str
    rule: Rule | None
    severity: Severity
    check: CheckFamily
    shown: tuple[Row, ...]
    folded: tuple[Row, ...]

    @property
    def folded_count(self) -> int:
        """The number of findings and parts in the folded rows."""
        return sum(row.parts for row in self.folded)

    def concerns(self, addresses: Collection[str]) -> bool:
        """Whether each of its results is about one of these files."""
        return all(each.address in addresses for row in (*self.shown, *self.folded) for each in row.results)


class NeedGroup(Struct, frozen=True):
    """The rules whose results need one kind of decision, the most severe first."""

    need: Need
    rules: tuple[RuleGroup, ...]
    count: int
    exception: str = ""
    is_decided: bool = False

    @property
    def title(self) -> str:
        """The heading."""
        return TITLES[self.need][0]

    @property
    def advice(self) -> str:
        """The decision in words."""
        words = _DECIDED if self.need is Need.ANSWERED and self.is_decided else TITLES[self.need][1]
        return f"{words} {self.exception}".strip()


class RowCount(Struct, frozen=True):
    """The findings and parts that were not examined, by how an annex shows them; ``total`` is their sum.

    Attributes:
        single: those with a row of their own.
        merged: those that share a row with others.
        merged_rows: the number of these rows.
        folded: those behind the visible rows.
    """

    total: int
    single: int
    merged: int
    merged_rows: int
    folded: int

    def describe(self) -> str:
        """Describe the numbers as one sentence."""
        parts = []
        if self.single:
            parts.append(f"{self.single:,} {'has a row' if self.single == 1 else 'have a row each'}")
        if self.merged:
            rows = f"one row stands for {self.merged:,}"
            parts.append(rows if self.merged_rows == 1 else f"{self.merged_rows:,} rows stand for {self.merged:,}")
        if self.folded:
            parts.append(f"{self.folded:,} {'is' if self.folded == 1 else 'are'} folded and not printed")
        return f"Of {count_noun(self.total, 'entry', 'entries')} in this annex, {join_phrases(parts)}."


def count_rows(groups: Sequence[NeedGroup]) -> RowCount:
    """Count the findings and parts of all groups by how they are shown."""
    rules = [rule for group in groups for rule in group.rules]
    shown = [row for rule in rules for row in rule.shown]
    merged = [row.parts for row in shown if row.parts > 1]
    return RowCount(
        sum(group.count for group in groups),
        sum(row.parts == 1 for row in shown),
        sum(merged),
        len(merged),
        sum(rule.folded_count for rule in rules),
    )


def group_by_need(report: AuditReport) -> tuple[NeedGroup, ...]:
    """Group findings and parts that were not examined by need, rule and severity; other causes are left out."""
    is_use_open = any(each.question is Question.USE for each in report.decision.causes)
    by_need: dict[Need, dict[tuple[str, Severity], list[Result]]] = {}
    results_ = list_results(report)
    repeated = _list_repeated(results_)
    for result in results_:
        if result.kind is not ResultKind.CAUSE:
            need = Need.REFUSED if result.is_refused else _OUTCOMES[result.outcome]
            if need is Need.NOTED and (result.rule, result.address) in repeated:
                need = Need.REPEATED
            is_on_license = result.check is CheckFamily.LICENSE
            if need is Need.NOTED and is_use_open and is_on_license and _concerns_answer(result, report.license):
                need = Need.ANSWERED
            by_need.setdefault(need, {}).setdefault((result.rule, result.severity), []).append(result)
    digests = _list_digests(report)
    room = _MOST_ROWS_OF_PAGE
    groups = []
    for need in Need:
        rules: list[RuleGroup] = []
        for (rule_id, severity), results in by_need.get(need, {}).items():
            rows = _fold_equals(results, digests)
            number = min(MOST_ROWS, max(room, 1)) if len(rules) < _MOST_RULES else 0
            room -= min(number, len(rows))
            title, rule = describe_rule(rule_id, report.rules)
            check = results[0].check
            rules.append(RuleGroup(rule_id, title, rule, severity, check, rows[:number], rows[number:]))
        if rules:
            count = sum(each.parts for results in by_need[need].values() for each in results)
            is_decided = report.decision.use.verdict is Verdict.FAIL
            groups.append(NeedGroup(need, tuple(rules), count, _describe_exception(need, report), is_decided))
    return tuple(groups)


def _list_repeated(results: Iterable[Result]) -> set[tuple[str, str]]:
    """List the rule and the address of results for information at the place of one that decides.

    Damage has the whole file as its place, where it names none.
    """
    listed = [each for each in results if each.kind is not ResultKind.CAUSE]
    deciding = [each for each in listed if each.outcome in (Outcome.FAILS, Outcome.OPEN)]
    places = {
        (each.address, each.location) for each in deciding if each.location != NOWHERE or each.rule == _DAMAGED_RULE
    }
    return {
        (each.rule, each.address)
        for each in listed
        if each.outcome is Outcome.NOTED
        and each.check is not CheckFamily.LICENSE
        and (each.address, each.location) in places
    }


def _concerns_answer(result: Result, license_: LicenseConclusion) -> bool:
    """Whether the answer to the use rests on the matter of a result; a missing item or a data set changes none."""
    reasons = {each.because for each in license_.open_answers}
    message = result.message.casefold()
    return not any(
        each.detail.rstrip(".").casefold() in message
        for each in license_.conflicts
        if each.kind not in CONFLICTS_LEAVING_LICENSE_OPEN and each.detail not in reasons
    )


def _describe_exception(need: Need, report: AuditReport) -> str:
    """Describe which findings that fail a decision may accept, as one sentence; empty where the policy permits none."""
    kinds = {"of a check of the files": FAMILIES_ON_LOAD, "on the licence": (CheckFamily.LICENSE,)}
    failing = {words: families for words, families in kinds.items() if list_rejected(report, families)}
    exempt = [words for words, families in failing.items() if permits_exception(report, families)]
    if need is not Need.FAILS or not exempt:
        return ""
    which = f" {exempt[0]}" if len(exempt) < len(failing) else ""
    return f"As an exception, the policy lets a person accept a finding{which} until a date."


def _list_digests(report: AuditReport) -> dict[str, str]:
    """Return the SHA-256 of each file that has one, by its path."""
    return {
        record.path: digest.value
        for record in report.coverage.artifacts
        for digest in record.digests
        if digest.algorithm is DigestAlgorithm.SHA256
    }


def _fold_equals(results: Iterable[Result], digests: Mapping[str, str]) -> tuple[Row, ...]:
    """Fold equal results of different files into one row."""
    equals: dict[tuple[str, tuple[str, ...], Location, str], list[Result]] = {}
    for result in results:
        settled = describe_acceptance(result.acceptance) if result.acceptance else ""
        said = result.message.replace(result.address, "\0") if result.address else result.message
        equals.setdefault((said, result.evidence, result.location, settled), []).append(result)
    return tuple(Row(tuple(each), settled, _name_equals(each, digests)) for (_, _, _, settled), each in equals.items())


def _name_equals(results: Sequence[Result], digests: Mapping[str, str]) -> str:
    """Name what several results have in common; empty for one result."""
    if len(results) == 1:
        return ""
    addresses = {each.address for each in results}
    if len(addresses) == 1:
        return ""
    shared = {digests.get(address, "") for address in addresses}
    same = " with one digest" if len(shared) == 1 and "" not in shared else ""
    # An address inside a container is a part of a file.
    is_file = all(address in digests for address in addresses)
    return f"{count_noun(len(addresses), 'file' if is_file else 'part')}{same}"
