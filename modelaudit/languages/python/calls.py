"""What calls do: which callable it is, with what arguments that matter, and what comes back."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modelaudit.languages.python import (
    arguments,
    constant_calls,
    constant_folding,
    dunders,
    name_resolution,
    name_tables,
    namespaces,
    trust,
    uses,
)
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.expressions import attribute, look, taken, value_of
from modelaudit.languages.python.notes import given_by, note, start
from modelaudit.languages.python.source import parse_code_text
from modelaudit.languages.python.values import (
    UNKNOWN,
    Constant,
    Container,
    ExternalName,
    LocalDefinition,
    PartialCall,
    Provenance,
    Scope,
    Unknown,
    Value,
    collect_tags,
    join_values,
    list_alternatives,
)

if TYPE_CHECKING:
    from modelaudit.languages.python.follow import Follower

_TEXTS_IN_TEXTS: Final = 6
_TURNS: Final = frozenset({"append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear", "__setitem__"})
_TAKES_ITEM: Final = frozenset({"get", "pop", "__getitem__", "setdefault"})


def follow(node: ast.Call, scope: Scope, to: Follower) -> Value:
    """Follow a call and its arguments; what it returns."""
    base: Value = UNKNOWN
    method = ""
    if isinstance(node.func, ast.Attribute):
        base, method = look(node.func.value, scope, to), node.func.attr
        if isinstance(base, Constant) and method in _TURNS and isinstance(node.func.value, ast.Name):
            scope.bind(node.func.value.id, UNKNOWN)
        callee = attribute(base, method, node.lineno, to)
    else:
        callee = look(node.func, scope, to)
    args, by_name = arguments.given(node, lambda each: value_of(each, scope, to))
    for each in (*args, *by_name.values()):
        dunders.hand_on(each, to)
    for each in arguments.getters(args):
        to.tell_computed(each, node.lineno)
    trust.note_call(method or _last(callee), by_name, args, node.lineno, to)
    if "cmdclass" in by_name:
        dunders.installs(by_name["cmdclass"], to)
    made = _method(base, method, args, node.lineno, to)
    if made is not None:
        return made
    return apply(callee, args, by_name, node.lineno, scope, to, base, method)


def _last(callee: Value) -> str:
    return next(
        (each.name.rpartition(".")[2] for each in list_alternatives(callee) if isinstance(each, ExternalName)), ""
    )


def _method(base: Value, method: str, args: Sequence[Value], line: int, to: Follower) -> Value | None:
    """What a method of a constant or of a collection returns; ``None`` for any other call."""
    if isinstance(base, Constant) and method:
        known = [each for each in args if isinstance(each, Constant)]
        done = constant_calls.fold_method(base, method, known) if len(known) == len(args) else None
        if done is not None:
            return to.tell_made(done, line)
        return Unknown(collect_tags(base).union(*map(collect_tags, args))) if method not in to.attributes else None
    if isinstance(base, Container) and method:
        if method in _TAKES_ITEM:
            return name_resolution.resolve_item(base, args[0] if args else UNKNOWN)
        return base if method not in to.attributes else None
    spaces = [
        each
        for each in list_alternatives(base)
        if isinstance(each, ExternalName) and name_resolution.is_module_namespace(each)
    ]
    if spaces and method in _TAKES_ITEM:
        return join_values(*(taken(each, args[0] if args else UNKNOWN, line, to) for each in spaces))
    if spaces and method in ("items", "values"):
        to.tell_computed(spaces[0], line)
    return None


def apply(
    callee: Value, args: Sequence[Value], by_name: dict[str, Value], line: int, scope: Scope, to: Follower,
    base: Value = UNKNOWN, method: str = "",
) -> Value:  # fmt: skip
    """Call a value with arguments."""
    found: list[Value] = []
    to.step(len(list_alternatives(callee)) * (1 + sum(len(list_alternatives(each)) for each in args)))
    for each in list_alternatives(callee):
        if isinstance(each, ExternalName):
            found.append(_named(Call(each.name, args, by_name, line, each.is_hidden, each.tags), each, scope, to))
        elif isinstance(each, LocalDefinition):
            found.append(_local(each, args, by_name, base, method, to))
        elif isinstance(each, PartialCall):
            found.append(apply(each.callee, [*each.args, *args], dict(each.by_name) | by_name, line, scope, to))
        elif isinstance(each, Container):
            found.append(join_values(*each.values) if each.values else UNKNOWN)
        else:
            found.append(_unknown(each, args, by_name, method, line, to))
    return join_values(*found)


def _local(
    local: LocalDefinition, args: Sequence[Value], by_name: dict[str, Value], base: Value, method: str, to: Follower
) -> Value:
    to.log.record_local_call(local.number)
    definition = to.definitions[local.number - 1]
    called = dunders.method_of(local, ("__call__",), args, to) if local.is_result else None
    if called is not None:
        return called
    if definition.members is not None:
        is_thread = any(
            isinstance(each, ExternalName) and each.name in name_tables.THREAD_CLASSES for each in definition.bases
        )
        for name, member in definition.members.names.items():
            if (name.startswith("__") and name.endswith("__")) or (is_thread and name == "run"):
                dunders.hand_on(member, to)
        return LocalDefinition(local.number, is_result=True)
    is_bound = bool(method) and any(
        isinstance(each, LocalDefinition) and each.is_result for each in list_alternatives(base)
    )
    return to.run(local, [base, *args] if is_bound else args, by_name)


def _unknown(
    callee: Value, args: Sequence[Value], by_name: Mapping[str, Value], method: str, line: int, to: Follower
) -> Value:
    call = Call(f"*.{method}", args, by_name, line, tags=collect_tags(callee))
    if method:
        to.log.record_method_call(method)
    if method in name_tables.COMMAND_METHODS:
        note(call, to)
    if "module" in call.tags and call.tags & {"file", "computed"}:
        is_named = "file" in call.tags
        to.log.record(uses.CALL, f"(function that {'a file names' if is_named else 'is worked out'})", line)
    for each in args:
        to.tell_handed(each, line)
    if call.name in name_tables.IMPORTERS:
        return _imported(call, scope=Scope(), to=to)
    return Unknown(call.tags | call.flows)


def _named(call: Call, callee: ExternalName, scope: Scope, to: Follower) -> Value:
    special = _SPECIAL.get(call.name)
    if special is not None:
        return special(call, scope, to)
    done = _constant(call, to)
    if done is not None:
        return done
    if call.name == "builtins.type" and len(call.args) == 1:
        return UNKNOWN
    note(call, to)
    method = call.name.rpartition(".")[2]
    if callee.is_result and method in name_tables.COMMAND_METHODS:
        to.log.record(uses.CALL, f"*.{method}", call.line, call.detail)
    if callee.is_result:
        to.log.record_method_call(method)
    for each in (*call.args, *call.by_name.values()) if method in name_tables.CALLBACK_TAKERS else ():
        start(each, call.line, to)
    return ExternalName(call.name, True, False, given_by(call))


def _constant(call: Call, to: Follower) -> Value | None:
    """What a function of the standard library makes of constants."""
    known = [each for each in (*call.args, *call.by_name.values()) if isinstance(each, Constant)]
    if not known or len(known) != len(call.args) + len(call.by_name):
        return None
    done = constant_calls.fold_function(call.name, known)
    return None if done is None else to.tell_made(done, call.line)


def _getter(call: Call, scope: Scope, to: Follower) -> Value:
    if len(call.args) < 2:
        return UNKNOWN
    base, name = call.args[0], call.args[1]
    if call.name.endswith("__getattribute__") and call.name.startswith("builtins.object") and len(call.args) < 2:
        return UNKNOWN
    if not isinstance(name, Constant) or not isinstance(name.value, str):
        for each in list_alternatives(base):
            to.tell_computed(each, call.line)
        taken_by = {"computed"} if "module" in collect_tags(base) else set()
        return Unknown(collect_tags(base) | collect_tags(name) | taken_by)
    found = name_resolution.resolve_command_method(base, name) or attribute(base, name.value, call.line, to)
    if name.provenance is Provenance.LITERAL:
        return found
    return join_values(
        *(
            ExternalName(each.name, each.is_result, True, each.tags) if isinstance(each, ExternalName) else each
            for each in list_alternatives(found)
        )
    )


def _own_getter(call: Call, scope: Scope, to: Follower) -> Value:
    """``os.__getattribute__('system')``."""
    owner = ExternalName(call.name.rpartition(".")[0], is_hidden=call.is_hidden)
    return _getter(Call("builtins.getattr", [owner, *call.args], {}, call.line), scope, to)


def _imported(call: Call, scope: Scope, to: Follower) -> Value:
    name = call.argument(0, "name")
    if not isinstance(name, Constant) or not isinstance(name.value, str):
        note(call, to)
        return Unknown(frozenset({"module", call.name}) | call.flows)
    text = name.value.replace(":", ".")
    hidden = call.is_hidden or name.provenance > Provenance.LITERAL
    if hidden:
        to.log.record(uses.HIDDEN, f"{name_resolution.normalize_name(text).name}.*", call.line, text)
    to.log.record(uses.CALL, f"{call.name}(constant)", call.line, text)
    to.log.record(uses.IMPORT, name_resolution.normalize_name(text).name, call.line)
    if text.startswith("."):
        return UNKNOWN
    is_top = call.name == "builtins.__import__" and call.argument(3, "fromlist") is None
    return name_resolution.normalize_name(text.partition(".")[0] if is_top else text, hidden)


def _evaluated(call: Call, scope: Scope, to: Follower) -> Value:
    """Code in text: where the text is known it is followed in its place."""
    text = call.argument(0, "source" if call.name.endswith("compile") else "object")
    is_run = call.name not in ("builtins.compile", "ast.parse")
    if isinstance(text, Constant) and isinstance(text.value, str | bytes):
        if text.provenance is Provenance.DECODED:
            to.log.record(uses.OF_DECODED, call.name, call.line, call.detail)
        elif is_run:
            is_plain = text.provenance is Provenance.LITERAL and not call.is_hidden
            name = f"{call.name}(constant)" if is_plain else call.name
            to.log.record(uses.HIDDEN if call.is_hidden else uses.CALL, name, call.line, call.detail)
        return _inner(text, call, scope, to) if is_run else text
    if not is_run and not call.flows & {"decoded", "network"}:
        to.log.record(uses.CALL, call.name, call.line)
    else:
        note(call, to)
    return Unknown(call.flows)


def _inner(text: Constant, call: Call, scope: Scope, to: Follower) -> Value:
    if to.in_text >= _TEXTS_IN_TEXTS:
        return UNKNOWN
    source = text.value.decode("utf-8", "replace") if isinstance(text.value, bytes) else str(text.value)
    body = parse_code_text(source.strip() if call.name == "builtins.eval" else source)
    if body is None:
        return UNKNOWN
    before = to.log.pin_line(call.line)
    to.in_text += 1
    try:
        if len(body) == 1 and isinstance(body[0], ast.Expr):
            return value_of(body[0].value, scope, to)
        to.statements(body, scope)
    finally:
        to.in_text -= 1
        to.log.pin_line(before)
    return UNKNOWN


def _setter(call: Call, scope: Scope, to: Follower) -> Value:
    if len(call.args) >= 3:
        name = call.args[1]
        text = name.value if isinstance(name, Constant) and isinstance(name.value, str) else ""
        for each in list_alternatives(call.args[0]):
            if isinstance(each, ExternalName) and not each.is_result:
                overwrite(name_resolution.resolve_attribute(each, text or "*"), call.args[2], call.line, to)
        if text:
            to.keep_attribute(text, call.args[2])
    return UNKNOWN


def overwrite(target: Value, value: Value, line: int, to: Follower) -> None:
    """Note that something of another module is given another value."""
    if isinstance(target, ExternalName):
        to.log.record(uses.OVERWRITE, f"{target.name}[=]", line)


def _through(call: Call, scope: Scope, to: Follower) -> Value:
    """What calls its first argument with the others, or makes something that will."""
    note(call, to)
    if not call.args:
        return UNKNOWN
    rest: list[Value] = list(call.args[1:])
    if call.name in ("builtins.map", "builtins.filter", "functools.reduce", "itertools.starmap"):
        rest = [
            name_resolution.resolve_item(each, Constant(0)) if isinstance(each, Container) else _first_of(each)
            for each in rest
        ]
        if call.name == "builtins.map" and len(call.args) == 2 and isinstance(call.args[1], Constant):
            return _mapped(call, scope, to)
    if call.name == "functools.partial":
        is_more = len(call.args) > 1 or call.by_name
        return PartialCall(call.args[0], tuple(call.args[1:]), tuple(call.by_name.items())) if is_more else call.args[0]
    if call.name == "functools.reduce" and len(call.args) > 2:
        return _reduced(call, scope, to)
    return apply(call.args[0], rest, {}, call.line, scope, to)


def _reduced(call: Call, scope: Scope, to: Follower) -> Value:
    """``reduce(getattr, ["path", "join"], os)``."""
    found = call.args[2]
    if not isinstance(call.args[1], Constant):
        to.tell_walk(found, call.line)
    for part in (constant_folding.iterate_constant(call.args[1]) or ()) if isinstance(call.args[1], Constant) else ():
        found = apply(call.args[0], [found, Constant(part, Provenance.COMPUTED)], {}, call.line, scope, to)
    return found


def _first_of(value: Value) -> Value:
    if isinstance(value, Constant) and isinstance(value.value, tuple | str) and value.value:
        return Constant(value.value[0], value.provenance)
    return value


def _mapped(call: Call, scope: Scope, to: Follower) -> Value:
    source = call.args[1]
    assert isinstance(source, Constant)
    to.step(constant_folding.measure_constant(source) >> 6)
    parts = tuple(source.value) if isinstance(source.value, str | bytes | tuple) else ()
    found = [
        apply(call.args[0], [Constant(each, source.provenance)], {}, call.line, scope, to) for each in parts[:4096]
    ]
    constants = [each for each in found if isinstance(each, Constant)]
    if constants and len(constants) == len(found):
        values = tuple(None if isinstance(each.value, tuple) else each.value for each in constants)
        return Constant(values, max(Provenance.COMPUTED, *(each.provenance for each in constants)))
    return Container(tuple(found)) if found else UNKNOWN


def _attrgetter(call: Call, scope: Scope, to: Follower) -> Value:
    """``operator.attrgetter('system')`` and ``methodcaller``: a function of one argument."""
    first = call.args[0] if call.args else UNKNOWN
    if isinstance(first, Constant) and isinstance(first.value, str):
        hidden = "!" if first.provenance > Provenance.LITERAL else ""
        return ExternalName(f"{call.name}>{hidden}{first.value}")
    note(call, to)
    return ExternalName(f"{call.name}>*")


def getter_applied(call: Call, scope: Scope, to: Follower) -> Value:
    """What a function that ``attrgetter`` or ``methodcaller`` made returns."""
    maker, _, path = call.name.partition(">")
    made = Provenance.COMPUTED if path.startswith("!") else Provenance.LITERAL
    found: Value = call.args[0] if call.args else UNKNOWN
    if path == "*":
        to.tell_walk(found, call.line)
        for each in list_alternatives(found):
            to.tell_computed(each, call.line)
        return UNKNOWN
    for step in path.removeprefix("!").split("."):
        found = _getter(Call("builtins.getattr", [found, Constant(step, made)], {}, call.line), scope, to)
    if maker.endswith("methodcaller"):
        return apply(found, [], {}, call.line, scope, to)
    _refer_to(found, call.line, to)
    return found


def _refer_to(found: Value, line: int, to: Follower) -> None:
    for each in list_alternatives(found):
        if isinstance(each, ExternalName):
            to.log.record(uses.HIDDEN if each.is_hidden else uses.REFERENCE, each.name, line)


def refer(base: Value, name: str, line: int, to: Follower) -> None:
    """Note that something takes an attribute without a dot between, as patterns do."""
    _refer_to(attribute(base, name, line, to), line, to)


@dataclass(frozen=True, slots=True)
class _Table:
    exact: Mapping[str, Callable[[Call, Scope, Follower], Value]] = field(default_factory=dict)

    def get(self, name: str) -> Callable[[Call, Scope, Follower], Value] | None:
        """Who follows calls of this name."""
        if ">" in name:
            return getter_applied
        found = self.exact.get(name)
        if found is None and name.endswith(".__getattribute__"):
            return _own_getter
        return found


_SPECIAL: Final = _Table(
    {name: _imported for name in name_tables.IMPORTERS}
    | {name: _evaluated for name in name_tables.EVALUATORS}
    | {name: _getter for name in name_tables.GETTERS}
    | {name: _through for name in ("builtins.map", "builtins.filter", "functools.reduce", "functools.partial",
                                   "itertools.starmap", "operator.call", "functools.partialmethod")}
    | {"builtins.dict": namespaces.mapping, "inspect.getmembers": namespaces.members,
       "builtins.next": namespaces.next_of,
       "inspect.getmembers_static": namespaces.members}
    | {name: namespaces.namespace for name in ("builtins.vars", "builtins.globals", "builtins.locals")}
    | {name: _attrgetter for name in ("operator.attrgetter", "operator.methodcaller")}
    | {"builtins.setattr": _setter, "builtins.object.__setattr__": _setter}
)  # fmt: skip
