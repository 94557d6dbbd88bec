"""Judge a callable by its exact name, and by nothing else."""

from __future__ import annotations

from msgspec import Struct

from modelaudit.model.catalogue import CallableEntry, Callables, Standing
from modelaudit.model.pickle import Name, Value

UNREVIEWED = "it is not on the list of reviewed names"


class Judgement(Struct, frozen=True):
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


def judge_name(value: Value, callables: Callables) -> Judgement:
    """Return the judgement of a name by the lists of callables; a value that is not a name is unresolved."""
    if not isinstance(value, Name):
        return Judgement(Standing.UNRESOLVED, why="it is not a name, so its effect shows only in loading")
    # A loader follows a dotted name from attribute to attribute, and may end anywhere.
    is_walk = "." in value.qualname
    entry = callables.by_name.get(str(value))
    # The lists spell a reviewed walk with a colon. An ordinary entry of the same spelling does not make a walk trusted.
    if entry is None or (is_walk and entry.standing is Standing.TRUSTED):
        entry = callables.by_name.get(f"{value.module}:{value.qualname}")
    if entry:
        return Judgement(entry.standing, entry.effect, entry.why, entry)
    module_judgement = _judge_module(str(value), callables)
    if module_judgement:
        return module_judgement
    if is_walk:
        return Judgement(Standing.UNRESOLVED, "attribute", "it walks from attribute to attribute")
    if value.module.partition(".")[0] in callables.standard_library:
        return Judgement(Standing.STANDARD_LIBRARY, why=UNREVIEWED)
    return Judgement(Standing.UNLISTED, why=UNREVIEWED)


def _judge_module(dotted_name: str, callables: Callables) -> Judgement | None:
    """Return the judgement of a name in a dangerous module, or of the module itself; ``None`` for any other name."""
    parts = dotted_name.split(".")
    # The innermost listed module counts.
    for length in range(len(parts), 0, -1):
        module = callables.modules.get(".".join(parts[:length]))
        if module:
            return Judgement(Standing.DANGEROUS, module.effect, module.why)
    return None
