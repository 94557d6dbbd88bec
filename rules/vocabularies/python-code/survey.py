"""List the functions of packages that pass a parameter on to one that runs code: ``python survey.py NAME=FOLDER``.

The script reads source and imports nothing. A line of its output is a candidate for the lists in this folder: a person
decides which of them a model could misuse, and which have an honest use that is more likely. ``NAME`` is the package of
the folder, or empty for a folder of packages such as the standard library.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

COMMANDS = (
    "os.system", "os.popen", "os.startfile", "os.posix_spawn", "os.execv", "os.execve", "os.execvp", "os.execvpe",
    "os.spawnv", "os.spawnve", "os.spawnvp", "pty.spawn", "subprocess.run", "subprocess.call", "subprocess.Popen",
    "subprocess.check_call", "subprocess.check_output", "subprocess.getoutput", "subprocess.getstatusoutput",
    "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "_posixsubprocess.fork_exec",
)  # fmt: skip
CODE = ("exec", "eval", "runpy.run_path", "runpy.run_module", "runpy._run_code", "types.FunctionType",
        "importlib.util.spec_from_file_location", "importlib.machinery.SourceFileLoader")  # fmt: skip
LOADERS = ("pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.load", "marshal.loads", "cloudpickle.loads")
LIBRARIES = ("ctypes.CDLL", "ctypes.cdll.LoadLibrary")
EFFECTS = {
    name: effect
    for names, effect in ((COMMANDS, "command"), (CODE, "code"), (LOADERS, "deserialise"), (LIBRARIES, "native"))
    for name in names
}
SKIPPED = {"test", "tests", "site-packages", "_vendor", "__pycache__"}
ROUNDS = 4  # how many functions lie between a parameter and what runs it


@dataclass
class Function:
    """A function or method, with the parameters that reach something dangerous, each with the effect."""

    module: str
    node: ast.FunctionDef | ast.AsyncFunctionDef
    owner: str = ""
    dangers: dict[str, str] = field(default_factory=dict)

    def list_parameters(self) -> list[str]:
        """Return the names of the parameters, without the object of a method."""
        args = self.node.args
        collectors = [each for each in (args.vararg, args.kwarg) if each is not None]
        names = [each.arg for each in (*args.posonlyargs, *args.args, *args.kwonlyargs, *collectors)]
        return names[1:] if self.owner and names[:1] in (["self"], ["cls"]) else names


FUNCTIONS: dict[str, Function] = {}
IMPORTS: dict[str, dict[str, str]] = defaultdict(dict)


def read_package(name: str, folder: Path) -> None:
    """Read the functions and imports of every source file below a folder."""
    for path in sorted(folder.rglob("*.py")):
        steps = path.relative_to(folder).with_suffix("").parts
        if SKIPPED & set(steps):
            continue
        module = ".".join((*filter(None, (name,)), *steps)).removesuffix(".__init__")
        try:
            tree = ast.parse(path.read_text(encoding="utf-8", errors="replace"))
        except (SyntaxError, ValueError):
            continue
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        IMPORTS[module] |= dict(list_imports(tree, package))
        for node in tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                IMPORTS[module].setdefault(node.name, f"{module}.{node.name}")
            members = node.body if isinstance(node, ast.ClassDef) else [node]
            owner = node.name if isinstance(node, ast.ClassDef) else ""
            for each in members:
                if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                    FUNCTIONS[".".join(filter(None, (module, owner, each.name)))] = Function(module, each, owner)


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


def find_callee(function: Function, callee: ast.expr) -> str:
    """Return the full name of a callee; empty if it is not a dotted name."""
    steps: list[str] = []
    while isinstance(callee, ast.Attribute):
        steps.insert(0, callee.attr)
        callee = callee.value
    if not isinstance(callee, ast.Name):
        return ""
    if callee.id in ("self", "cls") and function.owner and len(steps) == 1:
        return f"{function.module}.{function.owner}.{steps[0]}"
    return ".".join((IMPORTS[function.module].get(callee.id, callee.id), *steps))


def follow_parameters(function: Function) -> dict[str, set[str]]:
    """Return for each local name the parameters that flow into it by assignments, loops and context managers."""
    sources = {name: {name} for name in function.list_parameters()}
    for node in (*ast.walk(function.node), *ast.walk(function.node)):
        pairs: list[tuple[ast.expr, ast.expr]] = []
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        elif isinstance(node, ast.For):
            pairs = [(node.target, node.iter)]
        elif isinstance(node, ast.With):
            pairs = [(each.optional_vars, each.context_expr) for each in node.items if each.optional_vars]
        for target, value in pairs:
            for name in (each for each in ast.walk(target) if isinstance(each, ast.Name)):
                sources.setdefault(name.id, set()).update(list_sources(value, sources))
    return sources


def list_sources(value: ast.expr, sources: dict[str, set[str]]) -> set[str]:
    """Return the parameters that occur in an expression."""
    names = (each.id for each in ast.walk(value) if isinstance(each, ast.Name))
    return set().union(*(sources.get(name, set()) for name in names))


def find_dangers(function: Function) -> dict[str, str]:
    """Return the effect of each parameter that the function passes to something dangerous."""
    sources, dangers = follow_parameters(function), {}
    for call in (each for each in ast.walk(function.node) if isinstance(each, ast.Call)):
        name = find_callee(function, call.func)
        callee = FUNCTIONS.get(name) or FUNCTIONS.get(f"{name}.__init__")
        values = {keyword.arg: keyword.value for keyword in call.keywords}
        if callee is None:
            first = call.args[0] if call.args else values.get("args")
            effects = {EFFECTS.get(name): first}
        else:
            values |= dict(zip(callee.list_parameters(), call.args, strict=False))
            effects = {effect: values.get(parameter) for parameter, effect in callee.dangers.items()}
        for effect, value in effects.items():
            for parameter in list_sources(value, sources) if effect and value is not None else ():
                dangers[parameter] = effect
    return dangers


def main() -> None:
    """Read the packages, follow parameters through the calls between their functions, and print the dangerous ones."""
    for argument in sys.argv[1:]:
        name, _, folder = argument.partition("=")
        read_package(name, Path(folder))
    for _ in range(ROUNDS):
        for function in FUNCTIONS.values():
            function.dangers |= find_dangers(function)
    for name, function in sorted(FUNCTIONS.items()):
        if function.dangers:
            parameters = " ".join(f"{parameter}:{effect}" for parameter, effect in function.dangers.items())
            sys.stdout.write(f"{name} {parameters}\n")


if __name__ == "__main__":
    main()
