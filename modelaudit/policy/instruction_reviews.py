"""Ask for the review of findings that prove nothing by themselves, such as instructions in prose."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from modelaudit.model.finding import Finding
from modelaudit.model.policy import Policy
from modelaudit.model.verdict import Cause, CauseKind, Question, Verdict
from modelaudit.policy.accepted import count_noun

_MOST_NAMED: Final = 3


def find_reviews(
    findings: Sequence[Finding], policy: Policy, rules: Collection[str]
) -> Iterator[tuple[Cause, tuple[str, ...]]]:
    """Yield a cause, with examples, for the open findings of rules that ask for a review.

    A finding that breaks the gate fails already. A policy without a gate for the family asks for no review.

    Args:
        findings: most severe first.
        policy: states the gates.
        rules: the ids of the rules that ask for a review.
    """
    found = [
        finding
        for finding in findings
        if finding.rule in rules
        and finding.acceptance is None
        and (gate := policy.gates.get(finding.check)) is not None
        and finding.severity.rank < gate.rank
    ]
    if found:
        reason = f"{count_noun(len(found), 'instruction')} of the model for a person to read"
        examples = tuple(f"{each.artifact}: {each.message}" for each in found[:_MOST_NAMED])
        yield Cause(CauseKind.INSTRUCTIONS_REVIEW, Question.LOAD, Verdict.REVIEW, len(found), reason), examples
