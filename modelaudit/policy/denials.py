"""Explain the denial of a licence or of the policy that keeps a decision from accepting the planned use."""

from __future__ import annotations

import re
from collections.abc import Collection

from modelaudit.model.license import LicenseConclusion, UseAnswer
from modelaudit.model.policy import LicenseListing
from modelaudit.model.register import CONCLUSION, RegisterEntry, SubjectKind
from modelaudit.model.terms import Answer


def explain_denial(
    entry: RegisterEntry,
    license_: LicenseConclusion,
    listing: LicenseListing,
    permitted: Collection[UseAnswer | str],
    negotiable: Collection[str],
) -> str:
    """Explain the denial that a decision on licences does not concern; empty without one.

    Args:
        entry: on one licence or on the conclusion; an agreement leaves other denials as they are.
        license_: the conclusion.
        listing: the licences beside the lists of the policy.
        permitted: the denials that agreements permit.
        negotiable: the kinds of clauses that an agreement can lift.
    """
    name = entry.subject.name
    names = "|".join(map(re.escape, entry.subject.licenses))
    pattern = re.compile(rf"(?<![\w.+-])(?:{names})(?![\w+-]|\.\w)")
    for denial in listing.denials:
        if name == CONCLUSION or pattern.search(denial):
            return f"No decision accepts it. {denial}"
    if entry.subject.kind is SubjectKind.AGREEMENT:
        return ""
    for answer in license_.answers:
        if answer.answer is Answer.DENY and answer not in permitted and name in (CONCLUSION, answer.license):
            if answer.kind not in negotiable:
                return f"No decision and no agreement accepts it. {answer.because}"
            return f"A denial needs an agreement with the owner; record it as agreement:{answer.license}."
    return ""
