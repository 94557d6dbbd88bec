"""Judge a callable by its exact name, and by nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from modelaudit.model.catalogue import CallableEntry, Callables, Standing
from modelaudit.model.pickle import Name, Value

UNREVIEWED = "it is not on the list of reviewed names"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judgement of a name. ``effect`` is the family of harm, ``why`` one sentence; ``entry`` its list entry."""

    standing: Standing
    effect: str = ""
    why: str = ""
    entry: CallableEntry | None = None


def judge_name(subject: Value, callables: Callables) -> Judgement:
    """Return the judgement of a subject; anything but a name is unresolved."""
    if not isinstance(subject, Name):
        return Judgement(Standing.UNRESOLVED, why="it is only known when the file is loaded")
    dotted = "." in subject.qualname
    entry = callables.by_name.get(str(subject))
    # A dotted name walks attributes from object to object and may end anywhere. Lists spell a reviewed walk with a
    # colon, so that an ordinary entry trusts none.
    if entry is None or (dotted and entry.standing is Standing.TRUSTED):
        entry = callables.by_name.get(f"{subject.module}:{subject.qualname}")
    if entry:
        return Judgement(entry.standing, entry.effect, entry.why, entry)
    module = _judge_module(str(subject), callables)
    if module:
        return module
    if dotted:
        return Judgement(Standing.UNRESOLVED, "attribute", "it walks from attribute to attribute")
    if subject.module.partition(".")[0] in callables.standard_library:
        return Judgement(Standing.STANDARD_LIBRARY, why=UNREVIEWED)
    return Judgement(Standing.UNLISTED, why=UNREVIEWED)


def _judge_module(text: str, callables: Callables) -> Judgement | None:
    parts = text.split(".")
    for length in range(len(parts), 0, -1):
        found = callables.modules.get(".".join(parts[:length]))
        if found:
            return Judgement(Standing.DANGEROUS, found.effect, found.why)
    return None
