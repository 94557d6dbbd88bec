"""Find the attributes that a state sets on an object: those with values that can act, and those that are unknown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.formats.pickles.pickle.special_keys import (
    ALL_ATTRIBUTES,
    DECIDING_KEYS,
    MEMORY_VIEWS,
    RUN_AS_SOURCE,
    SPECIAL_KEYS,
    STATE_READ_WHOLE,
)
from modelaudit.formats.pickles.pickle.values import (
    ACTING_TYPES,
    INERT_TYPES,
    Container,
    StackValue,
    TruncatedConstant,
    format_key,
    freeze_attribute,
)
from modelaudit.model.pickle import CallResult, Name, PlainValue, Unknown, Value

_PAIR_LENGTH: Final = 2
_BUFFERS: Final = {
    Name(module, kind): place for module in ("io", "_io") for kind, place in (("BytesIO", 2), ("StringIO", 3))
}
"""Buffers in memory, and the place of the mapping of attributes in their state (``Modules/_io/bytesio.c``)."""
_CALLED_BY_OPCODES: Final = frozenset({"append", "extend", "add"})
_MAKERS_WITH_PAIRS: Final = ("__pyx_unpickle_", "__bit_generator_ctor")
_MAKERS_OF_ARRAYS: Final = frozenset(
    {
        Name("numpy", "ndarray"),  # what an array of joblib counts as
        Name("numpy.core.multiarray", "_reconstruct"),
        Name("numpy._core.multiarray", "_reconstruct"),
        Name("numpy.core.numeric", "_frombuffer"),
        Name("numpy._core.numeric", "_frombuffer"),
    }
)


def find_acting_attributes(state: StackValue) -> tuple[tuple[str, Value], ...]:
    """Return (name, value) of the attributes that a state sets to values that can act.

    The state is a mapping, or a tuple with mappings in it (one for ``__dict__``, one for the slots). No attribute is
    left out for brevity: rules judge these, so they must not depend on the bounds of what a report shows.
    """
    if not isinstance(state, Container):
        # An empty name is for the state as a whole.
        return (("", freeze_attribute(state)),) if type(state) in ACTING_TYPES else ()
    if state.type == "dict" and not state.acting_items and _has_only_usual_keys(state):
        return ()  # nearly all states; a large pickle has millions of them
    attributes: list[tuple[str, Value]] = []
    for container, key, value in _iterate_state_items(state):
        is_mapping = container.type == "dict"
        # A computed key may become any of the special ones when the file is loaded.
        is_special = is_mapping and (key in MEMORY_VIEWS or key in DECIDING_KEYS or type(key) not in INERT_TYPES)
        if is_mapping and key in RUN_AS_SOURCE and type(value) is str:
            attributes.append((format_key(key), PlainValue(value)))  # whole, because this text is judged as source
        elif type(value) in ACTING_TYPES or is_special:
            attributes.append((format_key(key), freeze_attribute(value)))
    return tuple(attributes)


def find_attributes(owner: StackValue, state: StackValue) -> tuple[tuple[str, Value], ...]:
    """Return (name, value) of the attributes that BUILD sets on ``owner`` and that rules judge.

    They are those with values that can act, or all of an object of a class in ``STATE_READ_WHOLE``. An empty name is
    for a part of the state that only loading makes.
    """
    acting = find_acting_attributes(state)
    maker = owner.maker if type(owner) is CallResult else None
    if type(state) is Container and state.type == "tuple" and not _has_own_pairs(maker):
        acting = (*(("", freeze_attribute(part)) for part in _find_computed_parts(maker, state)), *acting)
    if type(maker) is not Name or STATE_READ_WHOLE.get(maker.qualname) != maker.module:
        return acting
    if not isinstance(state, Container) or state.type != "dict" or state.has_unseen_items:
        return acting
    own = [(format_key(key), freeze_attribute(value)) for key, value in state.iterate_items()]
    return tuple(dict.fromkeys([*own, *acting]))


def find_called_items(pairs: Sequence[StackValue]) -> list[StackValue]:
    """Return the keys and values in turn of the items that Python or an opcode may call as attributes of an object.

    Args:
        pairs: keys and values in turn.
    """
    called: list[StackValue] = []
    for key, value in zip(pairs[::2], pairs[1::2], strict=False):
        if type(value) in ACTING_TYPES and (type(key) not in INERT_TYPES or _may_be_called(key)):
            called += (key, value)
    return called


def _may_be_called(key: StackValue) -> bool:
    """Whether a constant is the name of a method that Python or an opcode calls by itself."""
    return type(key) is TruncatedConstant or (type(key) is str and (key.startswith("__") or key in _CALLED_BY_OPCODES))


def _has_own_pairs(maker: object) -> bool:
    """Whether a function makes objects of a compiled class that sets its own state, which may be a pair."""
    return type(maker) is Name and maker.qualname.startswith(_MAKERS_WITH_PAIRS)


def _find_computed_parts(maker: object, state: Container) -> list[StackValue]:
    """Return the mappings of attributes in a tuple that only loading makes.

    A loader takes the parts of a pair for the attributes of an object and for those with slots. It raises if one of
    them is neither a mapping nor false. Buffers in memory have a mapping of attributes as the last part of their own
    tuple. The text or bytes before it may be the result of a call, as ``_codecs.encode`` makes bytes in protocol 2.
    """
    is_pair = state.size == _PAIR_LENGTH
    place = _BUFFERS.get(maker) if type(maker) is Name else None
    parts = [part for _, part in state.iterate_items()] if is_pair or place is not None else []
    if place is not None and state.size == len(parts) == place + 1:
        parts = parts[place:]
    if is_pair and not all(_may_be_mapping(part) for part in parts):
        return []
    return [part for part in parts if type(part) in (CallResult, Unknown)]


def _may_be_mapping(part: StackValue) -> bool:
    """Whether a loader may read attributes from a part of a state, or pass over it."""
    if type(part) is CallResult:
        return part.maker not in _MAKERS_OF_ARRAYS
    if type(part) is Container:
        return part.type == "dict" or part.size == 0
    return type(part) is Unknown or type(part) is Name or not part


def _has_only_usual_keys(state: Container) -> bool:
    """Whether the keys of all kept entries of a mapping are texts that are not special."""
    for entry in state.entries:
        key = entry[0]  # type: ignore[index]
        if type(key) is not str or key in SPECIAL_KEYS:
            return False
    return True


def _iterate_state_items(state: Container) -> Iterator[tuple[Container, StackValue, StackValue]]:
    """Yield (container, key, value) of the items of a state, with those of the mappings in it in their places.

    These mappings are the value of ``__dict__``, at any depth, and the entries of a tuple.
    """
    # A container that is reached again adds nothing new; it may contain itself.
    visited = {id(state)}
    # A list in place of recursion, because a file can nest mappings deeper than Python recurses.
    open_containers = [(state, state.iterate_items())]
    while open_containers:
        container, items = open_containers[-1]
        item = next(items, None)
        if item is None:
            open_containers.pop()
            continue
        key, value = item
        has_attributes = key == ALL_ATTRIBUTES or container.type == "tuple"
        if not isinstance(value, Container) or not has_attributes:
            yield container, key, value
        elif id(value) not in visited and (key == ALL_ATTRIBUTES or value.type == "dict"):
            visited.add(id(value))
            open_containers.append((value, value.iterate_items()))
