"""Compare the planned use of a scan with the use for which a person decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from modelaudit.model.register import DecisionAnswer, RegisterEntry, SubjectKind
from modelaudit.model.terms import WORLD, Intent, Purpose, Use

# From the narrowest to the widest: an unstated purpose may be research or another.
_PURPOSES: Final = (Purpose.RESEARCH, None, Purpose.OTHER)

Territories = Mapping[str, Sequence[str]]
"""Groups of countries by their name, such as EU."""


def explain_wider_use(entry: RegisterEntry, planned: Intent, groups: Territories) -> str:
    """Explain what the planned use includes that an entry of the register did not answer; empty if it covers it.

    A refusal holds for every use, and so does an agreement that states none.
    """
    is_refusal = entry.answer is DecisionAnswer.REFUSE
    is_for_every_use = is_refusal or (entry.subject.kind is SubjectKind.AGREEMENT and not entry.use.is_stated)
    return "" if is_for_every_use else compare_uses(entry.use, planned, groups)


def compare_uses(decided: Intent, planned: Intent, groups: Territories) -> str:
    """Explain what the planned use includes that a decision did not answer; empty if the decision covers it.

    A decision does not answer what the person did not know: a fact that was unknown then and is stated now is a further
    one, and so is one that is unknown now. A use that is planned no more, fewer territories and smaller numbers are
    covered.

    Args:
        decided: the use for which the person decided.
        planned: the use of this scan.
        groups: of countries.
    """
    further = [*_list_further_uses(decided, planned), *_list_further_facts(decided, planned, groups)]
    return f"The planned use now includes {'; '.join(further)}." if further else ""


def _list_further_uses(decided: Intent, planned: Intent) -> Iterator[str]:
    """Yield each use that is planned or not ruled out, unlike in the decision."""
    for use in Use:
        was, is_ = decided.uses.get(use), planned.uses.get(use)
        if is_ is True and was is not True:
            yield str(use)
        elif is_ is None and was is False and planned.is_stated:
            yield f"perhaps {use}, which is not ruled out"


def _list_further_facts(decided: Intent, planned: Intent, groups: Territories) -> Iterator[str]:
    """Yield each territory, field and number that the decision does not cover."""
    further = [each for each in planned.territories if not _covers_territory(decided.territories, each, groups)]
    if further:
        yield f"the territory {', '.join(further)}"
    elif decided.territories and not planned.territories:
        yield "a territory that is not stated"
    if planned.field != decided.field:
        yield f"the field {planned.field}" if planned.field else "a field that is not stated"
    if _PURPOSES.index(planned.purpose) > _PURPOSES.index(decided.purpose):
        yield "a purpose other than research" if planned.purpose else "a purpose that is not stated"
    numbers = (
        ("monthly active users", decided.monthly_active_users, planned.monthly_active_users),
        ("USD of annual revenue", decided.annual_revenue_usd, planned.annual_revenue_usd),
    )
    for noun, was, is_ in numbers:
        if is_ is not None and (was is None or is_ > was):
            yield f"{is_:,.10g} {noun}"
        elif is_ is None and was is not None:
            yield f"a number of {noun} that is not stated"


def _covers_territory(decided: Sequence[str], code: str, groups: Territories) -> bool:
    """Whether the territories of a decision include all of another one."""
    if WORLD in decided or code in decided:
        return True
    covered = {member for each in decided for member in (groups.get(each) or (each,))}
    return code != WORLD and set(groups.get(code) or (code,)) <= covered
