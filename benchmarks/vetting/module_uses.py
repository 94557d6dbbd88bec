"""What the evaluator of the scanner finds in a module: dangerous names behind aliases, in texts, or computed.

``function_calls`` follows calls by the names of the source. The evaluator does so by values, as for the code of a
model: it resolves ``getattr(module, "sys" + "tem")``, aliases, decoded texts and objects that a walk finds.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Iterator

from class_order import Method
from module_bindings import Module
from reviewed import Reviewed

from modelaudit.languages.python import uses
from modelaudit.languages.python.budget import limit_steps
from modelaudit.languages.python.evaluator import Evaluator
from modelaudit.languages.python.scopes import Scope
from modelaudit.languages.python.unparsed_names import scan_names
from modelaudit.languages.python.uses import Use
from modelaudit.model.catalogue import Standing

# A hidden name is undecided even if no list has it.
_HIDING = frozenset(
    {uses.HIDDEN, uses.COMPUTED, uses.OF_DECODED, uses.OF_DOWNLOAD, uses.REMOTE_SHELL, uses.SENDS_SECRET}
)
_CALLS = frozenset({uses.CALL, uses.AT_IMPORT})
# Reading an attribute is followed by name in ``function_calls``.
_FOLLOWED = frozenset({"attribute"})
# Functions that call their first argument, and those under ``_CALLED_KEYWORDS``.
_CALL_FIRST = frozenset(
    {f"itertools.{name}" for name in ("takewhile", "dropwhile", "filterfalse", "starmap")}
    | {f"scipy.optimize.{name}" for name in ("minimize", "minimize_scalar", "root", "root_scalar", "brentq", "newton")}
    | {f"scipy.optimize.{name}" for name in ("curve_fit", "fmin", "fmin_l_bfgs_b", "fsolve", "least_squares", "brute")}
    | {"numpy.apply_along_axis", "numpy.vectorize"}
)
_CALLED_KEYWORDS = frozenset(
    {"func", "function", "method", "jac", "hess", "hessp", "callback", "fprime", "key", "constraints"}
)


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


def depends_on_object(method: Method, line: int) -> bool:
    """Whether the first argument of a call at ``line`` of a method is something that the method takes from ``self``."""
    node = method.node
    if node is None or not node.args.args or method.kind in ("static", "class"):
        return False
    own = _list_own(method)
    calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
    passed = [
        each.args[:1] or [keyword.value for keyword in each.keywords]
        for each in calls
        if each.lineno <= line <= (each.end_lineno or line)
    ]
    return any(_reads(each, own) for arguments in passed for each in arguments)


def _list_own(method: Method) -> set[str]:
    """Return the names of a method that get something of its object."""
    node = method.node
    if node is None or not node.args.args or method.kind in ("static", "class"):
        return set()
    own = {node.args.args[0].arg}
    # Names that get something of ``self``, in the order of the source; a second round follows loops.
    for _ in range(2):
        for part in ast.walk(node):
            if isinstance(part, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and part.value is not None:
                targets = part.targets if isinstance(part, ast.Assign) else [part.target]
                if _reads(part.value, own):
                    own.update(each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name))
            elif isinstance(part, ast.For) and _reads(part.iter, own):
                own.update(each.id for each in ast.walk(part.target) if isinstance(each, ast.Name))
    return own


def passes_known_function(method: Method, name: str, line: int) -> bool:
    """Whether each call of ``name`` at ``line`` of a method only calls functions that the source writes out or names.

    The first argument has to be one, ``name`` calls no other, and no argument under one of
    ``_CALLED_KEYWORDS`` may come from the object.
    """
    if method.node is None or name not in _CALL_FIRST:
        return False
    calls = [each for each in ast.walk(method.node) if isinstance(each, ast.Call) and each.lineno == line]
    inner = [each for each in calls if not any(part in calls for part in ast.walk(each) if part is not each)]
    own = _list_own(method)
    return bool(inner) and all(
        each.args
        and _is_written_function(each.args[0], method)
        and not any(_reads(one.value, own) for one in each.keywords if one.arg in _CALLED_KEYWORDS or one.arg is None)
        for each in inner
    )


def _is_written_function(node: ast.expr, method: Method) -> bool:
    """Whether an expression is a lambda, a function of the source, or a method of the object's class."""
    assert method.node is not None
    if isinstance(node, ast.Lambda):
        return True
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        found = method.owner.find(node.attr)
        return isinstance(found, Method) and found.node is not None
    if not isinstance(node, ast.Name):
        return False
    stored = {
        each.id for each in ast.walk(method.node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }
    inner = {each.name for each in ast.walk(method.node) if isinstance(each, ast.FunctionDef)}
    arguments = {each.arg for each in ast.walk(method.node) if isinstance(each, ast.arg)}
    return node.id not in stored | arguments and (node.id in inner or node.id in method.owner.module.bindings)


def _reads(node: ast.expr, names: set[str]) -> bool:
    """Whether an expression reads one of the names."""
    return any(isinstance(each, ast.Name) and each.id in names for each in ast.walk(node))
