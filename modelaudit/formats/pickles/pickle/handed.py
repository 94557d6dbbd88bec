"""Note which objects of a program get to code: by a call, by a state, by an item, or as a key that is hashed.

Loading an object whose class has no hooks only stores its state. Its other methods run if some code gets the object: a
function that converts its arguments, or a mapping that compares its keys. A container that such code holds may be
filled later, so that its later items count as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from modelaudit.formats.pickles.pickle.values import INERT_TYPES, Container, StackValue
from modelaudit.model.pickle import Act, CallResult, Handing, Name, Unknown, Value

HASHING: Final = Name("builtins", "hash")
"""The receiver of the keys of mappings and the items of sets."""
FILLING: Final = Unknown("code that holds a container")
"""The receiver of an item of a container that some code has got before."""
_UNSEEN: Final = Unknown("an item that was not kept")
_ANY: Final = Unknown("more objects than are kept")
_MOST_KEPT: Final = 5000


class HandedObjects:
    """The objects that the code of one program gets, by their makers.

    Attributes:
        handings: each combination once, in order; with ``_MOST_KEPT`` of them, the last stands for all others.
    """

    def __init__(self) -> None:
        self.handings: dict[Handing, None] = {}
        self._keys: set[tuple[int, Value, Name | Unknown]] = set()

    def record(self, act: Act, receiver: StackValue, values: Iterable[StackValue]) -> None:
        """Record that the code of a receiver gets values, with all that they hold."""
        makers: dict[Name | Unknown, None] = {}
        for value in values:
            if type(value) not in INERT_TYPES:
                _find_makers(value, makers)
        if not makers:
            return
        frozen: Value = receiver if isinstance(receiver, Name | CallResult | Unknown) else Unknown("a value")
        for maker in makers:
            key = (id(act), frozen, maker)  # the hash of a member of an enumeration takes a call in Python
            if key not in self._keys:
                self._keys.add(key)
                is_full = len(self.handings) >= _MOST_KEPT
                self.handings.setdefault(Handing(Act.CALL, _ANY, _ANY) if is_full else Handing(act, frozen, maker))

    def record_state(self, target: StackValue, state: StackValue) -> None:
        """Record that an object gets a state. A state other than a mapping may run more than the hook for states.

        The unpickler in Python asks an object for its truth and calls its ``items()``.
        """
        is_mapping = isinstance(state, Container) and state.type == "dict"
        self.record(Act.SET_STATE if is_mapping else Act.CALL, target, (state,))

    def record_own_items(self, target: StackValue, pairs: list[StackValue]) -> None:
        """Record items that an object sets by its own method; a mapping hashes their keys."""
        self.record(Act.SET_ITEM, HASHING, pairs[::2])
        self.record(Act.SET_ITEM, target, pairs)

    def record_items(self, container: Container, pairs: list[StackValue]) -> None:
        """Record items that are set in a mapping: their keys are hashed; ``pairs`` are keys and values in turn."""
        for key in pairs[::2]:
            if type(key) not in INERT_TYPES:
                self.record(Act.SET_ITEM, HASHING, (key,))
        if container.is_handed:
            self.record(Act.SET_ITEM, FILLING, pairs)

    def record_growth(self, container: Container, values: list[StackValue]) -> None:
        """Record values that are added to a list or a set, whose items are hashed."""
        if container.type != "list":
            self.record(Act.SET_ITEM, HASHING, values)
        if container.is_handed:
            self.record(Act.SET_ITEM, FILLING, values)


def _find_makers(value: StackValue, makers: dict[Name | Unknown, None]) -> None:
    """Add the maker of each object in a value and its containers, and mark these containers as handed."""
    if type(value) is CallResult:
        makers[value.maker] = None
        return
    waiting = [value]
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if type(value) is CallResult:
            makers[value.maker] = None
        elif type(value) is Unknown:
            makers[value] = None
        elif type(value) is Container and id(value) not in seen:
            seen.add(id(value))
            value.is_handed = True
            if value.has_dropped or value.is_forgotten:
                makers[_UNSEEN] = None
            for key, item in value.iterate_items():
                if type(item) not in INERT_TYPES:
                    waiting.append(item)
                if type(key) not in INERT_TYPES:
                    waiting.append(key)
