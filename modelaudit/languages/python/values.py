"""Values of the evaluator: the constants, names and definitions that an expression may stand for.

A value is an abstraction. ``Alternatives`` holds several where the evaluator cannot choose, ``Unknown`` stands for
anything, and tags on a value name the sources that it came from.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from msgspec import Struct

from modelaudit.model.copies import replace

PlainValue = str | bytes | int | float | bool | None
"""A constant of Python that has no parts."""

MAX_ALTERNATIVES: Final = 8
_MAX_TAGGED_ITEMS: Final = 64


class Provenance(IntEnum):
    """How a constant came about. A higher number hides more from a search of the source."""

    LITERAL = 0
    COMPUTED = 1
    """Computed from other constants: joined, sliced, reversed, formatted."""
    DECODED = 2
    """Decoded from base64, hexadecimal digits, a compressed stream and the like."""


class Constant(Struct, frozen=True):
    """A known value. Every sequence is a tuple of values without parts, whatever its type was.

    Attributes:
        is_open: whether the source may have changed the value since, or the list that it was taken from. What is known
            of it is evidence, and the value may be any other as well.
        is_tuple: whether it is a sequence that nothing changes.
    """

    value: PlainValue | tuple[PlainValue, ...]
    provenance: Provenance = Provenance.LITERAL
    is_open: bool = False
    is_tuple: bool = False


class ExternalName(Struct, frozen=True):
    """Something of another module by its full dotted name, or the result of a call of it, or an attribute of that.

    Attributes:
        is_result: whether it is, or belongs to, the result of a call; ``socket.socket`` is a socket then.
        is_hidden: whether the source computes the name, so that a search of the source does not find it.
        tags: what flowed into it, see ``Unknown``.
        text: what is known of the text that it is, see ``Unknown``.
        is_returned: whether it is the very object that a call of ``name`` returned, and no attribute of it.
    """

    name: str
    is_result: bool = False
    is_hidden: bool = False
    tags: frozenset[str] = frozenset()
    text: str = ""
    is_returned: bool = False


class LocalDefinition(Struct, frozen=True):
    """A function or class of the source, by the number of its definition; ``is_result`` for an object of the class."""

    number: int
    is_result: bool = False


class Container(Struct, frozen=True):
    """A list, tuple or mapping with items that are not constants.

    For a mapping, ``keys`` is as long as ``values``, with ``None`` for an unknown key. For a list or tuple, and for a
    mapping without a known key, it is empty. For ``is_open`` and ``is_tuple`` see ``Constant``.
    """

    values: tuple[Value, ...]
    keys: tuple[PlainValue | tuple[PlainValue, ...], ...] = ()
    is_open: bool = False
    is_tuple: bool = False


class PartialCall(Struct, frozen=True):
    """A callable with some arguments bound already, as by ``functools.partial``."""

    callee: Value
    args: tuple[Value, ...] = ()
    keywords: tuple[tuple[str, Value], ...] = ()


class Alternatives(Struct, frozen=True):
    """One of several values."""

    values: tuple[Value, ...]


class Unknown(Struct, frozen=True):
    """Any value at all.

    Attributes:
        tags: the sources of the value: ``network`` and ``hub`` (fetched), ``file`` (read), ``data-file`` (read from a
            file not named as a configuration), ``decoded``, ``secret``, ``module`` (some module), ``computed``
            (some name of it), ``rebound`` (bound to a name of the module at some time), ``installed`` (a place of
            installed packages), ``code-path`` (a path that ends like code), those of ``walks``, ``foreign`` (a client
            of an address in the source), and ``variable:NAME`` (the environment variable that a secret was read from).
        text: what is known of a text or path, with ``…`` for each part that is not; empty if nothing is known.
    """

    tags: frozenset[str] = frozenset()
    text: str = ""


CallableValue = ExternalName | LocalDefinition | PartialCall
"""The values whose call the evaluator resolves."""

TaggedValue = Unknown | ExternalName
"""The values that carry tags, and what is known of a text."""

Value = Constant | CallableValue | Container | Alternatives | Unknown

UNKNOWN: Final = Unknown()


STEP: Final = "step"
"""The tag of what a computed name took from an object of unknown class; also the beginning of tags for its place."""
BLIND: Final = "blind"
"""The tag of what two or more such steps reached."""
_NO_TAGS: Final[frozenset[str]] = frozenset()
_DECODED_TAG: Final = frozenset({"decoded"})
_WALK_TAGS: Final = frozenset({"object", "namespace", "picked", BLIND})
_FOUND_TAGS: Final = _WALK_TAGS | {"module"}
_SENSITIVE_TAGS: Final = _FOUND_TAGS | {"secret", STEP}


def is_found(value: Value) -> bool:
    """Whether one value is an object that a walk has found, and whose call is worth following."""
    return isinstance(value, Unknown) and not _WALK_TAGS.isdisjoint(value.tags)


def is_sensitive(value: Value) -> bool:
    """Whether one value is some module, an object that a walk or a computed name has found, or holds a secret."""
    return isinstance(value, Unknown | Container) and not _SENSITIVE_TAGS.isdisjoint(collect_tags(value))


def leads_to_modules(value: Value) -> bool:
    """Whether one value is, or holds, some module or an object that a walk has found, and no secret."""
    tags = collect_tags(value) if isinstance(value, Unknown | Container) else _NO_TAGS
    return "secret" not in tags and not _FOUND_TAGS.isdisjoint(tags)


def may_be_called(value: Value) -> bool:
    """Whether a call of one value, or of an item of it, is worth following."""
    return is_found(value) or isinstance(value, CallableValue | Container)


def list_alternatives(value: Value) -> tuple[Value, ...]:
    """List each value that ``value`` may be."""
    return value.values if isinstance(value, Alternatives) else (value,)


def collect_tags(value: Value, depth: int = 4) -> frozenset[str]:
    """Collect the tags of a value and of its items, ``depth`` levels down.

    A constant has the tag ``decoded`` if its provenance is ``Provenance.DECODED``, and no other.
    """
    if isinstance(value, TaggedValue):
        return value.tags
    if isinstance(value, Constant):
        return _DECODED_TAG if value.provenance is Provenance.DECODED else _NO_TAGS
    if depth and isinstance(value, Container):
        return frozenset().union(*(collect_tags(each, depth - 1) for each in value.values[:_MAX_TAGGED_ITEMS]))
    if depth and isinstance(value, Alternatives):
        return frozenset().union(*(collect_tags(each, depth - 1) for each in value.values))
    return _NO_TAGS


def list_steps(tags: frozenset[str]) -> frozenset[str]:
    """Return those tags that steps leave by computed names."""
    if STEP not in tags:
        return _NO_TAGS
    return frozenset(each for each in tags if each.startswith(STEP) or each == BLIND)


def join_values(*values: Value) -> Value:
    """Join several values into one that may be any of them.

    At most ``MAX_ALTERNATIVES`` known values are kept, because each multiplies the work of whatever uses the result.
    Unknown values become one with the tags of all; without tags it is left out beside a known value.
    """
    if len(values) == 1:
        return values[0]
    # Large values are compared by identity: comparing their contents would cost time with each join.
    distinct: dict[object, Value] = {}
    for value in values:
        for each in list_alternatives(value):
            is_large = isinstance(each, Container | PartialCall) or (
                isinstance(each, Constant) and isinstance(each.value, tuple)
            )
            distinct.setdefault(id(each) if is_large else each, each)
    alternatives = list(distinct.values())
    if len(alternatives) == 1:
        return alternatives[0]
    known: list[Value] = [each for each in alternatives if not isinstance(each, Unknown)]
    if any(isinstance(each, Constant) for each in known[MAX_ALTERNATIVES:]):
        # One of the constants that are left out may be the value.
        known = [open_constant(each) for each in known]
    known = known[:MAX_ALTERNATIVES]
    unknown_tags = frozenset().union(*(each.tags for each in alternatives if isinstance(each, Unknown)))
    unknown_text = next((each.text for each in alternatives if isinstance(each, Unknown) and each.text), "")
    if not known:
        return Unknown(unknown_tags, unknown_text)
    if unknown_tags or unknown_text:
        return Alternatives((*known, Unknown(unknown_tags, unknown_text)))
    return known[0] if len(known) == 1 else Alternatives(tuple(known))


def join_choices(*values: Value) -> Value:
    """Join the values between which an expression or a branch chooses, as ``join_values`` does.

    Beside a known text, a value without tags stays, because it may be another text: ``getattr(os, name or "path")``.
    """
    joined = join_values(*values)
    kept = list_alternatives(joined)
    is_dropped = any(map(is_open, values)) and not is_open(joined)
    return Alternatives((*kept, UNKNOWN)) if is_dropped and any(map(holds_text, kept)) else joined


def keep_constants(value: Value, earlier: Iterable[Value]) -> Value:
    """Return the value of a name with the constants that it may still hold from before as alternatives."""
    values = tuple(earlier)
    is_constant = all(isinstance(each, Constant) for each in list_alternatives(value))
    held = [each for before in values for each in list_alternatives(before) if isinstance(each, Constant)]
    # Beside a callable, ``None`` and the like only say that it was not set yet.
    constants = held if is_constant else [each for each in held if isinstance(each.value, str) and each.value]
    joined = join_choices(value, *constants)
    if not any(map(is_open, values)):
        return joined
    return join_choices(joined, Unknown(list_steps(_NO_TAGS.union(*map(collect_tags, values)))))


def is_open_constant(value: Value) -> bool:
    """Whether one value is a constant that may be another one as well."""
    return isinstance(value, Constant) and value.is_open


def open_constant(value: Value) -> Value:
    """Mark what is known of a value as open: it comes from where the source may have put another one."""
    if isinstance(value, Constant | Container):
        return value if value.is_open else replace(value, is_open=True)
    if isinstance(value, Alternatives):
        return Alternatives(tuple(map(open_constant, value.values)))
    return value


def keep_open(result: Constant | None, *parts: Value) -> Constant | None:
    """Mark what was computed from ``parts`` as open if one of them is."""
    if result is None or result.is_open or not any(map(is_open_constant, parts)):
        return result
    return replace(result, is_open=True)


def spread_open(value: Value) -> Value:
    """Return a value with the alternative that it is unknown beside each open constant, which is open no longer."""
    if not any(map(is_open_constant, list_alternatives(value))):
        return value
    closed = (replace(each, is_open=False) if isinstance(each, Constant) else each for each in list_alternatives(value))
    kept = list_alternatives(join_values(*closed))
    return Alternatives((*kept, UNKNOWN)) if not any(isinstance(each, Unknown) for each in kept) else Alternatives(kept)


def is_open(value: Value) -> bool:
    """Whether a value may be any value at all, alone or beside known ones."""
    return any(isinstance(each, Unknown) for each in list_alternatives(value))


def holds_text(value: Value) -> bool:
    """Whether one value is a known text, or a list or mapping that holds one."""
    if isinstance(value, Alternatives):
        return any(map(holds_text, value.values))
    if isinstance(value, Container):
        return any(is_text(each) for item in value.values[:_MAX_TAGGED_ITEMS] for each in list_alternatives(item))
    return isinstance(value, Constant) and isinstance(value.value, str | bytes | tuple)


def is_text(value: Value) -> bool:
    """Whether one value is a known text, or bytes that may become one."""
    return isinstance(value, Constant) and isinstance(value.value, str | bytes)


def merge_binding(old: Value | None, new: Value) -> Value:
    """Return the value of a name after ``new`` is assigned to it.

    A new constant replaces an old one, since texts are computed step by step. Old callables stay beside the new value:
    a function may be called before or after the name is bound to another one.
    """
    if old is None or (isinstance(new, Constant) and isinstance(old, Constant)):
        return new
    callables = [each for each in list_alternatives(old) if may_be_called(each)]
    return join_values(new, *callables)
