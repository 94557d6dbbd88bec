"""Decide which classes and functions of a library a file may name, with the evidence for each decision.

Unpickling an object runs the methods that ``loading.HOOKS`` lists; constructing one runs ``__new__`` and ``__init__``
as well, with arguments from the file. A decision follows all functions that these may run. It is *trusted* if each of
them is read and does no harm, and *undecided* or *runs* otherwise, with the line that says so.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, repeat

from class_order import MAX_STEPS, ClassInfo, ClassOrder, Method, TooMuchWorkError
from expression_values import Frame
from function_calls import CALLS_ARGUMENT, RUNS, UNDECIDED, Effects, FunctionReader, Issue
from hook_calls import (
    FOREIGN_CALLS,
    FOREIGN_PROPERTIES,
    IMPLICIT_HOOKS,
    SINGLE_ARGUMENT,
    HookCalls,
    needs_arguments,
    read_hook_calls,
)
from inert_classes import is_inert
from loading import HOOKS
from module_bindings import External, Found, Undecided
from module_names import World
from module_uses import depends_on_object, passes_known_function, read_uses
from reviewed import Reviewed, name_decorator
from value_kinds import Made, Result

from modelaudit.languages.python import uses

# Methods that loading may run beside those of ``loading.HOOKS``: the test of a state, and the memory of an object.
FURTHER_HOOKS = ("__bool__", "__len__", "__set__", "__delattr__", "__buffer__")
_MAX_FRAMES = 4000
# A class whose methods do this with its own state harms when it is used, although loading it does not.
_HARMFUL_USE = frozenset({"code", "command", "native", "deserialise", "import", "process"})
_ALWAYS_HARMFUL = frozenset({"code", "command", "native", "process"})

_ENUMERATIONS = frozenset({"enum.Enum", "enum.IntEnum", "enum.StrEnum", "enum.Flag", "enum.IntFlag"})
TRUSTED = "trusted"


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about one name.

    Attributes:
        name: the full name, as a file spells it.
        standing: ``trusted``, ``undecided`` or ``runs``.
        reason: why it is not trusted, or what was read.
        place: file and line of the definition, or of the reason.
        quote: the line of the source.
        read: how many functions the decision followed.
        hook_calls: the methods of its object that loading calls; no state may hold a callable under their names.
        is_inert: loading stores the state of its object, and runs no method of it.
        is_apart: it is inert, and its further methods are undecided: trusted only while no code gets the object.
    """

    name: str
    standing: str
    reason: str
    place: str
    quote: str = ""
    read: int = 0
    hook_calls: tuple[str, ...] = ()
    is_inert: bool = False
    is_apart: bool = False


class Derivation:
    """Decides the names of one release.

    Args:
        world: the sources of the release, and of the libraries that it builds on.
        changed: the names that some module of the release changes after they are defined, with the place.
    """

    def __init__(self, world: World, reviewed: Reviewed, changed: dict[str, str] | None = None) -> None:
        self.world = world
        self.reviewed = reviewed
        self.order = ClassOrder(world, reviewed)
        reviewed.resolve = self.order.resolve_path
        reviewed.resolve_name = world.resolve
        self.changed = dict(changed or {})
        self._effects: dict[tuple[int, int], Effects] = {}
        self._hook_calls: dict[tuple[int, int], HookCalls] = {}
        self._uses: dict[ClassInfo, list[Issue]] = {}
        self._kept: list[Frame] = []
        """The frames that were read, which keep the nodes alive whose ``id`` is a key."""

    def decide_unpickled(self, found: Found) -> Decision:
        """Decide whether a file may make an object of a class by ``__new__`` and give it any state."""
        info = self.order.build(found)
        if self.is_enumeration(found):  # no file makes or changes a member
            return self._decide(found, info, list(self._iterate_hooks(info)), is_called=False)
        frames = [*self._iterate_hooks(info)]
        for hook in (*IMPLICIT_HOOKS, *sorted(FOREIGN_CALLS - set(HOOKS))):
            frames += self._find_frame(info, hook)
        for name in sorted(FOREIGN_PROPERTIES):
            member = info.find(name)
            if isinstance(member, Method) and (member.kind == "property" or member.fault is not None):
                frames += self._find_frame(info, name)
            elif isinstance(member, Method) and isinstance(member.value, ast.Call):
                frames += self._find_descriptor(info, member)
        decision = self._decide(found, info, frames, is_called=False, is_hostile=True)
        if not is_inert(info, self.reviewed):
            return decision
        if decision.standing == TRUSTED:
            return replace(decision, is_inert=True)
        apart = self._decide(found, info, [], is_called=False)
        return replace(apart, is_inert=True, is_apart=True) if apart.standing == TRUSTED else decision

    def decide_constructed(self, found: Found) -> Decision:
        """Decide whether a configuration may call a class or function with arguments that it states."""
        if isinstance(found.node, ast.ClassDef):
            info = self.order.build(found)
            effects = Effects(makes=[info])
            frames = [*self._iterate_hooks(info), *self._expand(effects, info)]
            return self._decide(found, info, frames, is_called=True)
        return self._decide(found, None, [Frame(found.module, found.node, self.order)], is_called=True)

    def is_enumeration(self, found: Found) -> bool:
        """Whether a class is an enumeration whose call only looks a member up."""
        if not isinstance(found.node, ast.ClassDef):
            return False
        info = self.order.build(found)
        bases = {each.name for each in info.order if isinstance(each, External)}
        hooks = ("_missing_", "__new__", "__init__", "__call__")
        has_hook = any(hook in each.members for each in info.iterate_classes() for hook in hooks)
        return bool(bases & _ENUMERATIONS) and not has_hook

    def list_rebuilders(self, found: Found) -> list[Found]:
        """Return the functions of the sources that ``__reduce__`` of a class names, which unpickling calls."""
        assert isinstance(found.node, ast.ClassDef)
        info = self.order.build(found)
        functions: dict[str, Found] = {}
        for hook in ("__reduce__", "__reduce_ex__"):
            method = info.members.get(hook)
            if method is None or method.node is None or method.fault is not None:
                continue
            frame = Frame(info.module, method.node, self.order, info, info)
            for part in ast.walk(method.node):
                if isinstance(part, ast.Return) and isinstance(part.value, ast.Tuple) and part.value.elts:
                    for value in frame.evaluate(part.value.elts[0]):
                        if isinstance(value, Found):
                            functions[value.name] = value
        return list(functions.values())

    def decide_rebuilder(self, found: Found) -> Decision:
        """Decide whether a file may call a function with any arguments."""
        frames = [Frame(found.module, found.node, self.order)]
        return self._decide(found, None, frames, is_called=False, is_hostile=True)

    def _decide(
        self, found: Found, info: ClassInfo | None, frames: list[Frame], is_called: bool, is_hostile: bool = False
    ) -> Decision:
        """Decide about a definition from the functions that a file would run.

        With ``is_hostile``, the values that these functions get are objects of the file, with any attributes.
        """
        name = found.name
        if found.module.fault is not None:
            return Decision(name, UNDECIDED, found.module.fault.reason, found.module.fault.place)
        if place := self.changed.get(found.module.name):
            return Decision(name, UNDECIDED, "a module of the library replaces its module", place)
        if isinstance(looked_up := self.world.look_up(found.module, found.node.name), Undecided):
            return Decision(name, UNDECIDED, looked_up.reason, looked_up.place)
        if self.world.is_conditional(found):
            return Decision(name, UNDECIDED, "it is defined below a condition", found.place)
        issue = next(self._iterate_class_issues(info), None) if info is not None else self._check_function(found)
        names: set[str] = set()
        if issue is None:
            issue, count = self._follow_within_bounds(frames, is_called, names if is_hostile else None)
        else:
            count = 0
        if issue is not None:
            return Decision(name, issue.kind, issue.reason, issue.place, issue.quote, count)
        reason = _describe_trust(info, is_called, count)
        quote = found.module.quote(found.node.lineno)
        return Decision(name, TRUSTED, reason, found.place, quote, count, tuple(sorted(names - FOREIGN_CALLS)))

    def _check_function(self, found: Found) -> Issue | None:
        """Return why a function cannot be decided from its source; ``None`` if it can."""
        for decorator in found.node.decorator_list:
            text = name_decorator(decorator)
            if self.reviewed.kind_of_decorator(decorator, found.module) is None:
                return Issue(UNDECIDED, f"the decorator {text} may replace it", found.place)
        changed = self.changed.get(found.name)
        return Issue(UNDECIDED, "a module of the library changes it", changed) if changed else None

    def _iterate_class_issues(self, info: ClassInfo) -> Iterator[Issue]:
        """Yield the reasons against a class as a whole: its bases, its decorators, changes, and its use."""
        for fault in info.faults:
            yield Issue(UNDECIDED, fault.reason, fault.place)
        for each in info.iterate_classes():
            if each.name in self.reviewed.refused:
                yield Issue(RUNS, f"{each.name} was read and rejected", each.place)
        for each in info.iterate_classes():
            place = self.changed.get(each.name) or self.changed.get(each.module.name)
            if place:
                yield Issue(UNDECIDED, f"a module of the library changes {each.name}", place)
            if each.module.fault is not None and not self.reviewed.is_used(each.name):
                yield Issue(UNDECIDED, each.module.fault.reason, each.module.fault.place)
        for each in info.iterate_classes():
            if each not in self._uses:
                is_used = self.reviewed.is_used(each.name)
                self._uses[each] = [] if is_used else list(self._find_harmful_use(each))
            yield from self._uses[each]

    def _find_harmful_use(self, info: ClassInfo) -> Iterator[Issue]:
        """Yield each dangerous call of a method whose arguments the state of the object decides."""
        members = list(info.members.values())
        setters = [replace(each, node=node) for each in members for node in each.setters]
        for method in (*members, *setters):
            if method.node is None or self.reviewed.is_harmless(f"{info.name}.{method.name}"):
                continue
            last = method.node.end_lineno or method.node.lineno
            for use in read_uses(info.module)[0]:
                if use.use not in (uses.CALL, uses.AT_IMPORT) or not method.node.lineno <= use.line <= last:
                    continue
                judgement = self.reviewed.judge(use.name)
                if judgement.effect not in _HARMFUL_USE or self.reviewed.is_ordinary(use.name):
                    continue
                if passes_known_function(method, use.name, use.line):
                    continue
                if judgement.effect in _ALWAYS_HARMFUL or depends_on_object(method, use.line):
                    place = f"{info.module.path}:{use.line}"
                    reason = f"its method {method.name} calls {use.name}, which {judgement.why}"
                    yield Issue(RUNS, reason, place, info.module.quote(use.line))

    def _iterate_hooks(self, info: ClassInfo) -> Iterator[Frame]:
        """Yield the methods that unpickling may run on an object of a class."""
        for hook in (*HOOKS, *FURTHER_HOOKS):
            yield from self._find_frame(info, hook)
        for each in info.iterate_classes():
            for method in each.members.values():
                for setter in method.setters:  # a state with slots sets attributes one by one
                    yield Frame(each.module, setter, self.order, each, info, "method")

    def _find_descriptor(self, info: ClassInfo, member: Method) -> Iterator[Frame]:
        """Yield what reading a member runs that the class body makes by a call: ``__get__`` of what it makes."""
        owner = member.owner
        frame = Frame(owner.module, _UNREADABLE, self.order, owner, info)
        for value in frame.evaluate(member.value):
            if isinstance(value, Made):
                yield from self._find_frame(value.info, "__get__")
            elif not (isinstance(value, Result) and self.reviewed.is_known_function(value.name)):
                place = f"{owner.module.path}:{member.line}"
                reason = f"{member.name} may be a descriptor that was not read"
                effects = Effects([Issue(UNDECIDED, reason, place, owner.module.quote(member.line))])
                self._effects[id(frame.node), id(frame)] = effects
                yield frame
                return

    def _find_frame(self, info: ClassInfo | None, name: str) -> Iterator[Frame]:
        """Yield the method of a class that has a name, unless it is reviewed."""
        found = info.find(name) if info is not None else None
        if info is None or found is None or isinstance(found, External):
            return
        if self.reviewed.is_harmless(f"{found.owner.name}.{name}"):
            return
        if found.fault is not None or found.node is None:
            if found.fault is None and isinstance(found.value, ast.Constant):
                return  # ``__hash__ = None``
            frame = Frame(found.owner.module, _UNREADABLE, self.order, found.owner, info)
            reason = found.fault.reason if found.fault else f"{name} holds the value of an expression"
            place = found.fault.place if found.fault else f"{found.owner.module.path}:{found.line}"
            effects = Effects([Issue(UNDECIDED, reason, place, found.owner.module.quote(found.line))])
            self._effects[id(frame.node), id(frame)] = effects
            yield frame
            return
        if name in SINGLE_ARGUMENT and needs_arguments(found):
            return
        yield Frame(found.owner.module, found.node, self.order, found.owner, info, found.kind)

    def _expand(self, effects: Effects, root: ClassInfo | None = None) -> Iterator[Frame]:
        """Yield the functions that ``effects`` calls, and those that constructing its classes runs.

        A class that a list trusts is not followed, unless it is ``root``.
        """
        yield from effects.calls
        for info in effects.makes:
            if info is not root and self.reviewed.is_known_function(info.name):
                continue
            if info.faults:
                place = info.faults[0]
                issue = Issue(UNDECIDED, f"it makes {info.name}, which is undecided: {place.reason}", place.place)
                effects.issues.append(issue)
            for hook in ("__new__", "__init__", "__setattr__", "__post_init__"):
                yield from self._find_frame(info, hook)
            if info.generated:
                yield from self._iterate_factories(info)

    def _iterate_factories(self, info: ClassInfo) -> Iterator[Frame]:
        """Yield the expressions in the body of a dataclass, whose default factories run when it is called."""
        for each in info.iterate_classes():
            for statement in each.node.body:
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.value, ast.Call):
                    node = ast.Lambda(_NO_ARGUMENTS, statement.value)
                    ast.copy_location(node, statement)
                    yield Frame(each.module, node, self.order)

    def _follow_within_bounds(
        self, frames: list[Frame], is_called: bool, names: set[str] | None
    ) -> tuple[Issue | None, int]:
        """Return what ``_follow`` does, or an issue if that takes too much work."""
        self.order.steps = 0
        try:
            return self._follow(frames, is_called, names)
        except TooMuchWorkError:
            return Issue(UNDECIDED, f"it takes more than {MAX_STEPS} steps to follow", ""), 0

    def _follow(self, frames: list[Frame], is_called: bool, names: set[str] | None) -> tuple[Issue | None, int]:
        """Follow all functions that ``frames`` may run; return the first reason against trust, and their number.

        Args:
            frames: the functions that run first.
            is_called: whether the caller judges what it passes.
            names: gets the methods of its object that each function calls, if its values are objects of a file.
        """
        waiting, seen = list(frames), set()
        passed: list[str] = []
        calls_argument: Issue | None = None
        while waiting:
            frame = waiting.pop()
            key = self._key(frame)
            if key in seen:
                continue
            seen.add(key)
            if len(seen) > _MAX_FRAMES:
                return Issue(UNDECIDED, f"it runs more than {_MAX_FRAMES} functions", ""), len(seen)
            effects = self._read(frame)
            attributes: set[str] = set()
            if names is not None:
                replaceable = self._read_hook_calls(frame)
                names |= replaceable.own
                attributes = replaceable.attributes
                waiting += chain.from_iterable(map(self._find_frame, repeat(frame.concrete), replaceable.properties))
                for reason, line in replaceable.faults:
                    place = f"{frame.module.path}:{line}"
                    return Issue(UNDECIDED, reason, place, frame.module.quote(line)), len(seen)
            waiting += self._expand(effects)
            passed += effects.passed
            for issue in effects.issues:
                if issue.attribute in attributes:
                    continue  # no state may set a callable under this name
                if issue.kind == CALLS_ARGUMENT and is_called:
                    calls_argument = issue
                else:
                    kind = UNDECIDED if issue.kind == CALLS_ARGUMENT else issue.kind
                    return Issue(kind, issue.reason, issue.place, issue.quote), len(seen)
        if calls_argument is not None and passed:
            reason = f"it passes {passed[0]} on, whose source was not read, and calls what it is passed"
            return Issue(UNDECIDED, reason, calls_argument.place, calls_argument.quote), len(seen)
        return None, len(seen)

    def _key(self, frame: Frame) -> tuple[int, int]:
        """Return the key of a function with its class."""
        if frame.node is _UNREADABLE:
            return id(frame.node), id(frame)
        return id(frame.node), id(frame.concrete)

    def _read(self, frame: Frame) -> Effects:
        """Return what a function runs; it is read once for each class."""
        key = self._key(frame)
        if key not in self._effects:
            if (fault := frame.module.fault) is not None:
                self._effects[key] = Effects([Issue(UNDECIDED, fault.reason, fault.place)])
            else:
                self._effects[key] = FunctionReader(frame, self.reviewed).read()
            self._kept.append(frame)
        return self._effects[key]

    def _read_hook_calls(self, frame: Frame) -> HookCalls:
        """Return what a function calls that a file may replace; it is read once for each class."""
        key = self._key(frame)
        if key not in self._hook_calls:
            self._hook_calls[key] = read_hook_calls(frame)
        return self._hook_calls[key]


_NO_ARGUMENTS = ast.arguments([], [], None, [], [], None, [])
_UNREADABLE = ast.Lambda(_NO_ARGUMENTS, ast.Constant(None))


def _describe_trust(info: ClassInfo | None, is_called: bool, count: int) -> str:
    """Return one sentence on what was read."""
    if not is_called:
        return "loading runs no method of it" if not count else f"loading runs {count} functions, all of them read"
    return "calling it runs no function of its own" if not count else f"calling it runs {count} functions, all read"
