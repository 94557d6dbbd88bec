"""Find the calls by which code loads the repository that it belongs to, whose other code the scan reads as well.

The folder is written out, as ``"."`` or that of ``__file__``, or it is the argument that an inference server passes to
``EndpointHandler(path)`` or ``model_fn(model_dir)``. The call loads a class of transformers or sentence-transformers
and has no argument that can bring in the code of another repository, as ``config``, ``code_revision`` or ``**`` could.
Whether the file is the one that the server imports depends on the other files.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct, field

from modelaudit.languages.python.settled_texts import list_assigned_names
from modelaudit.model.outline import TRUSTS_HANDLER_FOLDER, TRUSTS_OWN_FOLDER, TRUSTS_SERVER_FOLDER

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_SWITCH: Final = "trust_remote_code"
_HANDLER: Final = "EndpointHandler"
_MODEL_FUNCTION: Final = "model_fn"
_LOADERS: Final = {"transformers": "Auto", "sentence_transformers": "SentenceTransformer"}
"""The beginnings of the names of classes by which a library loads a repository."""
_FOLDERS: Final = frozenset({".", "./"})
_PLAIN_KEYWORDS: Final = frozenset(
    {_SWITCH, "torch_dtype", "dtype", "device_map", "device", "use_fast", "padding_side", "truncation_side", "token",
     "local_files_only", "low_cpu_mem_usage", "return_dict", "attn_implementation", "load_in_8bit", "load_in_4bit",
     "model_max_length", "max_length", "use_safetensors", "output_hidden_states", "output_attentions", "num_labels",
     "max_memory", "offload_folder", "use_cache", "add_eos_token", "add_bos_token"}
)  # fmt: skip
"""Keyword arguments that leave the repository and its code as they are."""
_REFLECTION: Final = frozenset(
    {"globals", "locals", "vars", "eval", "exec", "__dict__", "gc", "setattr", "import_module", "__import__", "chdir",
     "fchdir"}
)  # fmt: skip
"""Names by which a source gives a name another value, or leaves the folder in which it runs."""
_CALLS_WITHOUT_NAME: Final = frozenset({"__class__", "cls", "type", "__init__", "modules"})
"""Names by which a source calls a class or function without the name of it."""


class OwnLoads(Struct):
    """The calls of one source that load its own repository, each with the name under which they are recorded."""

    calls: dict[ast.Call, str] = field(default_factory=dict)

    def add_source(self, bodies: Iterable[Sequence[ast.stmt]]) -> None:
        """Add the calls of a source, whose statements are all known; none if its expressions nest too deep."""
        try:
            self._add_module(ast.Module([statement for body in bodies for statement in body], []))
        except RecursionError:
            self.calls.clear()

    def _add_module(self, module: ast.Module) -> None:
        """Add the calls of a module."""
        nodes = list(ast.walk(module))
        if not any(isinstance(each, ast.keyword) and each.arg == _SWITCH for each in nodes):
            return
        names = _Names(nodes)
        if names.uses & _REFLECTION:
            return
        for owner, function in _list_functions(module):
            parameter = _find_folder_parameter(owner, function, names)
            kind = TRUSTS_HANDLER_FOLDER if owner is not None else TRUSTS_SERVER_FOLDER
            for call, first in _list_loads(ast.walk(function), names) if parameter else ():
                if isinstance(first, ast.Name) and first.id == parameter:
                    self.calls[call] = kind
        self.calls |= {
            call: TRUSTS_OWN_FOLDER for call, first in _list_loads(nodes, names) if _is_own_folder(first, names)
        }


class _Names:
    """The bindings of the names of a source.

    Attributes:
        imported: the full names that imports bind, by the name in the source.
        bound: the names that anything else binds, and attributes that the source sets.
        uses: all names and attributes that it reads.
        texts: all texts.
    """

    def __init__(self, nodes: Iterable[ast.AST]) -> None:
        self.imported: dict[str, str] = {}
        self.bound: set[str] = set()
        self.uses: set[str] = set()
        self.texts: set[str] = set()
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._add_imports(node)
            elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
                self.uses.add(node.id if isinstance(node, ast.Name) else node.attr)
            elif isinstance(node, ast.Constant):
                self.texts.add(str(node.value))
            else:
                self.bound.add(_get_bound_name(node))

    def _add_imports(self, node: ast.Import | ast.ImportFrom) -> None:
        """Add the names that an import binds, which are unknown for another file of the model."""
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                self._bind(alias.asname or alias.name, "" if node.level else f"{node.module}.{alias.name}")
            else:
                package = alias.name.partition(".")[0]
                self._bind(alias.asname or package, alias.name if alias.asname else package)

    def _bind(self, name: str, full_name: str) -> None:
        """Keep what an import binds; a name of two imports is bound by something else as well."""
        if name == "*" or not full_name or self.imported.get(name, full_name) != full_name:
            self.bound.add(name)
        self.imported[name] = full_name

    def resolve(self, node: ast.expr) -> str:
        """Return the full name of an imported name or of an attribute of one; empty for anything else."""
        match node:
            case ast.Name(id=name):
                is_known = name in self.imported and name not in self.bound and "*" not in self.bound
                return self.imported[name] if is_known else ""
            case ast.Attribute(value=value, attr=name) if name not in self.bound:
                base = self.resolve(value)
                return f"{base}.{name}" if base else ""
        return ""


def _list_functions(module: ast.Module) -> Iterator[tuple[ast.ClassDef | None, _Function]]:
    """Yield each function of a module, and each method of its classes with the class."""
    for statement in module.body:
        if isinstance(statement, _Function):
            yield None, statement
        elif isinstance(statement, ast.ClassDef):
            yield from ((statement, each) for each in statement.body if isinstance(each, _Function))


def _find_folder_parameter(owner: ast.ClassDef | None, function: _Function, names: _Names) -> str:
    """Return the parameter that an inference server fills with the folder of the model; empty if there is none.

    Only the server calls the function: the source does not use its name, and does not bind the parameter again.
    """
    if owner is None:
        is_entry, position = function.name == _MODEL_FUNCTION, 0
    else:
        is_entry, position = owner.name == _HANDLER and function.name == "__init__", 1
    entry = _MODEL_FUNCTION if owner is None else _HANDLER
    parameters = [*function.args.posonlyargs, *function.args.args]
    # A decorator, a base class or a metaclass can pass another folder.
    is_wrapped = function.decorator_list or (owner and (owner.decorator_list or owner.bases or owner.keywords))
    if not is_entry or is_wrapped or len(parameters) <= position:
        return ""
    if entry in names.uses | names.texts or names.uses & _CALLS_WITHOUT_NAME:
        return ""
    index = position - len(parameters) + len(function.args.defaults)
    default = function.args.defaults[index] if index >= 0 else ast.Constant(None)
    if not isinstance(default, ast.Constant) or default.value not in ("", ".", None):
        return ""
    parameter = parameters[position].arg
    nodes = list(ast.walk(function))
    bindings = sum(_get_bound_name(each) == parameter for each in nodes)
    bindings += sum(isinstance(each, ast.alias) and parameter in (each.name, each.asname) for each in nodes)
    return parameter if bindings == 1 else ""


def _get_bound_name(node: ast.AST) -> str:
    """Return the name, or attribute, that a node other than an import binds; empty for none."""
    return node.arg if isinstance(node, ast.arg) else next(list_assigned_names([node]), "")


def _list_loads(nodes: Iterable[ast.AST], names: _Names) -> Iterator[tuple[ast.Call, ast.expr]]:
    """Yield each loading call with the argument that names the repository."""
    for node in nodes:
        first = _find_repository(node, names) if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Call) and first is not None:
            yield node, first


def _find_repository(node: ast.Call, names: _Names) -> ast.expr | None:
    """Return the argument that names the repository of a loading call; ``None`` for any other call."""
    if len(node.args) > 1:
        return None
    keywords = {each.arg: each.value for each in node.keywords}
    is_method = isinstance(node.func, ast.Attribute) and node.func.attr == "from_pretrained"
    callee = names.resolve(node.func.value if is_method and isinstance(node.func, ast.Attribute) else node.func)
    library, _, name = callee.partition(".")
    beginning = _LOADERS.get(library)
    if beginning is None or not name.startswith(beginning) or is_method != (library == "transformers"):
        return None
    first = node.args[0] if node.args else None
    for key in ("pretrained_model_name_or_path", "model_name_or_path"):
        if first is None and key in keywords:
            first = keywords.pop(key)
    return first if None not in keywords and keywords.keys() <= _PLAIN_KEYWORDS else None


def _is_own_folder(node: ast.expr, names: _Names) -> bool:
    """Whether an expression is the folder of the source, or the one in which the program runs."""
    match node:
        case ast.Constant(value=str(text)):
            return text in _FOLDERS
        case ast.Call(func=ast.Name(id="str"), args=[argument], keywords=[]) if "str" not in names.bound:
            return _is_own_folder(argument, names)
        case ast.Call(func=func, args=[argument], keywords=[]):
            return names.resolve(func) == "os.path.dirname" and _is_own_file(argument, names)
        case ast.Attribute(value=value, attr="parent"):
            return _is_own_file(value, names)
    return False


def _is_own_file(node: ast.expr, names: _Names) -> bool:
    """Whether an expression is the path of the source."""
    match node:
        case ast.Name(id="__file__"):
            return "__file__" not in names.bound | names.texts
        case ast.Call(func=ast.Attribute(value=value, attr="resolve" | "absolute"), args=[], keywords=[]):
            return _is_own_file(value, names)
        case ast.Call(func=func, args=[argument], keywords=[]):
            is_path = names.resolve(func) in ("os.path.abspath", "os.path.realpath", "pathlib.Path")
            return is_path and _is_own_file(argument, names)
    return False
