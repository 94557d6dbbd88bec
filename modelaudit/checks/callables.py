"""Judge a callable by its exact name, and by nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from modelaudit.model.catalogue import CallableEntry, Callables, Standing
from modelaudit.model.pickle import Name, Value

UNREVIEWED = "it is not on the list of reviewed names"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judgement of a name.

    Attributes:
        standing: of the name.
        effect: the family of harm; empty unless the name is dangerous or unresolved.
        why: the reason, one sentence.
        entry: the entry of the lists with exactly this name, if there is one.
    """

    standing: Standing
    effect: str = ""
    why: str = ""
    entry: CallableEntry | None = None


def judge_name(subject: Value, callables: Callables) -> Judgement:
    """Return the judgement of a name by the lists of callables; any other value is unresolved."""
    if not isinstance(subject, Name):
        return Judgement(Standing.UNRESOLVED, why="it is only known when the file is loaded")
    is_dotted = "." in subject.qualname
    entry = callables.by_name.get(str(subject))
    # A dotted name walks attributes from object to object and may end anywhere. Lists spell a reviewed walk with a
    # colon, so that an ordinary entry trusts none.
    if entry is None or (is_dotted and entry.standing is Standing.TRUSTED):
        entry = callables.by_name.get(f"{subject.module}:{subject.qualname}")
    if entry:
        return Judgement(entry.standing, entry.effect, entry.why, entry)
    module = _judge_module(str(subject), callables)
    if module:
        return module
    if is_dotted:
        return Judgement(Standing.UNRESOLVED, "attribute", "it walks from attribute to attribute")
    if subject.module.partition(".")[0] in callables.standard_library:
        return Judgement(Standing.STANDARD_LIBRARY, why=UNREVIEWED)
    return Judgement(Standing.UNLISTED, why=UNREVIEWED)


def _judge_module(dotted_name: str, callables: Callables) -> Judgement | None:
    """Return the judgement of a name in a dangerous module, or of the module itself; ``None`` for any other name."""
    parts = dotted_name.split(".")
    for length in range(len(parts), 0, -1):
        module = callables.modules.get(".".join(parts[:length]))
        if module:
            return Judgement(Standing.DANGEROUS, module.effect, module.why)
    return None
