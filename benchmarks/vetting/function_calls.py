"""List what one function runs: the functions that it calls, and the calls whose effect the source does not decide.

Every call of the body counts, whichever branch holds it, and each function that is passed on counts as called. A call
is harmless if the callee is read in turn, is on a list of reviewed names, or is a method that harms on no object.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from assigned_values import FunctionNode
from class_order import ClassInfo, Method
from expression_values import Frame
from module_bindings import External, Found, Module, Undecided
from module_uses import find_uses
from reviewed import Reviewed, name_decorator
from value_kinds import (
    DATA,
    Argument,
    Bound,
    Closure,
    Computed,
    Inner,
    Kind,
    Made,
    Member,
    Other,
    Own,
    Result,
    Super,
    Value,
)

from modelaudit.model.catalogue import Standing

RUNS = "runs"
UNDECIDED = "undecided"
CALLS_ARGUMENT = "calls an argument"

_CHECKS = frozenset({"isinstance", "issubclass"})
_CALLERS = frozenset({"map", "filter", "reduce", "partial"})
_ATTRIBUTE_SETTERS = frozenset({"builtins.setattr", "builtins.delattr"})


@dataclass(frozen=True, slots=True)
class Issue:
    """A reason against trust.

    Attributes:
        kind: ``runs``, ``undecided`` or ``calls an argument``.
        place: file and line.
        quote: the line.
        attribute: the attribute of its own object that it calls, if the call is the reason.
    """

    kind: str
    reason: str
    place: str
    quote: str = ""
    attribute: str = ""


@dataclass(slots=True)
class Effects:
    """What one function runs.

    Attributes:
        calls: the functions that it may run, each with its class.
        makes: the classes that it may construct.
        passed: names without source that it passes on.
    """

    issues: list[Issue] = field(default_factory=list)
    calls: list[Frame] = field(default_factory=list)
    makes: list[ClassInfo] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)


class FunctionReader:
    """Reads the body of one function."""

    def __init__(self, frame: Frame, reviewed: Reviewed) -> None:
        self.frame = frame
        self.reviewed = reviewed
        self.effects = Effects()

    def read(self) -> Effects:
        """Return what the function runs."""
        node = self.frame.node
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self._visit(default)
                self._refer(default)
        for statement in node.body if isinstance(node.body, list) else [node.body]:
            self._visit(statement)
        for kind, reason, line in find_uses(self.frame.module, node, self.reviewed):
            self._add(kind, reason, line)
        return self.effects

    def _add(self, kind: str, reason: str, line: int, attribute: str = "") -> None:
        """Add an issue at a line of the module."""
        module = self.frame.module
        self.effects.issues.append(Issue(kind, reason, f"{module.path}:{line}", module.quote(line), attribute))

    def _name_own_attribute(self, callee: ast.expr) -> str:
        """Return the attribute of its own object that a call calls; empty for any other callee."""
        if not isinstance(callee, ast.Attribute) or self.frame.evaluate(callee.value) != [Own()]:
            return ""
        return callee.attr

    def _visit(self, node: ast.AST) -> None:
        """Read one node and the nodes below it."""
        match node:
            case ast.Global(names=names):
                self._add(UNDECIDED, f"it changes {', '.join(names)} of the module", node.lineno)
            case ast.Call():
                self._read_call(node)
                return
            case ast.AnnAssign(annotation=_, value=value, target=target):
                self._visit(target)
                if value is not None:
                    self._visit(value)
                    self._refer(value)
                return
            case ast.Assign(value=value):
                self._refer(value)
            case ast.Return(value=value) if value is not None:
                self._refer(value)
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                self._set_attribute(node)
            case ast.Attribute():
                self._read_property(node)
            case ast.Subscript(ctx=ast.Store() | ast.Del(), value=base):
                self._change_item(base)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for each in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
                    if each is not None:
                        self._visit(each)
                for statement in node.body:
                    self._visit(statement)
                return
            case ast.arg():
                return
        for child in ast.iter_child_nodes(node):
            self._visit(child)

    def _read_call(self, node: ast.Call) -> None:
        """Read a call: its callee, and the functions and classes among its arguments."""
        callees = self.frame.evaluate(node.func)
        for callee in callees:
            self._call(callee, node)
        if isinstance(node.func, ast.Attribute):
            self._visit(node.func.value)
        elif not isinstance(node.func, ast.Name):
            self._visit(node.func)
        is_check = isinstance(node.func, ast.Name) and node.func.id in _CHECKS
        for argument in (*node.args, *(each.value for each in node.keywords)):
            self._visit(argument)
            if not is_check:
                self._refer(argument)
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in _CALLERS and node.args:
            for callee in self.frame.evaluate(node.args[0]):
                self._call(callee, ast.Call(node.args[0], [], [], lineno=node.lineno, col_offset=0))
        for keyword in node.keywords:
            if keyword.arg in ("key", "default_factory", "target", "func"):
                for callee in self.frame.evaluate(keyword.value):
                    if not isinstance(callee, Other):
                        self._call(callee, ast.Call(keyword.value, [], [], lineno=node.lineno, col_offset=0))

    def _call(self, callee: Value, node: ast.Call) -> None:
        """Add what a call of one value runs."""
        text = ast.unparse(node.func)[:80]
        own = self._name_own_attribute(node.func)
        match callee:
            case External(name=name):
                self._call_external(name, node)
            case Found(node=ast.FunctionDef() | ast.AsyncFunctionDef()):
                self._follow(callee, node.lineno)
            case Kind(info=info):
                self.effects.makes.append(info)
            case Bound(method=method, concrete=concrete):
                self._follow_method(method, concrete, node.lineno)
            case Own(is_class=True):
                if self.frame.concrete is not None:
                    self.effects.makes.append(self.frame.concrete)
            case Own():
                self._call_object(self.frame.concrete, node)
            case Made(info=info):
                self._call_object(info, node)
            case Argument():
                self._add(CALLS_ARGUMENT, f"it calls {text}, which its caller passes", node.lineno, own)
            case Member(name=name):
                # ``layer.eval()`` takes no text; ``frame.eval(text)`` evaluates one.
                is_mode = name == "eval" and not node.args and not node.keywords
                if name not in self.reviewed.methods and not is_mode:
                    reason = f"it calls {text}() on a value that the source does not decide"
                    self._add(UNDECIDED, reason, node.lineno, own)
            case Closure(maker=maker):
                self._follow(maker)
            case Result(name=name) if self.reviewed.is_known_function(f"{name}.()"):
                pass  # what a factory of the list returns
            case Inner():
                pass  # its body is read with this one
            case Super():
                self._add(UNDECIDED, f"it calls {text}", node.lineno)
            case Undecided(reason=reason, place=place):
                self._add(UNDECIDED, f"it calls {text}, which is undecided: {reason} ({place})", node.lineno)
            case Other(is_data=True):
                pass  # a call of data raises
            case _:
                self._add(UNDECIDED, f"it calls {text}, which the source does not decide", node.lineno)

    def _call_object(self, info: ClassInfo | None, node: ast.Call) -> None:
        """Add what a call of an object runs: ``__call__``, and the ``forward`` of a layer."""
        found = info.find("__call__") if info is not None else None
        if info is None or found is None:
            self._add(UNDECIDED, f"it calls {ast.unparse(node.func)[:80]}, an object", node.lineno)
            return
        forward = info.find("forward")
        if isinstance(forward, Method):
            self._follow_method(forward, info)
        if isinstance(found, Method) and found.node is not None:
            self._follow_method(found, info)
        elif not isinstance(forward, Method):
            self._add(UNDECIDED, f"it calls {ast.unparse(node.func)[:80]}, an object", node.lineno)

    def _call_external(self, name: str, node: ast.Call) -> None:
        """Add the issue of a call of a name without source, unless it is known to do no harm."""
        if name == "builtins.getattr" and len(node.args) > 1 and not isinstance(node.args[1], ast.Constant):
            if getattr(self.frame.node, "name", "") in ("__getattr__", "__getattribute__"):
                # Loading asks for ``__setstate__``, ``append`` and more, and would get those of what the object holds.
                self._add(UNDECIDED, "it looks any name up in another object", node.lineno)
            for base in self.frame.evaluate(node.args[0]):
                if isinstance(base, Module | External | Kind | Computed):
                    self._add(
                        UNDECIDED,
                        f"it computes the name of an attribute of {ast.unparse(node.args[0])[:60]}",
                        node.lineno,
                    )
        elif name in _ATTRIBUTE_SETTERS and node.args:
            for base in self.frame.evaluate(node.args[0]):
                if isinstance(base, Module | External | Kind) or base == Own(is_class=True):
                    self._add(UNDECIDED, f"it changes {ast.unparse(node.args[0])[:60]}", node.lineno)
        elif name == "builtins.type" and len(node.args) > 1:
            self._add(UNDECIDED, "it makes a class", node.lineno)
        elif name == "importlib.import_module" and node.args and isinstance(node.args[0], ast.Constant):
            return  # as an import statement
        is_import = name in self.reviewed.importers
        if is_import and node.args and all(isinstance(each, ast.Constant) for each in node.args):
            return
        if self.reviewed.is_known_function(name):
            return
        if name in self.reviewed.of_texts and all(map(self._is_text, node.args)):
            return
        base, _, member = name.rpartition(".")
        if self.reviewed.is_base(base) and member in self.reviewed.methods | {
            "__new__",
            "__setattr__",
            "__init_subclass__",
        }:
            return
        if base == "builtins.object" or (base == "builtins.super" and member.startswith("__")):
            return
        judgement = self.reviewed.judge(name)
        if judgement.standing is Standing.DANGEROUS:
            self._add(RUNS, f"it calls {name}, which {judgement.why}", node.lineno)
        else:
            self._add(UNDECIDED, f"it calls {name}, whose source was not read", node.lineno)

    def _is_text(self, node: ast.expr) -> bool:
        """Whether an expression is a constant, or a text that ``str`` makes."""
        return all(each in (DATA, Result("builtins.str")) for each in self.frame.evaluate(node))

    def _follow(self, found: Found, line: int = 0) -> None:
        """Add a call of a function of the sources."""
        assert isinstance(found.node, FunctionNode)
        if self.reviewed.is_harmless(found.name) or self.reviewed.is_known_function(found.name):
            return
        judgement = self.reviewed.judge(found.name)
        if judgement.standing is Standing.DANGEROUS and not self.reviewed.is_ordinary(found.name):
            self._add(RUNS, f"it calls {found.name}, which {judgement.why}", line)
        for decorator in found.node.decorator_list:
            text = name_decorator(decorator)
            if self.reviewed.kind_of_decorator(decorator, found.module) is None:
                issue = Issue(UNDECIDED, f"the decorator {text} may replace {found.name}", found.place)
                self.effects.issues.append(issue)
        self.effects.calls.append(Frame(found.module, found.node, self.frame.order))

    def _follow_method(self, method: Method, concrete: ClassInfo, line: int = 0) -> None:
        """Add a call of a method of a class of the sources."""
        full_name = f"{method.owner.name}.{method.name}"
        if self.reviewed.is_harmless(full_name) or method.node is None:
            return
        if method.fault is not None:
            self.effects.issues.append(Issue(UNDECIDED, method.fault.reason, method.fault.place))
        judgement = self.reviewed.judge(full_name)
        if judgement.standing is Standing.DANGEROUS and not self.reviewed.is_ordinary(full_name):
            self._add(RUNS, f"it calls {full_name}, which {judgement.why}", line)
        owner = method.owner
        self.effects.calls.append(Frame(owner.module, method.node, self.frame.order, owner, concrete, method.kind))

    def _refer(self, node: ast.expr) -> None:
        """Add the functions and classes that an expression passes on, as if they were called."""
        if not isinstance(node, ast.Name | ast.Attribute | ast.IfExp | ast.BoolOp | ast.Tuple | ast.List | ast.Dict):
            return
        if isinstance(node, ast.Tuple | ast.List | ast.Dict):
            for each in node.values if isinstance(node, ast.Dict) else node.elts:
                self._refer(each)
            return
        for value in self.frame.evaluate(node):
            match value:
                case Found(node=ast.FunctionDef() | ast.AsyncFunctionDef()):
                    self._follow(value)
                case Bound(method=method, concrete=concrete) if method.kind != "property":
                    self._follow_method(method, concrete)
                case Kind(info=info):
                    self.effects.makes.append(info)
                case External(name=name):
                    if self.reviewed.judge(name).standing is Standing.DANGEROUS and not self.reviewed.is_ordinary(name):
                        self._add(RUNS, f"it passes {name} on", node.lineno)
                    elif not self.reviewed.is_mentioned(name) and not self.reviewed.is_ordinary(name):
                        self.effects.passed.append(name)
                case Computed():
                    self._add(UNDECIDED, f"it passes on {ast.unparse(node)[:60]}, whose name it computes", node.lineno)

    def _read_property(self, node: ast.Attribute) -> None:
        """Add the function of a property that an attribute reads."""
        for base in self.frame.evaluate(node.value):
            info = self.frame.concrete if isinstance(base, Own) else base.info if isinstance(base, Made) else None
            found = info.find(node.attr) if info is not None else None
            if info is not None and isinstance(found, Method) and found.kind == "property":
                self._follow_method(found, info)

    def _set_attribute(self, node: ast.Attribute) -> None:
        """Add what setting an attribute runs or changes."""
        for base in self.frame.evaluate(node.value):
            if isinstance(base, Module | External | Kind | Found) or base == Own(is_class=True):
                if not (base == Own(is_class=True) and getattr(self.frame.node, "name", "") == "__new__"):
                    self._add(UNDECIDED, f"it changes {ast.unparse(node)[:80]}", node.lineno)
            elif isinstance(base, Own) and self.frame.concrete is not None:
                found = self.frame.concrete.find(node.attr)
                for setter in found.setters if isinstance(found, Method) else ():
                    owner = found.owner if isinstance(found, Method) else self.frame.concrete
                    concrete = self.frame.concrete
                    self.effects.calls.append(Frame(owner.module, setter, self.frame.order, owner, concrete, "method"))

    def _change_item(self, base: ast.expr) -> None:
        """Add an issue where an item of a module's own value is set, which changes the process."""
        for value in self.frame.evaluate(base):
            if isinstance(value, Module | External | Kind) or (
                isinstance(base, ast.Name)
                and base.id not in self.frame.local_values
                and base.id not in self.frame.parameters
            ):
                self._add(UNDECIDED, f"it changes an item of {ast.unparse(base)[:60]}", base.lineno)
                return
