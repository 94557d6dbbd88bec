"""Read ``reviewed.yaml`` and the lists of the rules: what a derivation takes as given."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from modelaudit.catalogue import load_catalogue
from modelaudit.checks.callables import Judgement, judge_name
from modelaudit.formats.registry import FACTS
from modelaudit.model.catalogue import Callables, Standing
from modelaudit.model.copies import replace
from modelaudit.model.pickle import Name

if TYPE_CHECKING:
    from module_bindings import Assigned, Found, Module
    from module_names import Meaning

HERE = Path(__file__).resolve().parent
CALLABLES = HERE.parents[1] / "rules" / "callables"
if str(CALLABLES) not in sys.path:
    sys.path.append(str(CALLABLES))

from loading import REVIEWED_METHODS  # noqa: E402

OPERATORS = CALLABLES.parent / "torchscript" / "trusted" / "torch-derived.yaml"
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SUFFIX = "-read"
"""Ends the names of the lists that this derivation writes."""
_TORCH_MODULES = ("torch", "torch.nn.functional", "torch._C._nn", "torch._VF", "torch._C._VariableFunctions")
_FAMILIES = ("linalg", "fft", "special")
Resolver = Callable[["Module", str], "Meaning"]


@dataclass(slots=True)
class Reviewed:
    """The names that were reviewed by hand, and the lists of the rules.

    Attributes:
        resolve, resolve_name: work out what a path of a module, or a full name, means; set by ``Derivation``.
    """

    callables: Callables
    functions: frozenset[str]
    methods: frozenset[str]
    read: frozenset[str]
    bases: frozenset[str]
    metaclasses: frozenset[str]
    decorators: dict[str, str]
    used: frozenset[str]
    ordinary: frozenset[str]
    importers: frozenset[str]
    refused: frozenset[str]
    of_texts: frozenset[str] = frozenset()
    stores: frozenset[str] = frozenset()
    stores_elsewhere: frozenset[str] = frozenset()
    resolve: Resolver | None = field(default=None)
    resolve_name: Callable[[str], Meaning] | None = field(default=None)

    def kind_of_decorator(self, decorator: ast.expr, module: Module) -> str | None:
        """Return what a decorator makes: ``same``, ``property``, ``static`` and so on; ``None`` if it is unknown."""
        assert self.resolve is not None
        text = name_decorator(decorator)
        found = self.resolve(module, text)
        name = getattr(found, "name", "")
        if name in self.decorators:
            return self.decorators[name]
        method = self._name_method(text, module)
        if method in self.decorators:
            return self.decorators[method]
        node, is_called = getattr(found, "node", None), isinstance(decorator, ast.Call)
        if isinstance(node, ast.FunctionDef) and not node.decorator_list:
            return "same" if (_returns_decorator(node) if is_called else returns_argument(node)) else None
        if isinstance(node, ast.ClassDef) and is_called and _returns_what_it_is_called_with(node):
            return "same"
        return None

    def _name_method(self, text: str, module: Module) -> str:
        """Return ``Class.method`` of a method of an object that a module makes of a class; empty for anything else."""
        assert self.resolve is not None
        base, _, method = text.rpartition(".")
        holder = self.resolve(module, base) if base else None
        values = getattr(holder, "values", ())
        if len(values) != 1 or not isinstance(values[0], ast.Call):
            return ""
        maker = values[0].func.value if isinstance(values[0].func, ast.Subscript) else values[0].func
        found = self.resolve(getattr(holder, "module", module), ast.unparse(maker))
        return f"{getattr(found, 'name', '')}.{method}"

    def is_same(self, found: Found) -> bool:
        """Whether a function returns its first argument, or a function that calls it and does no more."""
        return self.decorators.get(found.name) == "same"

    def resolve_value(self, found: Assigned) -> Meaning | None:
        """Return what an assignment imports by a function such as ``optional_import``; ``None`` for other values."""
        if len(found.values) != 1 or self.resolve is None:
            return None
        call = found.values[0]
        if isinstance(call, ast.Subscript) and isinstance(call.slice, ast.Constant) and call.slice.value == 0:
            call = call.value
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name | ast.Attribute):
            return None
        importer = self.resolve(found.module, ast.unparse(call.func))
        if getattr(importer, "name", "") not in self.importers:
            return None
        # optional_import(module, version, checker, name)
        texts = [each.value for each in (*call.args[:1], *call.args[3:4]) if isinstance(each, ast.Constant)]
        texts += [
            each.value.value for each in call.keywords if each.arg == "name" and isinstance(each.value, ast.Constant)
        ]
        if not texts or not all(isinstance(each, str) for each in texts) or self.resolve_name is None:
            return None
        return self.resolve_name(".".join(map(str, texts)))

    def is_base(self, name: str) -> bool:
        """Whether a class without source may be a base."""
        return name in self.bases or _is_exception(name)

    def is_metaclass(self, name: str) -> bool:
        """Whether a metaclass leaves its classes as they are written."""
        return name in self.metaclasses

    def has_member(self, base: str, member: str) -> bool:
        """Whether a base without source has a member; of an unknown base, every name counts."""
        module, _, name = base.rpartition(".")
        if module == "builtins" and hasattr(builtins, name):
            return member in dir(getattr(builtins, name))
        return member.startswith("__")

    def is_harmless(self, function: str) -> bool:
        """Whether a function or method of a source was read and does no harm."""
        return function in self.read

    def is_known_function(self, name: str) -> bool:
        """Whether a function, a type or a constant does no harm, whatever its arguments."""
        if name in self.functions or _is_exception(name):
            return True
        entry = self.callables.by_name.get(name)
        is_trusted = entry is not None and entry.standing is Standing.TRUSTED
        return is_trusted and entry is not None and not entry.construct_only and not entry.arguments

    def list_known(self) -> frozenset[str]:
        """Return the full names whose source is not followed."""
        return self.functions | self.decorators.keys() | self.importers

    def list_vouched(self) -> frozenset[str]:
        """Return the full names of classes and functions that are listed, whatever else their module does."""
        trusted = {name for name, entry in self.callables.by_name.items() if entry.standing is Standing.TRUSTED}
        return self.used | self.read | trusted

    def is_ordinary(self, name: str) -> bool:
        """Whether a method may call a function with the state of its object: it runs and loads nothing."""
        # The evaluator names a member of a result after its function: ``os.listdir.sort``.
        parts = name.split(".")
        prefixes = (".".join(parts[:length]) for length in range(len(parts), 1, -1))
        return any(each in self.ordinary or each in self.functions for each in prefixes) or self.is_known_function(name)

    def is_used(self, name: str) -> bool:
        """Whether the use of a class was reviewed, or a list trusts the class."""
        return name in self.used or self.is_mentioned(name)

    def is_mentioned(self, name: str) -> bool:
        """Whether a name may at least be referred to."""
        entry = self.callables.by_name.get(name)
        return self.is_known_function(name) or (entry is not None and entry.standing is Standing.TRUSTED)

    def judge(self, name: str) -> Judgement:
        """Return the judgement of a dotted name by the lists of callables."""
        module, _, qualname = name.rpartition(".")
        return judge_name(Name(module or name, qualname or name), self.callables)


def name_decorator(decorator: ast.expr) -> str:
    """Return the dotted name of a decorator, without its arguments."""
    return ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)


def returns_argument(node: ast.FunctionDef, position: int = 0) -> bool:
    """Whether a function gives back one of its arguments, and sets nothing on it but its documentation."""
    arguments = [*node.args.posonlyargs, *node.args.args]
    if len(arguments) <= position:
        return False
    given = arguments[position].arg
    returned = [each.value for each in _iterate_own(node) if isinstance(each, ast.Return)]
    if not returned or not all(isinstance(each, ast.Name) and each.id == given for each in returned):
        return False
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) if name == given:
                return False
            case ast.Attribute(ctx=ast.Store() | ast.Del(), value=ast.Name(id=name), attr=attribute) if name == given:
                if attribute != "__doc__":
                    return False
            case ast.Call(func=ast.Name(id="setattr" | "delattr" | "exec" | "vars")):
                return False
            case ast.Attribute(attr="__setattr__" | "__dict__", ctx=ast.Load()) if not _is_read(part, node):
                return False
            case ast.Yield() | ast.YieldFrom():
                return False
    return True


def _returns_what_it_is_called_with(node: ast.ClassDef) -> bool:
    """Whether an object of a class, when it is called, gives back its first argument."""
    functions = [each for each in node.body if isinstance(each, ast.FunctionDef)]
    methods = {each.name: each for each in functions}
    others = [each for each in node.body if each not in functions]
    is_plain = all(
        (isinstance(each, ast.AnnAssign) and each.value is None)
        or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        for each in others
    )
    bases = {ast.unparse(each) for each in node.bases}
    if node.decorator_list or node.keywords or not is_plain or not bases <= {"object"}:
        return False
    if len(methods) < len(functions) or not methods.keys() <= {"__init__", "__call__"}:
        return False
    call = methods.get("__call__")
    return call is not None and not call.decorator_list and returns_argument(call, position=1)


def _is_read(attribute: ast.Attribute, node: ast.FunctionDef) -> bool:
    """Whether a function only goes through the items of ``__dict__``."""
    if attribute.attr != "__dict__":
        return False
    readers = (each.func for each in ast.walk(node) if isinstance(each, ast.Call))
    return any(
        isinstance(each, ast.Attribute) and each.value is attribute and each.attr in ("items", "keys", "values", "get")
        for each in readers
    )


def _returns_decorator(node: ast.FunctionDef) -> bool:
    """Whether a function only returns a decorator that it defines, and which gives back its argument."""
    inner = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}
    returned = [each.value for each in _iterate_own(node) if isinstance(each, ast.Return)]
    return bool(returned) and all(
        isinstance(each, ast.Name)
        and each.id in inner
        and not inner[each.id].decorator_list
        and bool(inner[each.id].args.args)
        and returns_argument(inner[each.id])
        for each in returned
    )


def _iterate_own(node: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yield the nodes of a function without those of the functions in it."""
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        part = waiting.pop()
        yield part
        if not isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(part)


def _is_exception(name: str) -> bool:
    """Whether a name is an exception of the language."""
    found = getattr(builtins, name.removeprefix("builtins."), None) if name.startswith("builtins.") else None
    return isinstance(found, type) and issubclass(found, BaseException)


def _load_callables() -> Callables:
    """Return the shipped lists without the names that earlier derivations wrote, which prove nothing."""
    callables = load_catalogue(formats=FACTS).callables
    derived: set[str] = set()
    for file in (CALLABLES / "trusted").glob(f"*{SUFFIX}.yaml"):
        for group in yaml.load(file.read_text(encoding="utf-8"), _LOADER)["alike"]:
            derived.update(group["names"])
    kept = {name: entry for name, entry in callables.by_name.items() if name not in derived}
    return replace(callables, by_name=kept)


def load_reviewed() -> Reviewed:
    """Return the reviewed names of this folder with the shipped lists."""
    content = yaml.load((HERE / "reviewed.yaml").read_text(encoding="utf-8"), _LOADER)
    functions = {f"{module}.{name}" for module, names in content["functions"].items() for name in names}
    methods = set(content["methods"])
    operators = yaml.load(OPERATORS.read_text(encoding="utf-8"), _LOADER)
    for group in operators["alike"]:
        for operator in group["names"]:
            library, _, name = operator.partition("::")
            if library != "aten":
                continue
            methods.add(name)
            functions.update(f"{module}.{name}" for module in _TORCH_MODULES)
            family, _, rest = name.partition("_")
            if family in _FAMILIES and rest:
                functions.add(f"torch.{family}.{rest}")
    return Reviewed(
        _load_callables(),
        frozenset(functions),
        frozenset(methods),
        frozenset(content["read"]) | REVIEWED_METHODS,
        frozenset(content["bases"]),
        frozenset(content["metaclasses"]),
        {name: kind for kind, names in content["decorators"].items() for name in names},
        frozenset(content["used"]),
        frozenset(f"{module}.{name}" for module, names in content["ordinary"].items() for name in names),
        frozenset(content["importers"]),
        frozenset(content["refused"]),
        frozenset(f"{module}.{name}" for module, names in content["of-texts"].items() for name in names),
        frozenset(content["stores"]),
        frozenset(content["stores-elsewhere"]),
    )
