"""The fields of use that licences forbid or permit under conditions alone."""

from __future__ import annotations

from modelaudit.model.license import LicenseConclusion
from modelaudit.model.terms import GENERAL_FIELD, Answer, Clause, LicenseEntry
from modelaudit.reports.license_words import join_fields


def list_field_limits(license_: LicenseConclusion, most: int = 100, *, has_address: bool = True) -> list[str]:
    """List the fields of use that a clause forbids or permits under conditions, where no answer states the clause.

    Args:
        license_: the conclusion.
        most: how many fields of one clause are listed; the rest is counted.
        has_address: whether the address of a use policy is shown, a policy without a list on record, and a list that
            leaves the stated field of use out.
    """
    answered = {(each.license, each.kind) for each in license_.answers}
    lines = []
    for entry in license_.entries:
        for clause in entry.clauses:
            if (entry.id, clause.kind) in answered or not is_about_fields(clause):
                continue
            # Page 1 holds reasons: a list without the stated field is none.
            if not has_address and _leaves_field_out(license_, clause):
                continue
            where = ", ".join(part for part in (entry.id.removeprefix("LicenseRef-"), clause.section) if part)
            if clause.kind == "use-policy":
                url = clause.url or entry.policy_url or entry.url
                if has_address or clause.fields:
                    place = f"{where}; {url}" if has_address else where
                    lines.append(f"Forbidden uses: {_format_fields(clause, most)} ({place}).")
            else:
                lines.append(f"Uses under conditions: {_format_fields(clause, most)} ({where}).")
    return lines


def list_forbidden_uses(license_: LicenseConclusion, most: int) -> list[str]:
    """List the uses that each clause forbids, with its place, where the planned use states none of them.

    Args:
        license_: the conclusion.
        most: how many uses of one clause are listed; the rest is counted.
    """
    if license_.intent is None or license_.intent.field != GENERAL_FIELD:
        return []
    return [
        f"{_format_fields(clause, most)} ({entry.id.removeprefix('LicenseRef-')}, {clause.section})"
        for entry in license_.entries
        for clause in entry.clauses
        if clause.kind == "use-policy" and clause.fields
    ]


def list_conditions_on_fields(license_: LicenseConclusion) -> list[str]:
    """List the fields of use that a clause permits under conditions alone, with the clause, where none is stated.

    A stated field has an answer of its own, and an ordinary one may be each of them to the person who states it.
    """
    return [f"{join_fields(clause.fields)} ({place})" for place, clause in _find_conditions_on_fields(license_)]


def list_clauses_on_fields(license_: LicenseConclusion) -> list[str]:
    """List the places of the clauses of ``list_conditions_on_fields``."""
    return [place for place, _ in _find_conditions_on_fields(license_)]


def _find_conditions_on_fields(license_: LicenseConclusion) -> list[tuple[str, Clause]]:
    """Find each place with the clause that permits some fields under conditions alone, where no field is stated."""
    if license_.intent is not None and license_.intent.field not in ("", GENERAL_FIELD):
        return []
    clauses = {
        f"{entry.id.removeprefix('LicenseRef-')}, {clause.section}": clause
        for entry in license_.entries
        for clause in entry.clauses
        if clause.kind == "use-condition" and clause.fields
    }
    return list(clauses.items())


def find_condition_on_field(license_: LicenseConclusion, entry: LicenseEntry) -> str:
    """Find the section of a licence that permits the stated field of use under conditions; empty without one."""
    open_kinds = {each.kind for each in license_.answers if each.license == entry.id and each.answer is Answer.REVIEW}
    field = license_.intent.field if license_.intent is not None else ""
    conditions = (each for each in entry.clauses if each.kind == "use-condition" and field in each.fields)
    return next((each.section for each in conditions if each.kind in open_kinds), "")


def _leaves_field_out(license_: LicenseConclusion, clause: Clause) -> bool:
    """Whether the planned use states a field that the list of a clause does not have.

    The general field is none that licences forbid, and may be one that they permit under conditions.
    """
    field = license_.intent.field if license_.intent is not None else ""
    undecided = ("",) if clause.kind == "use-policy" else ("", GENERAL_FIELD)
    return bool(clause.fields) and field not in (*undecided, *clause.fields)


def is_about_fields(clause: Clause) -> bool:
    """Whether a clause limits fields of use."""
    return clause.kind == "use-policy" or (clause.kind == "use-condition" and bool(clause.fields))


def _format_fields(clause: Clause, most: int) -> str:
    """Join the first ``most`` fields of use of a clause, and count the rest."""
    if not clause.fields:
        return "this tool has no list; read it at the address"
    fields = join_fields(clause.fields[:most])
    more = len(clause.fields) - most
    return f"{fields} and {more} more" if more > 0 else fields
