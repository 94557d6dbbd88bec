"""Judge the modules of torch that a pickle rebuilds from Python source.

Loading runs that source. It is harmless if it is one plain graph: it calls operators and submodules, and reads tensors,
all of exact names that the vocabulary lists. Which object an attribute of the module is depends on mappings that the
file may share and change, so every object that the file sets under that name anywhere has to be of a listed class.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct, field

from modelaudit.model.catalogue import CallableEntry, Standing
from modelaudit.model.pickle import Act, CallResult, Name, PickleEvent, PickleProgram, Unknown
from modelaudit.model.traced import TracedSource

VOCABULARY: Final = "traced-modules"
REBUILDER: Final = Name("torch.fx.graph_module", "reduce_graph_module")
_TRACER: Final = "_tracer_cls"
# Mappings of a module that hold its parts, and attributes of the body that are texts.
_PARTS: Final = frozenset({"_modules", "_parameters", "_buffers"})
_TEXTS: Final = frozenset({"_graphmodule_cls_name"})
_OPERATOR_SPACES: Final = frozenset({"aten", "prims", "quantized"})

Object = Name | CallResult | Unknown


class TracedNames(Struct, frozen=True):
    """The lists that judge the source of a traced module.

    Attributes:
        names: of the vocabulary ``traced-modules``, each with the kind before it: ``method::view``.
        operators: of torch: ``aten::add``.
    """

    names: Mapping[str, CallableEntry] = field(default_factory=dict)
    operators: Mapping[str, CallableEntry] = field(default_factory=dict)

    def lists(self, kind: str, name: str) -> bool:
        """Whether a name is listed as trusted for this kind of use."""
        entry = self.names.get(f"{kind}::{name}")
        return entry is not None and entry.standing is Standing.TRUSTED

    def lists_function(self, name: str) -> bool:
        """Whether a dotted name is that of a function of torch, or of an overload of an operator."""
        match name.split("."):
            case ["torch", "ops", space, operator, *overload] if space in _OPERATOR_SPACES and len(overload) <= 1:
                entry = self.operators.get(f"{space}::{operator}")
                is_trusted = entry is not None and entry.standing is Standing.TRUSTED
                return is_trusted and all(self.lists("overload", each) for each in overload)
        return self.lists("function", name)


NO_TRACED_NAMES: Final = TracedNames()


def explain_traced_modules(program: PickleProgram, names: TracedNames) -> str:
    """Return why the traced modules of a program may do more than compute; empty if they are plain graphs."""
    traced = program.traced
    offsets = {module.offset for module in traced.modules}
    calls = [event for event in program.events if event.act is not Act.IMPORT and event.operand == REBUILDER]
    if any(event.act is not Act.CALL or event.offset not in offsets for event in calls) or not traced.modules:
        return "the call is not read"
    if REBUILDER in program.kept_names:
        return "the function that rebuilds modules is stored or passed on as well"
    if traced.obstacle:
        return traced.obstacle
    objects: dict[str, set[Object]] = {}
    for key, value in traced.objects:
        objects.setdefault(key, set()).add(value)
    return next(_find_reasons(program, objects, names), "")


def is_part_of_tracing(event: PickleEvent, names: TracedNames) -> bool:
    """Whether an event imports or calls the function that rebuilds traced modules, or imports the class of a tracer."""
    if event.operand == REBUILDER:
        return event.act in (Act.IMPORT, Act.CALL)
    return event.act is Act.IMPORT and names.lists("tracer", str(event.operand))


def _find_reasons(program: PickleProgram, objects: Mapping[str, set[Object]], names: TracedNames) -> Iterator[str]:
    """Yield each reason why the traced modules may do more than compute."""
    for maker in program.traced.stated:
        if not names.lists("stated", str(maker)):
            yield f"the state of {maker} is not a mapping and may hold keys"
    for maker, value in program.traced.positions:
        if names.lists("module", str(maker)) and not _is_part_of_state(value, names):
            yield f"the state of {maker} may set {_format_object(value)} as a part"
    for key, values in objects.items():
        yield from _judge_key(key, values, names)
    for module in program.traced.modules:
        yield from _judge_source(module.source, names)
        for path in module.source.called_paths:
            yield from _judge_path(path, objects, names, "module")
        for path in module.source.read_paths:
            yield from _judge_path(path, objects, names, "tensor")
            if module.source.combines_parts and not {path[-1], ""}.isdisjoint(program.traced.plain):
                yield f"the source computes with {path[-1]}, which may be a number, a text or a container"


def _judge_source(source: TracedSource, names: TracedNames) -> Iterator[str]:
    """Yield each reason why a source is more than a plain graph of listed operators."""
    if source.fault:
        yield source.fault
    for name in source.imported:
        if not (names.lists_function(name) or names.lists("type", name)):
            yield f"the source imports {name}"
    for name in source.functions:
        if not names.lists_function(name):
            yield f"the source calls {name}"
    yield from _list_unlisted("calls, with constants,", "making", source.making, names)
    yield from _list_unlisted("has the statement", "import", source.imports, names)
    yield from _list_unlisted("uses", "value", source.values, names)
    yield from _list_unlisted("has the type", "type", source.types, names)
    yield from _list_unlisted("calls the method", "method", source.methods, names)
    yield from _list_unlisted("reads the attribute", "attribute", source.attributes, names)


def _list_unlisted(act: str, kind: str, used: Iterable[str], names: TracedNames) -> Iterator[str]:
    """Yield a reason for each name that is not listed."""
    for name in used:
        if not names.lists(kind, name):
            yield f"the source {act} {name}"


def _judge_key(key: str, values: set[Object], names: TracedNames) -> Iterator[str]:
    """Yield a reason if the objects that mappings hold under a key may change how a module is traced."""
    if key != _TRACER and any(isinstance(value, Name) and names.lists("tracer", str(value)) for value in values):
        yield f"the class of a tracer is stored under {key}"
    if f"reserved::{key}" in names.names or key in _TEXTS or key.startswith("__"):
        yield f"an object takes the place of {key}"
    elif key == _TRACER:
        for value in values:
            if not isinstance(value, Name) or not names.lists("tracer", str(value)):
                yield f"{_format_object(value)} traces the module"
    elif key in _PARTS:
        if not _are_made_by("mapping", values, names, may_be_called=True):
            yield f"the parts of a module are not a plain mapping under {key}"
    elif not key.isascii() or not key.isprintable() or '"' in key or "\\" in key:
        # torch writes the names of submodules and tensors between double quotes into the source that it runs.
        yield "a name of a part can end its quotes in the source"


def _judge_path(
    path: tuple[str, ...], objects: Mapping[str, set[Object]], names: TracedNames, kind: str
) -> Iterator[str]:
    """Yield why an attribute path of a module may lead to something other than a module or a tensor."""
    text = ".".join(path)
    for depth, part in enumerate(path):
        # The module itself has only the attributes of every module; its parts have those of their classes too.
        kinds = ("reserved", "member") if depth else ("reserved",)
        if any(f"{each}::{part}" in names.names for each in kinds) or part not in objects:
            yield f"the source reads {text}, which is not a part of the module"
            return
    for part in path[:-1]:
        if not _are_made_by("module", objects[part], names):
            yield f"the source reads {text} through a module of another class"
            return
    if not _are_made_by(kind, objects[path[-1]], names, may_be_called=kind == "tensor"):
        verb = "calls" if kind == "module" else "reads"
        yield f"the source {verb} {text}, which may be of an unlisted class"


def _are_made_by(kind: str, values: set[Object], names: TracedNames, *, may_be_called: bool = False) -> bool:
    """Whether all objects are made by listed classes, or by listed functions.

    A class that is called runs its constructor with arguments of the file, so that its object has unknown parts.
    """
    return all(
        isinstance(value, CallResult)
        and names.lists(kind, str(value.maker))
        and (may_be_called or not value.called or value.maker == REBUILDER)
        for value in values
    )


def _is_part_of_state(value: Object, names: TracedNames) -> bool:
    """Whether an object in a state without keys is one that no call of a part runs: a tensor or a constant of torch."""
    if isinstance(value, Name):
        return names.lists("value", str(value))
    kinds = ("tensor", "stated", "mapping")
    return isinstance(value, CallResult) and any(names.lists(kind, str(value.maker)) for kind in kinds)


def _format_object(value: Object) -> str:
    """Return an object as text."""
    return str(value) if isinstance(value, Name) else "an object that the file makes"
