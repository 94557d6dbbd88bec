"""What the evaluator of the scanner finds in a module: dangerous names behind aliases, in texts, or computed.

``function_calls`` follows calls by the names of the source. The evaluator does so by values, as for the code of a
model: it resolves ``getattr(module, "sys" + "tem")``, aliases, decoded texts and objects that a walk finds.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Iterator

from module_bindings import Module
from reviewed import Reviewed

from modelaudit.languages.python import uses
from modelaudit.languages.python.budget import limit_steps
from modelaudit.languages.python.evaluator import Evaluator
from modelaudit.languages.python.unparsed_names import scan_names
from modelaudit.languages.python.uses import Use
from modelaudit.languages.python.values import Scope
from modelaudit.model.catalogue import Standing

# A hidden name is undecided even if no list has it.
_HIDING = frozenset(
    {uses.HIDDEN, uses.COMPUTED, uses.OF_DECODED, uses.OF_DOWNLOAD, uses.REMOTE_SHELL, uses.SENDS_SECRET}
)
_CALLS = frozenset({uses.CALL, uses.AT_IMPORT})
# Reading an attribute is followed by name in ``function_calls``.
_FOLLOWED = frozenset({"attribute"})


def read_uses(module: Module) -> tuple[list[Use], list[tuple[int, int]]]:
    """Return the uses of names in a module, by the second of two passes of the evaluator, and the lines it skipped."""
    if module.uses is None:
        text = "\n".join(module.lines)
        first = Evaluator(limit_steps(text))
        first.scope = Scope()
        first.evaluate_module(module.body)
        second = first.create_next_pass()
        second.scope = Scope()
        second.evaluate_module(module.body)
        skipped = list(second.skipped)
        if second.budget.is_exceeded or second.log.is_full:
            skipped.append((1, len(module.lines)))
        for start, end in skipped:
            # What is not evaluated is searched for names, each of which counts as called.
            scan_names("\n".join(module.lines[start - 1 : end]), start, Scope(), second.log)
        module.uses = sorted(second.log.iterate_uses(), key=lambda use: use.line), skipped
    return module.uses


def find_uses(module: Module, node: ast.AST, reviewed: Reviewed) -> Iterator[tuple[str, str, int]]:
    """Yield (kind of issue, reason, line) for each dangerous or hidden name in the lines of a function or class."""
    first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0) or 0
    found, skipped = read_uses(module)
    begin = bisect_left(found, first, key=lambda use: use.line)
    for use in found[begin:]:
        if use.line > last:
            break
        if use.use == uses.OVERWRITE and not use.name.startswith("."):
            yield "undecided", f"it changes {use.name}", use.line
        elif use.use in _HIDING:
            yield "undecided", f"it computes or hides a name: {use.name}", use.line
        elif use.use in _CALLS or any(start <= use.line <= end for start, end in skipped):
            judgement = reviewed.judge(use.name)
            is_followed = judgement.effect in _FOLLOWED or reviewed.is_known_function(use.name)
            if judgement.standing is Standing.DANGEROUS and not is_followed:
                yield "runs", f"it calls {use.name}, which {judgement.why}", use.line
