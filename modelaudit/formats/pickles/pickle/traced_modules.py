"""Follow the calls by which a pickle rebuilds traced modules of torch from their Python source.

``torch.fx.graph_module.reduce_graph_module(body, import_block)`` runs ``import_block + body["_code"]``, and traces the
function that this defines with a module whose attributes are ``body``. Which attribute the source reads depends on
mappings that the file may fill in any order and share. So this module keeps, for the whole program, every object that
is set under each key: an attribute of the source is one of those under its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from modelaudit.formats.pickles.pickle.values import (
    ACTING_TYPES,
    INERT_TYPES,
    Container,
    PlainStretch,
    StackValue,
    TruncatedConstant,
)
from modelaudit.languages.python.traced_source import read_traced_source
from modelaudit.model.artifact import Window
from modelaudit.model.pickle import CallResult, Embedded, Name, PickleEvent, TracedModule, TracedModules, Unknown
from modelaudit.model.traced import TracedSource

REBUILDERS: Final = frozenset({Name("torch.fx.graph_module", "reduce_graph_module")})
_ORDERED: Final = Name("collections", "OrderedDict")
_PARAMETER: Final = Name("torch._utils", "_rebuild_parameter")
_CODE: Final = "_code"
_TEXT_KEYS: Final = frozenset({_CODE, "code"})
_PLAIN: Final = frozenset({int, float, str, bytes, TruncatedConstant, Embedded, Container})
_NO_PAIRS: Final = frozenset({int, float, bool, type(None)})
# Attributes of the body by which torch decides how to trace it. They are data, or the class of a tracer.
_OPTIONS: Final = frozenset({"_tracer_extras", "_graphmodule_graph_node_meta_stack_trace"})
_METADATA: Final = "_metadata"  # the only attribute of a state dictionary
_MOST_OBJECTS: Final = 20_000
_MOST_TEXTS: Final = 1000
_MOST_MODULES: Final = 200
_MOST_SOURCE: Final = 1 << 20  # bytes of one text
_MOST_CHARACTERS: Final = 4 << 20  # of all sources of a program


class TracedModuleTracker:
    """The traced modules that one program rebuilds, and the objects that it sets under each key.

    Attributes:
        modules: in order.
        objects: (key, value) of every item whose value is a name, a result or unknown, and whose key is a text.
        stated: the makers of objects whose state is not a mapping and may hold keys all the same.
        positions: (maker, value) of each object in a state whose parts have positions and no keys.
        plain: the keys of numbers, texts and containers; the empty one stands for keys that are not read.
        obstacle: why ``objects`` may be incomplete; empty if it is not.
    """

    def __init__(self, window: Window) -> None:
        self.modules: list[TracedModule] = []
        self.objects: dict[tuple[str, Name | CallResult | Unknown], None] = {}
        self.stated: dict[Name | Unknown, None] = {}
        self.positions: dict[tuple[Name | Unknown, Name | CallResult | Unknown], None] = {}
        self.plain: set[str] = set()
        self.obstacle = ""
        self._window = window
        self._has_loose_parameters = False
        self._characters_left = _MOST_CHARACTERS
        self._texts: list[tuple[StackValue, str, StackValue]] = []
        self._bodies: list[Container] = []

    def find_obstacle(self) -> str:
        """Return why the objects may be incomplete, or why a source may be another than the one that was read.

        An object may hold the body of a module by reference, as ``collections.ChainMap`` does, and change it by items
        or attributes of its own. So each source has to be set in the body itself.
        """
        if self.obstacle or not self.modules:
            return self.obstacle
        bodies = {id(body) for body in self._bodies}
        # Other mappings may have the key ``code``, which torch reads only in a body without the other one.
        keys = {key for target, key, _ in self._texts if id(target) in bodies} | {_CODE} | _OPTIONS
        for target, key, value in self._texts:
            if id(target) not in bodies and key in keys and not (key in _OPTIONS and _is_empty(value)):
                return f"{key} is set outside of the body of a module"
        return ""

    def record_items(self, target: StackValue, pairs: Sequence[StackValue]) -> None:
        """Record the items that an opcode sets; ``pairs`` are keys and values in turn."""
        if any(type(each) is PlainStretch for each in pairs):
            if any(type(each) is not PlainStretch for each in pairs):
                self.obstacle = "an opcode sets plain data and other items together"
            elif not isinstance(target, Container) and not (
                isinstance(target, CallResult) and target.maker == _ORDERED
            ):
                self.obstacle = "an object sets plain data, which may be a source"
            self.plain.add("")
            return
        for index in range(0, len(pairs) - 1, 2):
            key, value = pairs[index], pairs[index + 1]
            if type(key) is str and type(value) in _PLAIN:
                self.plain.add(key if len(self.plain) < _MOST_OBJECTS else "")
            if type(key) is not str:
                # A text that is too long to keep counts too; keys of other types are no names of attributes.
                if type(key) is TruncatedConstant or (type(key) not in INERT_TYPES and type(key) is not Container):
                    self.obstacle = "a key of a mapping is computed, or too long to read"
            elif type(value) in ACTING_TYPES:
                self._record_object(key, value)  # type: ignore[arg-type]
            elif key in _TEXT_KEYS or key in _OPTIONS:
                self._record_text(target, key, value)

    def _record_object(self, key: str, value: Name | CallResult | Unknown) -> None:
        """Record an object under its key."""
        if key in _TEXT_KEYS or key in _OPTIONS:
            self.obstacle = f"{key} of a mapping is computed"
        elif len(self.objects) < _MOST_OBJECTS:
            self.objects[key, value] = None
        elif (key, value) not in self.objects:
            self.obstacle = f"mappings hold more than {_MOST_OBJECTS} different objects"

    def _record_text(self, target: StackValue, key: str, value: StackValue) -> None:
        """Record a source, or an option of tracing."""
        if len(self._texts) < _MOST_TEXTS:
            self._texts.append((target, key, value))
        else:
            self.obstacle = f"mappings hold more than {_MOST_TEXTS} sources"

    def record_state(self, target: StackValue, state: StackValue) -> None:
        """Record a state that is not a mapping, or that gives an ordered mapping attributes of its own."""
        self._has_loose_parameters = self._has_loose_parameters or _holds_parameter(state)
        if not isinstance(target, CallResult):
            return
        if target.maker == _ORDERED and not _is_metadata(state):
            self.obstacle = "an ordered mapping gets attributes of its own"
        elif type(state) in ACTING_TYPES:
            self.stated[target.maker] = None
        elif isinstance(state, Container) and state.type != "dict":
            # ``dict.update`` takes a sequence of pairs for a mapping.
            if _may_be_pairs(state):
                self.stated[target.maker] = None
            self._record_positions(target.maker, state)
        elif isinstance(state, Container) and state.has_unseen_items:
            self.obstacle = "the state of an object is plain data, which may be a source"

    def _record_positions(self, maker: Name | Unknown, state: Container) -> None:
        """Record the objects in a state that a class reads by position."""
        for entry in state.entries:
            if type(entry) in ACTING_TYPES:
                self.positions[maker, entry] = None  # type: ignore[index]
        if len(self.positions) > _MOST_OBJECTS:
            self.obstacle = f"states hold more than {_MOST_OBJECTS} different objects"

    def record_call(self, opcode: str, callee: StackValue, arguments: Sequence[StackValue], offset: int) -> None:
        """Record a call before it gets its arguments; it may rebuild a module, or make a mapping with items."""
        # Functions such as ``copyreg._reconstructor`` make an object of the class that they get.
        if (callee == _ORDERED and arguments) or _ORDERED in arguments:
            self.obstacle = "an ordered mapping is made with items"
        if callee not in REBUILDERS:
            return
        if len(self.modules) < _MOST_MODULES:
            self.modules.append(TracedModule(offset, self._read_source(opcode, arguments)))
        else:
            self.obstacle = f"the file rebuilds more than {_MOST_MODULES} traced modules"

    def _read_source(self, opcode: str, arguments: Sequence[StackValue]) -> TracedSource:
        """Return the names that the source of a call uses, or why it is not read."""
        body, block = arguments if opcode == "REDUCE" and len(arguments) == len(("body", "block")) else (None, None)
        if not isinstance(body, Container) or body.type != "dict" or body.is_forgotten or body.has_unseen_items:
            return TracedSource("the body of the module is not a plain mapping")
        if body.is_handed:
            return TracedSource("an object or a function has got the body of the module before, and may change it")
        self._bodies.append(body)
        self._has_loose_parameters = self._has_loose_parameters or _holds_parameter(body)
        own = [(key, value) for target, key, value in self._texts if target is body]
        for key, value in own:
            if key in _OPTIONS and not _is_empty(value):
                return TracedSource(f"{key} sets options of tracing")
        sources = [value for key, value in own if key in _TEXT_KEYS]
        if len(sources) != 1:
            return TracedSource("the body of the module has no source, or several")
        code, imports = self._read_text(sources[0]), self._read_text(block)
        if not code or imports is None:
            return TracedSource("the source is not a constant text, or is too long to read")
        self._characters_left -= len(imports) + len(code)
        if self._characters_left < 0:
            return TracedSource("the sources of the file are too long to read")
        return read_traced_source(imports + code, self._find_parameters())

    def _find_parameters(self) -> frozenset[str]:
        """Return the names under which every object that was set is a parameter, and is one among parameters.

        ``torch.nn.Module.__getattr__`` finds those; tracing patches it to return a proxy.
        """
        if self._has_loose_parameters:
            return frozenset()
        others = {key for key, value in self.objects if not isinstance(value, CallResult) or value.maker != _PARAMETER}
        return frozenset(key for key, _ in self.objects) - others

    def _read_text(self, value: StackValue) -> str | None:
        """Return a constant text; ``None`` for another value, or a text that is too long."""
        if isinstance(value, str):
            return value
        if not isinstance(value, TruncatedConstant) or value.extent is None or value.extent[1] > _MOST_SOURCE:
            return None
        start, length = value.extent
        return self._window.read(start, length).decode("ascii", "replace")


def _is_metadata(state: StackValue) -> bool:
    """Whether a state sets the metadata of a state dictionary only."""
    if not isinstance(state, Container) or state.type != "dict" or state.is_forgotten or state.has_unseen_items:
        return False
    return state.size == 1 and [key for key, _ in state.iterate_items()] == [_METADATA]


def _holds_parameter(state: StackValue) -> bool:
    """Whether a state may set a parameter as an ordinary attribute."""
    if not isinstance(state, Container):
        return state is not None
    values = [value for _, value in state.acting_items]
    return any(type(value) is Unknown or (type(value) is CallResult and value.maker == _PARAMETER) for value in values)


def _is_empty(value: StackValue) -> bool:
    """Whether an option of tracing is not set."""
    return value is None or (isinstance(value, Container) and value.size == 0 and not value.has_unseen_items)


def _may_be_pairs(state: Container) -> bool:
    """Whether a sequence may hold pairs that begin with a text.

    Any object of two items is a pair: the result of a call, a set, a mapping. A number ends the loading.
    """
    if state.is_forgotten or state.has_dropped or state.has_unseen_items:
        return True
    if not any(type(entry) in _NO_PAIRS for entry in state.entries):
        others = [
            each for each in state.entries if not isinstance(each, Container) or each.type not in ("tuple", "list")
        ]
        if any(type(each) is Container or type(each) in ACTING_TYPES for each in others):
            return True
    for entry in state.entries:
        if isinstance(entry, Container) and entry.type in ("tuple", "list"):
            first = entry.entries[0] if entry.entries else None
            if entry.has_unseen_items or (first is not None and type(first) is not int):
                return True
    return False


class TracedModuleCollection:
    """The traced modules of the pickles that follow one another in an artifact."""

    def __init__(self) -> None:
        self._modules: list[TracedModule] = []
        self._objects: dict[tuple[str, Name | CallResult | Unknown], None] = {}
        self._stated: dict[Name | Unknown, None] = {}
        self._positions: dict[tuple[Name | Unknown, Name | CallResult | Unknown], None] = {}
        self._plain: set[str] = set()
        self._obstacle = ""

    def add(self, tracker: TracedModuleTracker, other_events: Sequence[PickleEvent]) -> None:
        """Add those of one pickle, which another loader may read as ``other_events`` besides."""
        self._modules += tracker.modules
        self._objects |= tracker.objects
        self._stated |= tracker.stated
        self._positions |= tracker.positions
        self._plain |= tracker.plain
        self._obstacle = self._obstacle or tracker.find_obstacle()
        if any(event.operand in REBUILDERS for event in other_events):
            self._obstacle = "another loader rebuilds a module from other opcodes"

    def build(self) -> TracedModules:
        """Return them all."""
        if not self._modules:
            return TracedModules()
        used = {part for module in self._modules for path in module.source.read_paths for part in path}
        return TracedModules(
            tuple(self._modules),
            tuple(self._objects),
            tuple(self._stated),
            self._obstacle,
            tuple(self._positions),
            tuple(sorted(key for key in self._plain if not key or key in used)),
        )
