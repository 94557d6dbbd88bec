"""Rules about the source code: imports between modules, lengths of modules and functions, and forbidden calls."""

from __future__ import annotations

import ast
import gc
import re
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pytest
import yaml

from modelaudit.formats.registry import ROOMS

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "modelaudit"

pytestmark = pytest.mark.xdist_group("source code")
"""One worker parses the modules once for all of these tests."""

MODULE_LINES = 400
LONG_MODULES = {
    "modelaudit/formats/pickles/pickle/machine.py": "one class with a handler for every opcode, and the table of them",
    "modelaudit/languages/python/evaluator.py": "one visitor class, a method for each kind of syntax node",
}
"""The modules that may be longer, because a cut would tear one class apart, each with its reason."""

MEDIAN_LINES = 150
FUNCTION_LINES = 60
BOUNDED_FOLDERS = ("modelaudit", "fixtures/builders", "benchmarks")
"""The folders whose modules and functions are bound to these lengths."""

SIBLINGS = {
    *("languages", "checks", "integrity", "licenses", "policy", "reports", "catalogue", "opinions", "description"),
}
LEVELS = (
    {"model": 0, "wire": 1, "internal_errors": 1}
    | dict.fromkeys(SIBLINGS, 2)
    | {
        "formats": 3,
        "elements": 3,
        "sources": 4,
        "claim_collector": 4,
        "term_choice": 5,
        "options": 5,
        "licensing": 5,
        "shared_files": 5,
        "batch": 5,
        "shared_sources": 5,
        "inventory": 5,
        "kept_readings": 5,
        "configured_calls": 5,
        "waiting": 6,
        "tokenizers": 5,
        "signature_claims": 5,
        "attested": 5,
        "verifier_app": 5,
        "sealed": 6,
        "answering": 7,
        "verifying": 6,
        "model_answers": 6,
        "packs": 6,
        "decisions": 6,
        "discovery": 6,
        "policy_choice": 6,
        "reported_model": 6,
        "signoffs": 6,
        "audit": 7,
        "scan_audit": 8,
        "lock_claims": 7,
        "register": 7,
        "pinning": 7,
        "resolving": 8,
        "pipeline": 9,
        "notice_texts": 9,
        "locking": 10,
        "drift": 10,
        "": 10,
        "attesting": 11,
        "sealing": 12,
        "pushing": 12,
        "cli": 13,
        "__main__": 14,
    }
)
"""The level of each folder or module below ``modelaudit``, called a room; a room imports only rooms of lower levels.

``""`` is the public API in ``__init__``.
"""

LEVEL_ROW = re.compile(r"^\| (\d+) \| (.+?) \| ", re.MULTILINE)
"""A row of the table of levels in ``docs/architecture.md``."""

EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "manager", "misc", "tools"}

LOADERS = {
    *("cloudpickle", "dill", "joblib", "keras", "marshal", "numpy", "onnx", "onnxruntime", "pickle", "runpy", "shelve"),
    *("sklearn", "tensorflow", "torch", "transformers"),
}
"""Packages that unpickle or run models; the package imports none of them."""

ONLY_IN = {
    "pickletools": ("formats", "wire"),
    "_compat_pickle": ("formats",),
    "ctypes": (),
    "modelscan": ("opinions",),
    "pypdf": ("languages/terms/pdf_worker",),
    "subprocess": ("verifier_app", "wire/process"),
    "importlib": ("cli", "formats/registry", "model/report", "opinions", "reports"),
    "huggingface_hub": ("sources",),
    "jinja2": ("reports", "languages"),
    "cyclonedx": ("reports",),
    "rich": ("reports", "cli/progress"),
    "spdx_python_model": ("reports",),
    "pydantic": ("catalogue", "reports", "formats", "languages", "sources", "wire"),
    # Values of a report, shapes of rule files, and values with a field that no text or comparison may show.
    "dataclasses": (
        *("model", "catalogue", "reports", "attesting", "options", "integrity/bundles", "languages/settings"),
        *("languages/python/budget", "languages/python/call", "languages/shell/downloads", "sources/settings"),
        "cli/explain",
    ),
}
"""Modules that only some rooms, or single modules of them, may import."""

HEAVY = (
    "cryptography", "cyclonedx", "huggingface_hub", "httpx", "httpx2", "jinja2", "modelscan", "numpy", "pydantic", "pypdf",
    "rich", "sigstore", "spdx_python_model", "yaml",
)  # fmt: skip

EXECUTING_CALLS = {"eval", "exec", "compile", "__import__", "breakpoint"}
UNBOUNDED_YAML = {"load", "load_all", "unsafe_load", "unsafe_load_all", "full_load", "full_load_all"}

VERDICT_WORDS = re.compile(r"\b(safe|clean)\b", re.IGNORECASE)
"""Words that would promise more than a scan can find out."""
QUOTED_WORDS = {("modelaudit/model/hub_scans.py", "safe")}
"""Words of others, by the module that holds them: a status of the Hub's own scanners, shown in quotes."""


@dataclass(frozen=True)
class Module:
    """One source file with its syntax tree."""

    path: Path
    text: str
    tree: ast.Module

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the syntax tree; walking it takes much longer than going through them."""
        return tuple(ast.walk(self.tree))

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def place(self) -> str:
        """The path below ``modelaudit`` without its ending, such as ``formats/registry``."""
        return self.path.relative_to(PACKAGE).with_suffix("").as_posix()

    @property
    def dotted(self) -> str:
        """The name by which it is imported."""
        return ".".join(self.path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")

    @property
    def room(self) -> str:
        """The first name below ``modelaudit``; empty for the package itself. No other folder has rooms."""
        first = self.path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        return "" if first == "__init__" else first

    def imports(self) -> Iterator[tuple[int, str]]:
        """Yield (line, dotted module) of every import, also inside functions."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.lineno, "." * node.level + (node.module or "")
                # "from modelaudit import cli" imports the module modelaudit.cli.
                if node.module == "modelaudit":
                    yield from ((node.lineno, f"modelaudit.{a.name}") for a in node.names if a.name in LEVELS)


@pytest.fixture(scope="module", autouse=True)
def forget_modules() -> Iterator[None]:
    """Free the syntax trees after the last of these tests; each collection of garbage would go through them."""
    yield
    list_modules.cache_clear()


@cache
def list_modules(folder: str) -> tuple[Module, ...]:
    """List every module below a folder."""
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    texts = [(file, file.read_text(encoding="utf-8")) for file in files]
    gc.disable()  # syntax trees are many objects, and none becomes garbage here
    try:
        return tuple(Module(file, text, ast.parse(text, str(file))) for file, text in texts)
    finally:
        gc.enable()


def test_every_folder_and_module_of_the_package_has_an_import_level() -> None:
    assert {module.room for module in list_modules("modelaudit")} <= LEVELS.keys()


def test_architecture_page_lists_every_folder_and_module_with_its_level() -> None:
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    listed = {
        name.removesuffix(".py").removesuffix("/").replace("__init__", ""): int(level)
        for level, names in LEVEL_ROW.findall(page)
        for name in re.findall(r"`([^`]+)`", names)
    }
    assert listed == {room: level for room, level in LEVELS.items() if room != "__main__"}


def test_module_imports_other_parts_of_the_package_only_from_lower_levels_except_for_the_version() -> None:
    wrong = []
    for module in list_modules("modelaudit"):
        for line, name in module.imports():
            assert not name.startswith("."), f"{module.name}:{line} is a relative import"
            top, _, rest = name.partition(".")
            target = rest.partition(".")[0]
            if top != "modelaudit" or (target == module.room and target != ""):
                continue
            if LEVELS[target] >= LEVELS[module.room] and not _uses_only_the_version(module, target):
                wrong.append(f"{module.name}:{line} imports {name}")
    assert not wrong


def test_folder_of_formats_imports_no_folder_that_follows_it_in_the_listed_order() -> None:
    order = {room: index for index, room in enumerate(ROOMS)}
    wrong = []
    for module in list_modules("modelaudit"):
        parts = module.place.split("/")
        if parts[0] != "formats":
            continue
        # Modules beside the rooms, such as the registry, come before all rooms.
        own_index = order.get(parts[1], -1) if len(parts) > 1 else -1
        for line, name in module.imports():
            target = name.removeprefix("modelaudit.formats.").partition(".")[0]
            if name.startswith("modelaudit.formats.") and order.get(target, -1) > own_index:
                wrong.append(f"{module.name}:{line} imports {name}")
    assert not wrong, f"rooms import only rooms before them: {', '.join(ROOMS)}"


def test_every_folder_of_formats_has_a_place_in_the_listed_import_order() -> None:
    folders = {path.name for path in (PACKAGE / "formats").iterdir() if (path / "__init__.py").is_file()}
    assert folders == set(ROOMS)


def test_imports_between_modules_apart_from_those_of_the_package_init_file_contain_no_cycle() -> None:
    assert find_cycles(build_import_graph()) == []


def test_find_cycles_returns_modules_of_a_cycle() -> None:
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": set()}
    assert find_cycles(graph) == [["a", "b", "c"]]


def build_import_graph() -> dict[str, set[str]]:
    """Build the mapping of each module to the modules that it imports, also inside functions.

    Imports of the package itself are left out: only its version is read, and its functions import when they are called.
    """
    names = {module.dotted for module in list_modules("modelaudit")}
    graph: dict[str, set[str]] = {}
    for module in list_modules("modelaudit"):
        targets: set[str] = set()
        for node in module.nodes:
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                dotted = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
                targets |= {name if name in names else node.module for name in dotted.values()}
        graph[module.dotted] = (targets & names) - {module.dotted, "modelaudit"}
    return graph


def find_cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Find the strongly connected components of more than one module, by Tarjan's algorithm."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    cycles: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = lowest[name] = len(index)
        stack.append(name)
        for target in sorted(graph[name]):
            if target not in index:
                visit(target)
                lowest[name] = min(lowest[name], lowest[target])
            elif target in stack:
                lowest[name] = min(lowest[name], index[target])
        # No module of the component leads to an older one, so it is complete on top of the stack.
        if lowest[name] == index[name]:
            start = stack.index(name)
            component = stack[start:]
            del stack[start:]
            if len(component) > 1:
                cycles.append(sorted(component))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return cycles


def _uses_only_the_version(module: Module, target: str) -> bool:
    """Whether a module imports the package only for ``__version__``, the one import of a higher level that is allowed."""
    uses = {
        node.attr
        for node in module.nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "modelaudit"
    } | {
        alias.name
        for node in module.nodes
        if isinstance(node, ast.ImportFrom) and node.module == "modelaudit"
        for alias in node.names
    }
    # Every module imports ``model`` early, so it must not wait for the package that imports it.
    may_use_version = module.room not in ("", "model")
    return target == "" and may_use_version and uses == {"__version__"}


def test_package_init_file_imports_no_own_module_at_its_top_level() -> None:
    package = next(module for module in list_modules("modelaudit") if module.name == "modelaudit/__init__.py")
    eager = [node for node in package.tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {name for module in eager for name in _list_imported_modules(module)}
    assert not {name for name in names if name.startswith("modelaudit")}


def _list_imported_modules(node: ast.Import | ast.ImportFrom) -> set[str]:
    """Return the modules that an import statement names."""
    return {node.module or ""} if isinstance(node, ast.ImportFrom) else {alias.name for alias in node.names}


@pytest.mark.parametrize("imported", ["modelaudit", "modelaudit.cli.main"])
def test_import_of_package_loads_no_heavy_module(imported: str) -> None:
    code = f"import sys, {imported}; print(*(sys.modules.keys() & {set(HEAVY)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_no_module_imports_a_model_loader_or_a_restricted_module_outside_its_allowed_folders() -> None:
    wrong = []
    for module in list_modules("modelaudit"):
        for line, name in module.imports():
            top = name.partition(".")[0]
            if top in LOADERS or (top in ONLY_IN and {module.room, module.place}.isdisjoint(ONLY_IN[top])):
                wrong.append(f"{module.name}:{line} imports {name}")
    assert not wrong


def test_no_module_calls_a_function_that_executes_text() -> None:
    wrong = []
    for module in list_modules("modelaudit"):
        for node in module.nodes:
            if not isinstance(node, ast.Call):
                continue
            called = node.func
            if isinstance(called, ast.Name) and called.id in EXECUTING_CALLS:
                wrong.append(f"{module.name}:{node.lineno} calls {called.id}")
            elif isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
                if called.value.id == "yaml" and called.attr in UNBOUNDED_YAML:
                    wrong.append(f"{module.name}:{node.lineno} calls yaml.{called.attr}")
                elif called.value.id == "os" and called.attr in ("system", "popen"):
                    wrong.append(f"{module.name}:{node.lineno} calls os.{called.attr}")
    assert not wrong


def test_no_module_compiles_a_pattern_at_its_import() -> None:
    wrong = [
        f"{module.name}:{line}"
        for module in list_modules("modelaudit")
        for line in _find_compiled_at_import(module.tree.body)
    ]
    assert not wrong, "use defer_pattern of modelaudit.model.lazy_pattern"


def _find_compiled_at_import(nodes: Iterable[ast.AST]) -> Iterator[int]:
    """Yield the line of each call of ``re.compile`` that an import executes: outside of functions."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile":
            yield node.lineno
        yield from _find_compiled_at_import(ast.iter_child_nodes(node))


def test_only_the_pipeline_and_the_conversion_of_defects_contain_a_broad_exception_handler() -> None:
    wrong = [
        f"{module.name}:{node.lineno}"
        for module in list_modules("modelaudit")
        # The verifier in one file has no pipeline around it, and a traceback would mean that it refused the model.
        if module.room not in ("pipeline", "internal_errors") and module.name != "modelaudit/cli/standalone.py"
        for node in module.nodes
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type)
    ]
    assert not wrong


def _is_broad(caught: ast.expr | None) -> bool:
    """Whether an ``except`` catches every exception: without a type, or with ``Exception`` or ``BaseException``."""
    if isinstance(caught, ast.Tuple):
        return any(_is_broad(each) for each in caught.elts)
    return caught is None or (isinstance(caught, ast.Name) and caught.id in ("Exception", "BaseException"))


@pytest.mark.parametrize("folder", BOUNDED_FOLDERS)
def test_only_exempt_modules_exceed_the_maximum_length(folder: str) -> None:
    lengths = {module.name: len(module.text.splitlines()) for module in list_modules(folder)}
    long = {name for name, length in lengths.items() if length > MODULE_LINES}
    assert long == {name for name in LONG_MODULES if name.startswith(f"{folder}/")}
    assert statistics.median(lengths.values()) < MEDIAN_LINES


def test_at_most_ten_modules_are_exempt_from_the_maximum_length() -> None:
    assert len(LONG_MODULES) <= 10


def count_code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function without its docstring, which may be as long as its arguments need."""
    assert function.end_lineno is not None
    lines = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None and first.end_lineno is not None:
        lines -= first.end_lineno - first.lineno + 1
    return lines


@pytest.mark.parametrize("folder", BOUNDED_FOLDERS)
def test_no_function_exceeds_the_maximum_length(folder: str) -> None:
    wrong = [
        f"{module.name}:{node.lineno} {node.name} has {count_code_lines(node)} lines"
        for module in list_modules(folder)
        for node in module.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and count_code_lines(node) > FUNCTION_LINES
    ]
    assert not wrong


def test_no_module_has_a_meaningless_name() -> None:
    assert not [
        module.name
        for module in list_modules("modelaudit")
        if EMPTY_NAMES & set(Path(module.name).with_suffix("").parts)
    ]


def test_no_function_signature_outside_readers_contains_a_mapping_from_str_to_any() -> None:
    wrong = [
        f"{module.name}:{annotation.lineno} {ast.unparse(annotation)}"
        for module in list_modules("modelaudit")
        if module.room not in ("formats", "languages", "wire")
        for node in module.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for annotation in _iter_annotations(node)
        if re.search(r"\b(dict|Mapping|MutableMapping)\[str, (typing\.)?Any\]", ast.unparse(annotation))
    ]
    assert not wrong


def _iter_annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    """Yield the annotations of the arguments and of the result of a function."""
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    yield from (argument.annotation for argument in arguments if argument and argument.annotation)
    if node.returns:
        yield node.returns


def test_no_string_of_the_package_outside_docstrings_contains_the_word_safe_or_clean() -> None:
    wrong = [
        f"{module.name}:{node.lineno} {node.value!r}"
        for module in list_modules("modelaudit")
        for node in _iter_strings(module)
        if VERDICT_WORDS.search(node.value) and (module.name, node.value) not in QUOTED_WORDS
    ]
    assert not wrong


def _iter_strings(module: Module) -> Iterator[ast.Constant]:
    """Yield the string constants, without docstrings; those of decorated functions count, as Click prints them as help."""
    docstrings = {
        id(node.body[0].value)
        for node in module.nodes
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and not getattr(node, "decorator_list", ())
    }
    for node in module.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node


@pytest.mark.parametrize("folder", ["findings", "licenses", "policies", "callables"])
def test_no_text_of_rules_for_findings_licenses_policies_or_callables_contains_safe_or_clean(folder: str) -> None:
    wrong = []
    for file in sorted((ROOT / "rules" / folder).rglob("*.yaml")):
        scalars = _iter_texts(yaml.load(file.read_bytes(), yaml.CSafeLoader))
        wrong += [f"{file.relative_to(ROOT)}: {scalar!r}" for scalar in scalars if VERDICT_WORDS.search(scalar)]
    assert not wrong


def _iter_texts(value: object) -> Iterator[str]:
    """Yield every text of a YAML document except for keys."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _iter_texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _iter_texts(each)
    elif isinstance(value, str):
        yield value


def test_no_report_template_contains_the_word_safe_or_clean() -> None:
    templates = sorted((PACKAGE / "reports" / "templates").iterdir())
    assert templates
    assert not [file.name for file in templates if VERDICT_WORDS.search(file.read_text(encoding="utf-8"))]


def test_no_test_module_reads_a_clock() -> None:
    # A test that asserts a measured time fails on a busy machine; ``support.work`` counts the work instead.
    clocks = ("time", "monotonic", "perf_counter", "process_time", "thread_time")
    names = {f"{clock}{suffix}" for clock in clocks for suffix in ("", "_ns")}
    readings = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if re.search(r"\btime(it)?\b", text) else ():
            match node:
                case ast.Attribute(value=ast.Name(id="time"), attr=attr) if attr in names:
                    readings.append(f"{path.name}:{node.lineno}")
                case ast.ImportFrom(module="time") | ast.Import(names=[ast.alias(name="timeit")]):
                    readings.append(f"{path.name}:{node.lineno}")
    assert readings == []
