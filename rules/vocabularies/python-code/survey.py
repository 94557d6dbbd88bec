"""List the functions of packages that pass a parameter on to one that runs code: ``python survey.py NAME=FOLDER``.

The script reads source and imports nothing. A line of its output is a candidate for the lists in this folder: a person
decides which of them a model could misuse, and which have an honest use that is more likely. ``NAME`` is the package of
the folder, or empty for a folder of packages such as the standard library. ``derive.py`` writes its list with it.

What it follows: assignments, loops and context managers within a function; attributes that ``__init__`` sets; methods
of the base classes; functions that a function defines and returns; names that a module imports from another one;
objects that a module makes of a class; classes that inherit from one that unpickles;
attributes that are looked up by a parameter, and returned or called.
"""

from __future__ import annotations

import ast
import gc
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

COMMANDS = (
    "os.startfile", "os.posix_spawn", "os.posix_spawnp", "pty.spawn",
    *(f"os.exec{form}" for form in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
    *(f"subprocess.{name}" for name in ("run", "call", "Popen", "check_call", "check_output")),
    "asyncio.subprocess.create_subprocess_exec", "asyncio.create_subprocess_exec", "_posixsubprocess.fork_exec",
    *(f"os.spawn{form}" for form in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")), "*.subprocess_exec",
)  # fmt: skip
SHELLS = ("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "*.subprocess_shell",
          "asyncio.subprocess.create_subprocess_shell", "asyncio.create_subprocess_shell")  # fmt: skip
CODE = ("exec", "eval", "builtins.exec", "builtins.eval", "runpy.run_path", "runpy.run_module", "runpy._run_code",
        "types.FunctionType")  # fmt: skip
LOADERS = ("pickle.load", "pickle.loads", "pickle.Unpickler", "pickle._Unpickler", "_pickle.loads", "marshal.load",
           "marshal.loads", "cloudpickle.loads", "cloudpickle.load", "dill.load", "dill.loads")  # fmt: skip
# They unpickle what they are given if they are told to.
SWITCHED_LOADERS = ("torch.load", "torch.serialization.load")
LIBRARIES = ("ctypes.CDLL", "ctypes.PyDLL", "ctypes.cdll.LoadLibrary")
# A method of an object of unknown class has the name after ``*``.
IMPORTERS = ("importlib.import_module", "__import__", "importlib.__import__", "builtins.__import__",
             "pkgutil.resolve_name", "pydoc.locate", "*.import_module")  # fmt: skip
# A class with one of these as a base unpickles the arguments of its objects.
UNPICKLERS = ("pickle.Unpickler", "pickle._Unpickler", "_pickle.Unpickler", "dill.Unpickler", "cloudpickle.Unpickler")
# Functions that return an attribute of their first argument, which the second one names.
GETTERS = ("getattr", "builtins.getattr", "object.__getattribute__", "inspect.getattr_static")
# The positions and the keywords of the arguments that a function runs; the first one for all others.
PLACES: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    **{f"os.spawn{form}": ((1, 2), ()) for form in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")},
    "importlib.util.spec_from_file_location": ((1,), ("location",)),
    "importlib.machinery.SourceFileLoader": ((1,), ("path",)),
    "importlib.machinery.SourcelessFileLoader": ((1,), ("path",)),
    "importlib.machinery.ExtensionFileLoader": ((1,), ("path",)),
    "_posixsubprocess.fork_exec": ((0, 1), ()),
    "*.subprocess_shell": ((1,), ("cmd",)),
    "*.subprocess_exec": ((1,), ("program",)),
}
FIRST: tuple[tuple[int, ...], tuple[str, ...]] = ((0,), ("args", "cmd", "command", "executable", "file", "name"))
PROGRAM = "command"
SHELL = "shell"
IMPORT = "import"
LOOKUP = "lookup"
# What these return is what their caller names.
NAMING_EFFECTS = (IMPORT, LOOKUP)
# A part of these is as bad as the whole: a shell, or the interpreter, runs every part of its text.
WHOLE_EFFECTS = frozenset({PROGRAM, *NAMING_EFFECTS})
EFFECTS = {
    name: effect
    for names, effect in (
        (COMMANDS, PROGRAM), (SHELLS, SHELL),
        (CODE, "code"), (tuple(name for name in PLACES if name.startswith("importlib.")), "code"),
        (LOADERS + SWITCHED_LOADERS, "deserialise"), (LIBRARIES, "native"), (IMPORTERS, IMPORT),
        (GETTERS, LOOKUP),
    )
    for name in names
}  # fmt: skip
# Functions whose result says nothing about the text of their argument.
MEASURES = frozenset(
    {"len", "isinstance", "issubclass", "hasattr", "callable", "bool", "int", "float", "id", "hash", "type", "exists",
     "isfile", "isdir", "is_file", "is_dir", "startswith", "endswith", "warning", "debug", "info", "sum", "range",
     "which", "get_device_capability", "find_spec"}
)  # fmt: skip
SKIPPED = {"test", "tests", "site-packages", "dist-packages", "__pycache__"}
ROUNDS = 3  # how many functions lie between a parameter and what runs it
LINES = (Path(__file__).resolve().parents[1] / "python-code-ordinary.txt").read_text(encoding="utf-8").splitlines()
ORDINARY = frozenset(line for line in LINES if line and not line.startswith("#"))
ORDINARY_STARTS = tuple(line for line in ORDINARY if line.endswith("."))
ORDINARY_ENDS = tuple(line.removeprefix("*") for line in ORDINARY if line.startswith("*."))
# A source shows no more than the name of a class whose methods an operator or a statement calls. A class that unpickles
# what it keeps is passed on to a library, which calls its methods.
CLASS_EFFECTS = dict.fromkeys(
    ("__getitem__", "__getattr__", "__missing__", "__call__", "__enter__", "__iter__", "__next__"),
    tuple(set(EFFECTS.values())),
)
OBJECT = "(self)"
RESULT = "(result)"
Definition = ast.FunctionDef | ast.AsyncFunctionDef
# For each parameter that flows into a value: whether it is the program, or the text, and not an argument alone.
Flow = dict[str, bool]


@dataclass
class Function:
    """A function or method, with the parameters that reach something dangerous, each with the effect.

    Its syntax tree is parsed when it is asked for: the trees of all libraries need more memory than a machine has.
    """

    module: str
    name: str
    parameters: list[str]
    called: frozenset[str]
    place: tuple[Path, int, int]
    owner: str = ""
    own_object: str = ""
    positional: int = 0
    takes_rest: bool = False
    dangers: dict[str, str] = field(default_factory=dict)
    callees: frozenset[str] | None = None
    is_inner: bool = False

    def bind(self, call: ast.Call) -> dict[str, ast.expr]:
        """Return the argument of each parameter in a call of the function, as far as the call shows it."""
        count = self.positional + self.takes_rest
        values = dict(zip(self.parameters[:count], call.args, strict=False))
        return values | {each.arg: each.value for each in call.keywords if each.arg}

    def forget_tree(self) -> None:
        """Forget the syntax tree and what was read from it, unless it is a part of another tree."""
        for name in () if self.is_inner else ("node", "inner", "reader"):
            self.__dict__.pop(name, None)

    @cached_property
    def node(self) -> Definition:
        """The definition of the function."""
        path, first, last = self.place
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[first - 1 : last]
        # An indented function is parsed as the body of a statement.
        tree = ast.parse("\n".join(("if True:" if lines[0][:1].isspace() else "", *lines)))
        return next(each for each in ast.walk(tree) if isinstance(each, Definition))

    @cached_property
    def inner(self) -> dict[str, Function]:
        """The functions that the function defines."""
        nodes = [each for each in list_top_nodes(self.node.body) if isinstance(each, Definition)]
        found = {each.name: build_function(self.module, each, self.place[0]) for each in nodes}
        for each in nodes:
            found[each.name].node = each
            found[each.name].is_inner = True
        return found

    @cached_property
    def reader(self) -> Reader:
        """The reader that follows the parameters of the function."""
        return Reader(self)


@dataclass
class Class:
    """A class, with the full names of its bases and the parameters of ``__init__`` that it keeps in attributes.

    ``fields`` are the attributes that its body declares: the fields of a data class, which has no ``__init__``.
    """

    module: str
    bases: list[ast.expr]
    fields: frozenset[str] = frozenset()
    attributes: dict[str, Flow] | None = None

    def list_attributes(self, name: str) -> dict[str, Flow]:
        """Return the parameters of ``__init__`` that flow into each attribute."""
        if self.attributes is None:
            self.attributes = {each: {each: True} for each in self.fields}
            function = FUNCTIONS.get(f"{self.module}.{name}.__init__")
            if function is not None:
                Reader(function).follow()
        return self.attributes


FUNCTIONS: dict[str, Function] = {}
CLASSES: dict[str, Class] = {}
DEFINED: dict[str, list[str]] = defaultdict(list)
IMPORTS: dict[str, dict[str, str]] = {}
STARS: dict[str, list[str]] = defaultdict(list)
# For each module, the names that it binds to an object of a class, each with the full name of what made it.
OBJECTS: dict[str, dict[str, str]] = defaultdict(dict)


def list_top_nodes(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module or class, with those in the branches of ``if``, ``try`` and ``with``."""
    for node in body:
        yield node
        for block in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                yield from list_top_nodes(getattr(node, block, ()))
        for handler in node.handlers if isinstance(node, ast.Try) else ():
            yield from list_top_nodes(handler.body)


def build_function(module: str, node: Definition, path: Path, owner: str = "") -> Function:
    """Build a function with its parameters, and the last names of what it calls."""
    calls = (each.func for each in ast.walk(node) if isinstance(each, ast.Call))
    called = {each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in calls}
    called |= {"getattr"} if any(map(looks_up, ast.walk(node))) else set()
    is_static = any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in node.decorator_list)
    args = node.args
    names = [each.arg for each in (*args.posonlyargs, *args.args)]
    own_object = names.pop(0) if owner and names and not is_static else ""
    positional = len(names)
    names += [each.arg for each in (args.vararg, *args.kwonlyargs, args.kwarg) if each is not None]
    place = path, node.lineno, node.end_lineno or node.lineno
    return Function(
        module, node.name, names, frozenset(called), place, owner, own_object, positional, args.vararg is not None
    )


def forget_packages() -> None:
    """Forget all packages that were read."""
    for table in (FUNCTIONS, CLASSES, IMPORTS, STARS, DEFINED, OBJECTS):
        table.clear()
    list_brought_names.cache_clear()
    list_subclasses.cache_clear()
    list_unpicklers.cache_clear()


def read_package(name: str, folder: Path) -> None:
    """Read the functions and imports of every source file below a folder, or of a module that is a single file."""
    gc.disable()  # the trees stay, and searching them for garbage takes most of the time
    if folder.is_file():
        read_module(name, folder)
    for path in sorted(folder.rglob("*.py")):
        steps = path.relative_to(folder).with_suffix("").parts
        if SKIPPED & set(steps):
            continue
        module = ".".join((*filter(None, (name,)), *steps)).removesuffix(".__init__")
        read_module(module, path)


def read_module(module: str, path: Path) -> None:
    """Read the functions and imports of one source file."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8", errors="replace"))
    except (SyntaxError, ValueError, RecursionError):
        return
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    imports = IMPORTS.setdefault(module, {})
    for bound, full_name in list_imports(tree, package):
        if bound == "*":
            STARS[module].append(full_name.removesuffix(".*"))
        else:
            imports[bound] = full_name
    for node in list_top_nodes(tree.body):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            read_second_names(module, node)
        elif isinstance(node, Definition):
            DEFINED[module].append(node.name)
            FUNCTIONS[f"{module}.{node.name}"] = build_function(module, node, path)
        elif isinstance(node, ast.ClassDef):
            DEFINED[module].append(node.name)
            read_class(module, node, path)


def read_second_names(module: str, node: ast.Assign | ast.AnnAssign) -> None:
    """Keep the names that a module gives to what it has imported or defined, and to objects that it makes.

    The first is ``run = subprocess.run``, or ``choose = _chooser.choose``; the second ``importer = Importer()``.
    """
    imports = IMPORTS[module]
    is_made = isinstance(node.value, ast.Call)
    steps = list_steps(node.value.func if isinstance(node.value, ast.Call) else node.value) if node.value else []
    is_own = steps and (steps[0] in DEFINED[module] or steps[0] in OBJECTS[module])
    if not steps or not (is_own or steps[0] in imports):
        return
    full = ".".join((f"{module}.{steps[0]}" if is_own else imports[steps[0]], *steps[1:]))
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Name):
            (OBJECTS[module] if is_made else imports).setdefault(target.id, full)


def read_class(module: str, node: ast.ClassDef, path: Path) -> None:
    """Read the methods of a class."""
    declared = (each.target for each in node.body if isinstance(each, ast.AnnAssign) and each.value is None)
    fields = frozenset(each.id for each in declared if isinstance(each, ast.Name))
    CLASSES[f"{module}.{node.name}"] = Class(module, node.bases, fields)
    for each in list_top_nodes(node.body):
        if isinstance(each, Definition):
            FUNCTIONS[f"{module}.{node.name}.{each.name}"] = build_function(module, each, path, node.name)


def list_imports(tree: ast.Module, package: str) -> Iterator[tuple[str, str]]:
    """Yield each name that an import of a module binds, and the full name of what it is bound to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join((*parents, *filter(None, (node.module,))))
            for alias in node.names:
                yield alias.asname or alias.name, f"{module}.{alias.name}"


def list_steps(node: ast.expr) -> list[str]:
    """Return the parts of a dotted name; none if the expression is no dotted name."""
    steps: list[str] = []
    while isinstance(node, ast.Attribute):
        steps.insert(0, node.attr)
        node = node.value
    return [node.id, *steps] if isinstance(node, ast.Name) else []


@cache
def find_definition(name: str, depth: int = 12) -> str:
    """Return the name under which a function or class is defined, for one under which a module offers it."""
    if name in FUNCTIONS or name in CLASSES or depth == 0:
        return name
    parts = name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:count])
        owner = CLASSES.get(module)
        if owner is not None:
            for base in owner.bases:
                steps = list_steps(base)
                found = find_definition(".".join((find_global(owner.module, steps), *parts[count:])), depth - 1)
                if steps and found in FUNCTIONS:
                    return found
            return name
        if module not in IMPORTS:
            continue
        bound = IMPORTS[module].get(parts[count])
        rest = parts[count + 1 :]
        made = OBJECTS[module].get(parts[count]) if module in OBJECTS and rest else None
        if made and find_definition(made, depth - 1) in CLASSES:
            return find_definition(".".join((made, *rest)), depth - 1)
        if bound and bound != ".".join(parts[: count + 1]):
            return find_definition(".".join((bound, *rest)), depth - 1)
        brought = list_brought_names(module).get(parts[count], "")
        if brought:
            return find_definition(".".join((brought, *rest)), depth - 1)
        break
    return name


def find_global(module: str, steps: list[str]) -> str:
    """Return the full name of a dotted name in a module; empty without one."""
    if not steps:
        return ""
    own = f"{module}.{steps[0]}"
    if own in FUNCTIONS or own in CLASSES:
        return ".".join((own, *steps[1:]))
    first = IMPORTS[module].get(steps[0])
    if first is None and STARS.get(module):
        found = find_definition(own)
        first = found if found != own else None
    if first is None and steps[0] in OBJECTS.get(module, ()):
        first = own
    return ".".join((first or steps[0], *steps[1:]))


class Reader:
    """Follows the parameters of one function, and finds those that it passes to something dangerous."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.sources: dict[str, Flow] = {name: {name: True} for name in function.parameters}
        self.objects: dict[str, str] = {}
        self.calls: list[tuple[str, ast.Call]] | None = None
        self.values: list[ast.Assign | ast.Return] = []
        self.own_object = function.own_object

    def list_calls(self) -> list[tuple[str, ast.Call]]:
        """Return (name of the callee, call) for the calls of the function; the first time, follow its parameters."""
        if self.calls is None:
            self.follow()
            calls = [each for each in ast.walk(self.function.node) if isinstance(each, ast.Call)]
            self.calls = [(self.find_callee(each.func), each) for each in calls]
        return self.calls

    def follow(self) -> None:
        """Follow the parameters into local names by assignments, loops and context managers, and into attributes."""
        nodes = list(ast.walk(self.function.node))
        self.values = [each for each in nodes if isinstance(each, ast.Assign | ast.Return)]
        for node in (*nodes, *nodes):
            if isinstance(node, ast.Assign):
                pairs = [(target, node.value) for target in node.targets]
            elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
                pairs = [(node.target, node.value)]
            elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
                pairs = [(node.target, node.iter)]
            elif isinstance(node, ast.With | ast.AsyncWith):
                pairs = [(each.optional_vars, each.context_expr) for each in node.items if each.optional_vars]
            else:
                continue
            for target, value in pairs:
                self.assign(target, value)

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        """Keep what flows into the names of a target, and the class of an object."""
        flow = self.find_flow(value)
        steps = list_steps(target)
        if self.own_object and steps[:1] == [self.own_object] and len(steps) == 2:
            owner = CLASSES.get(f"{self.function.module}.{self.function.owner}")
            if owner is not None and owner.attributes is not None and self.function.name == "__init__":
                join_flow(owner.attributes.setdefault(steps[1], {}), flow)
            return
        if isinstance(target, ast.Name) and isinstance(value, ast.Call):
            self.objects[target.id] = self.find_callee(value.func).removesuffix(".__new__")
        targets = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
        for name in (each for each in targets if isinstance(each, ast.Name)):
            join_flow(self.sources.setdefault(name.id, {}), flow)

    def find_flow(self, node: ast.expr | None) -> Flow:
        """Return the parameters that flow into a value."""
        if isinstance(node, ast.Name):
            return self.sources.get(node.id, {})
        if isinstance(node, ast.Attribute):
            return self.find_attribute_flow(node)
        flow: Flow = {}
        join_flow(flow, *(self.find_flow(each) for each in self.list_parts(node)))
        # The source names the program, or the package; what follows are its arguments, or modules in it.
        return dict.fromkeys(flow, False) if node is not None and has_named_start(node) else flow

    def find_attribute_flow(self, node: ast.Attribute) -> Flow:
        """Return the parameters that flow into an attribute, or the object itself if ``__init__`` has set it."""
        steps = list_steps(node)
        if not self.own_object or steps[:1] != [self.own_object]:
            return self.find_flow(node.value)
        owner = CLASSES.get(f"{self.function.module}.{self.function.owner}")
        kept = owner.list_attributes(self.function.owner).get(steps[1], {}) if owner else {}
        return {OBJECT: any(kept.values())} if kept else {}

    def list_parts(self, node: ast.expr | None) -> list[ast.expr]:
        """Return the expressions whose values flow into that of another one; a comparison tells nothing of them."""
        if node is None or isinstance(node, ast.Compare | ast.Lambda):
            return []
        if isinstance(node, ast.Subscript):
            return [node.value]
        if isinstance(node, ast.IfExp):
            return [node.body, node.orelse]
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            return [node.elt, *(each.iter for each in node.generators)]
        if isinstance(node, ast.Call):
            if self.find_callee(node.func).rpartition(".")[2] in MEASURES:
                return []
            owner = [node.func.value] if isinstance(node.func, ast.Attribute) else []
            return [*node.args, *(each.value for each in node.keywords), *owner]
        return [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)]

    def find_callee(self, callee: ast.expr) -> str:
        """Return the full name of a callee; for a method of an unknown object the name after ``*``."""
        steps = list_steps(callee)
        if not steps:
            if isinstance(callee, ast.Attribute) and isinstance(callee.value, ast.Call):
                return self.join_method(self.find_callee(callee.value.func), callee.attr)
            return f"*.{callee.attr}" if isinstance(callee, ast.Attribute) else ""
        if self.own_object and steps[0] == self.own_object:
            return find_definition(".".join((self.function.module, self.function.owner, *steps[1:])))
        if steps[0] in self.objects and len(steps) == 2:
            return self.join_method(self.objects[steps[0]], steps[1])
        if steps[0] in self.sources:
            return f"*.{steps[-1]}"
        name = find_global(self.function.module, steps)
        found = find_definition(name)
        return name if name in EFFECTS or name in PLACES else found

    @staticmethod
    def join_method(owner: str, name: str) -> str:
        """Return the name of a method of an object that a class, or any function, has made."""
        return find_definition(f"{owner}.{name}") if owner in CLASSES else f"*.{name}"

    def find_dangers(self) -> dict[str, str]:
        """Return the effect of each parameter that the function passes to something dangerous."""
        dangers: dict[str, str] = {}
        for name, call in self.list_calls():
            for effect, value in self.list_dangerous_arguments(name, call):
                for parameter, is_whole in self.find_flow(value).items():
                    if is_whole or effect not in WHOLE_EFFECTS:
                        dangers.setdefault(parameter, effect)
        returned = {name for each in list_returned(self.function.node) for name in names_of(each)}
        for name, function in self.function.inner.items():
            if name in returned and function.dangers:
                dangers.setdefault(RESULT, next(iter(function.dangers.values())))
        return dangers

    def list_dangerous_arguments(self, name: str, call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
        """Yield (effect, argument) for the arguments of a call that the callee runs."""
        keywords = {each.arg: each.value for each in call.keywords}
        last = f"*.{name.rpartition('.')[2]}"
        known = name if name in EFFECTS else last if last in EFFECTS else ""
        if known:
            is_off = known in SWITCHED_LOADERS and getattr(keywords.get("weights_only"), "value", True) is not False
            if EFFECTS[known] in NAMING_EFFECTS or is_off:
                return
            effect = SHELL if EFFECTS[known] == PROGRAM and takes_shell(call) else EFFECTS[known]
            positions, names = PLACES.get(known, FIRST)
            yield from ((effect, call.args[at]) for at in positions if at < len(call.args))
            yield from ((effect, keywords[each]) for each in names if each in keywords)
            return
        if name in list_unpicklers():
            yield from (("deserialise", each) for each in (*call.args, *keywords.values()))
            return
        callee = FUNCTIONS.get(name) or FUNCTIONS.get(find_definition(f"{name}.__init__"))
        if callee is None or not callee.dangers or callee is self.function:
            return
        values = callee.bind(call)
        for parameter, effect in callee.dangers.items():
            if effect == LOOKUP:
                continue  # it is dangerous where it returns what it finds
            value = values.get(parameter)
            if parameter == OBJECT and isinstance(call.func, ast.Attribute):
                value = call.func.value
            if value is not None:
                yield effect, value


def applies_getter(node: ast.AST) -> bool:
    """Whether a call looks up a path of names, one after the other: ``reduce(getattr, names, module)``."""
    if not isinstance(node, ast.Call) or len(node.args) < 2:
        return False
    return list_steps(node.func)[-1:] == ["reduce"] and ".".join(list_steps(node.args[0])) in GETTERS


def is_namespace(node: ast.expr) -> bool:
    """Whether an expression is the mapping of all names of a module or of another object."""
    steps = list_steps(node.func) if isinstance(node, ast.Call) else list_steps(node)
    return steps == ["vars"] or steps[-1:] == ["__dict__"] or steps == ["sys", "modules"]


def looks_up(node: ast.AST) -> bool:
    """Whether an expression looks names up without a call of a getter."""
    is_item = isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)
    return (is_item and is_namespace(node.value)) or applies_getter(node)


def has_named_start(node: ast.expr) -> bool:
    """Whether the source states how a text begins, or the first item of a list."""
    if isinstance(node, ast.BinOp):
        return has_named_start(node.left)
    if isinstance(node, ast.JoinedStr | ast.List | ast.Tuple):
        parts = node.values if isinstance(node, ast.JoinedStr) else node.elts
        return bool(parts) and isinstance(parts[0], ast.Constant)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and not node.value.startswith("%")


def takes_shell(call: ast.Call) -> bool:
    """Whether a call hands its command to a shell."""
    return any(each.arg == "shell" and getattr(each.value, "value", True) for each in call.keywords)


def join_flow(flow: Flow, *others: Flow) -> None:
    """Add what flows in from others."""
    for other in others:
        for parameter, is_whole in other.items():
            flow[parameter] = flow.get(parameter, False) or is_whole


def is_importer(name: str) -> bool:
    """Whether a function imports and returns what one of its parameters names."""
    return name in FUNCTIONS and IMPORT in FUNCTIONS[name].dangers.values()


def select_whole(flow: Flow) -> Flow:
    """Return the parameters that are the whole value."""
    return {parameter: True for parameter, is_whole in flow.items() if is_whole}


def list_returned(node: Definition) -> Iterator[ast.expr]:
    """Yield what a function returns, without the functions that it defines."""
    for each in list_top_nodes(node.body):
        if isinstance(each, ast.Return) and each.value is not None:
            yield each.value


def names_of(node: ast.expr) -> set[str]:
    """Return the names in an expression."""
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def list_importers(reader: Reader) -> Iterator[str]:
    """Yield the parameters that name the module which a function imports and returns."""
    if not any(EFFECTS.get(name) == IMPORT or is_importer(name) for name, _ in reader.list_calls()):
        return
    imported: dict[str, Flow] = {}
    for node in (*reader.values, *reader.values):
        flow: Flow = {}
        for each in ast.walk(node.value) if node.value is not None else ():
            if isinstance(each, ast.Call):
                join_flow(flow, *(select_whole(reader.find_flow(value)) for value in list_imported(reader, each)))
            elif isinstance(each, ast.Name):
                join_flow(flow, imported.get(each.id, {}))
        if isinstance(node, ast.Assign):
            for name in (each.id for each in node.targets if isinstance(each, ast.Name)):
                join_flow(imported.setdefault(name, {}), flow)
        elif not isinstance(node.value, ast.Compare):
            yield from flow


def list_imported(reader: Reader, call: ast.Call) -> list[ast.expr]:
    """Return the arguments of a call that name what it imports and returns."""
    name = reader.find_callee(call.func)
    if EFFECTS.get(name) == IMPORT:
        return call.args[:1]
    if not is_importer(name):
        return []
    function = FUNCTIONS[name]
    values = function.bind(call)
    return [values[each] for each, effect in function.dangers.items() if effect == IMPORT and each in values]


def list_lookups(reader: Reader) -> Iterator[str]:
    """Yield the parameters that name an attribute which a function looks up, and then returns or calls."""
    found: dict[str, Flow] = {}
    for node in (*reader.values, *reader.values):
        if node.value is None:
            continue
        flow = find_looked_up(reader, node.value, found)
        if isinstance(node, ast.Return):
            yield from flow
            continue
        for target in node.targets:
            for each in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
                join_flow(found.setdefault(ast.unparse(each), {}), flow)


def find_looked_up(reader: Reader, node: ast.expr, found: dict[str, Flow]) -> Flow:
    """Return the parameters that name the attributes which a value may be; ``found`` holds those of other values."""
    flow: Flow = {}
    if isinstance(node, ast.Name | ast.Attribute):
        return found.get(ast.unparse(node), {})
    if isinstance(node, ast.Subscript):
        owner = ast.unparse(node.value)
        if is_namespace(node.value) and owner not in {f"{reader.own_object}.__dict__", "self.__dict__"}:
            join_flow(flow, select_whole(reader.find_flow(node.slice)))
        join_flow(flow, found.get(owner, {}))
    elif isinstance(node, ast.IfExp | ast.BoolOp | ast.Tuple | ast.NamedExpr | ast.Starred | ast.Await):
        parts = (each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr))
        join_flow(flow, *(find_looked_up(reader, each, found) for each in parts))
    elif isinstance(node, ast.Call):
        names = list_looked_up(reader, node)
        join_flow(flow, *(select_whole(reader.find_flow(each)) for each in names))
        # What is found may be called, or may be where another name is looked up.
        parts = (node.func, *node.args[:1]) if names else (node.func,)
        join_flow(flow, *(find_looked_up(reader, each, found) for each in parts))
    return flow


def list_looked_up(reader: Reader, call: ast.Call) -> list[ast.expr]:
    """Return the arguments of a call that name an attribute which it returns."""
    name = reader.find_callee(call.func)
    if EFFECTS.get(name) == LOOKUP and len(call.args) > 1:
        is_own = isinstance(call.args[0], ast.Name) and call.args[0].id in {reader.own_object, "self", "cls"}
        return [] if is_own else [call.args[1]]
    if applies_getter(call):
        return [call.args[1]]
    function = FUNCTIONS.get(name)
    if function is None or LOOKUP not in function.dangers.values() or function is reader.function:
        return []
    values = function.bind(call)
    if isinstance(call.func, ast.Attribute):
        values[OBJECT] = call.func.value
    return [values[each] for each, effect in function.dangers.items() if effect == LOOKUP and each in values]


def find_new_dangers(function: Function, wanted: set[str], last_names: set[str]) -> bool:
    """Find the dangers of a function that calls one of ``wanted``; return whether there are more than before."""
    if function.called.isdisjoint(last_names):
        return False
    if function.callees is not None and function.callees.isdisjoint(wanted):
        return False
    try:
        inner = [each for each in function.inner.values() if find_new_dangers(each, wanted, last_names)]
        calls = function.reader.list_calls()
    except (SyntaxError, RecursionError, StopIteration):
        function.callees = frozenset()
        return False
    names = {name for name, _ in calls} | {f"*.{name.rpartition('.')[2]}" for name, _ in calls}
    names |= {"getattr"} & function.called
    function.callees = frozenset(names.union(*(each.callees or () for each in function.inner.values())))
    dangers: dict[str, str] = {}
    if inner or not function.callees.isdisjoint(wanted):
        reader = function.reader
        lookups = dict.fromkeys(list_lookups(reader), LOOKUP)
        dangers = {**lookups, **dict.fromkeys(list_importers(reader), IMPORT), **reader.find_dangers()}
    if not any(each.dangers for each in function.inner.values()):
        function.forget_tree()
    if not dangers.keys() - function.dangers.keys():
        return False
    function.dangers = {**dangers, **function.dangers}
    return True


def is_ordinary(name: str) -> bool:
    """Whether a name is one of those that are left out, and that lead to no others."""
    return name in ORDINARY or name.startswith(ORDINARY_STARTS) or name.endswith(ORDINARY_ENDS)


def find_all_dangers() -> None:
    """Follow parameters through the calls between the functions that were read."""
    find_definition.cache_clear()
    # What was read stays; what is parsed from now on is forgotten again.
    gc.freeze()
    gc.enable()
    wanted = set(EFFECTS) | list_unpicklers()
    for _ in range(ROUNDS):
        # Every class calls ``super().__init__``; a call of a class has the name of the class.
        last_names = {name.rpartition(".")[2] for name in wanted} - {"__init__"}
        read = (name for name in FUNCTIONS if not is_ordinary(name))
        found = [name for name in read if find_new_dangers(FUNCTIONS[name], wanted, last_names)]
        # A call of a class calls its method ``__init__``, which a base class may define.
        wanted = set(found)
        for name in (each.removesuffix(".__init__") for each in found if each.endswith(".__init__")):
            wanted |= {name, *list_all_subclasses(name)}
        for name in found:
            wanted |= mark_constructor(name)


def mark_constructor(name: str) -> set[str]:
    """Give the constructor of a class the effect that one of its methods has on what the constructor keeps.

    Returns:
        The class and its subclasses, or nothing if the method has no such effect.
    """
    owner, _, method = name.rpartition(".")
    effect = FUNCTIONS[name].dangers.get(OBJECT, "")
    constructor = FUNCTIONS.get(f"{owner}.__init__")
    if owner not in CLASSES or constructor is None or not shows_class(method, effect):
        return set()
    kept = CLASSES[owner].list_attributes(owner.rpartition(".")[2])
    for flow in kept.values():
        for parameter in flow.keys() & set(constructor.parameters):
            constructor.dangers.setdefault(parameter, effect)
    return {owner, *list_all_subclasses(owner)}


def shows_class(method: str, effect: str) -> bool:
    """Whether a source may show no more of the call of a method than the name of its class.

    So it is with a method that an operator or a statement calls, and with an object that other code makes, or takes:
    one that unpickles what it keeps, or one that stands for what it imports or looks up.
    """
    return effect in (*NAMING_EFFECTS, *CLASS_EFFECTS.get(method, ("deserialise",)))


def list_all_subclasses(name: str) -> set[str]:
    """Return the subclasses of a class, and those of them."""
    subclasses, found = list_subclasses(), {name}
    waiting = [name]
    for each in waiting:
        waiting += (other for other in subclasses.get(each, ()) if other not in found)
        found |= set(subclasses.get(each, ()))
    return found


def list_dangerous() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (name, effect of each parameter) for the functions and classes that run what they are given."""
    for name, function in sorted(FUNCTIONS.items()):
        if not function.dangers:
            continue
        yield name.removesuffix(".__init__"), function.dangers
        owner, _, method = name.rpartition(".")
        effect = function.dangers.get(OBJECT, "")
        if owner in CLASSES and effect and shows_class(method, effect):
            yield owner, function.dangers
    yield from ((name, {OBJECT: "deserialise"}) for name in sorted(list_unpicklers()))


def list_other_names(names: Iterable[str]) -> dict[str, set[str]]:
    """Return for each name of a function or class the names under which subclasses and other modules offer it."""
    wanted = set(names)
    offered: dict[str, set[str]] = defaultdict(set)
    subclasses = list_subclasses()
    methods: dict[str, set[str]] = defaultdict(set)
    for name in wanted:
        owner, _, last = name.rpartition(".")
        waiting = [owner] if owner in CLASSES else []
        for each in waiting:
            methods[each].add(name)
            others = {other for other in subclasses.get(each, ()) if find_definition(f"{other}.{last}") == name}
            offered[name] |= {f"{other}.{last}" for other in others}
            waiting += others - set(waiting)
    for module, imports in IMPORTS.items():
        for full in {f"{module}.{each}" for each in (*imports, *list_brought_names(module), *OBJECTS.get(module, ()))}:
            found = find_object_class(full)
            if found == full:
                continue
            if found in wanted and find_definition(full) == found:
                offered[found].add(full)
            for method in methods.get(found, ()):
                last = method.rpartition(".")[2]
                # Of an object, an operator or a statement calls such a method.
                if not last.startswith("__") or find_definition(full) == found:
                    offered[method].add(f"{full}.{last}")
    return {name: offered[name] - {name} for name in wanted}


def find_object_class(name: str) -> str:
    """Return the name under which a function or class is defined; for an object that a module makes, its class."""
    found = find_definition(name)
    module, _, last = found.rpartition(".")
    made = find_definition(OBJECTS[module].get(last, "")) if module in OBJECTS else ""
    return made if made in CLASSES else found


@cache
def list_unpicklers() -> frozenset[str]:
    """Return the classes that inherit from one that unpickles."""
    pairs = ((name, each.module, base) for name, each in CLASSES.items() for base in each.bases)
    named = [(name, find_global(module, list_steps(base))) for name, module, base in pairs]
    heirs = [name for name, base in named if base in UNPICKLERS or find_definition(base) in UNPICKLERS]
    return frozenset(other for name in heirs for other in (name, *list_all_subclasses(name)))


@cache
def list_subclasses() -> dict[str, list[str]]:
    """Return the classes that each class is a base of."""
    subclasses: dict[str, list[str]] = defaultdict(list)
    for name, each in CLASSES.items():
        for steps in (list_steps(base) for base in each.bases):
            base = find_definition(find_global(each.module, steps)) if steps else ""
            if base in CLASSES:
                subclasses[base].append(name)
    return subclasses


@cache
def list_brought_names(module: str) -> dict[str, str]:
    """Return the names that the star imports of a module bring, each with the full name of what it is bound to."""
    brought: dict[str, str] = {}
    waiting = list(STARS.get(module, ()))
    for star in waiting:
        own = {name: f"{star}.{name}" for name in (*DEFINED[star], *IMPORTS.get(star, ()), *OBJECTS.get(star, ()))}
        brought = {name: full for name, full in own.items() if not name.startswith("_")} | brought
        waiting += (each for each in STARS.get(star, ()) if each not in waiting)
    return brought


def main() -> None:
    """Read the packages, and print their functions that run what they are given."""
    for argument in sys.argv[1:]:
        name, _, folder = argument.partition("=")
        read_package(name, Path(folder))
    find_all_dangers()
    for name, dangers in list_dangerous():
        parameters = " ".join(f"{parameter}:{effect}" for parameter, effect in dangers.items())
        sys.stdout.write(f"{name} {parameters}\n")


if __name__ == "__main__":
    main()
