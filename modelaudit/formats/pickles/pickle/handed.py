"""Note which objects of a program get to code: by a call, by a state, by an item, or as a key that is hashed.

Loading an object whose class has no hooks only stores its state. Its other methods run if some code gets the object: a
function that converts its arguments, or a mapping that compares its keys. A container that such code holds may be
filled later, so that its later items count as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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

    def record(self, act: Act, receiver: StackValue, values: Iterable[StackValue]) -> None:
        """Record that the code of a receiver gets values, with all that they hold."""
        objects = [value for value in values if type(value) not in INERT_TYPES]
        if not objects:
            return
        frozen: Value = receiver if isinstance(receiver, Name | CallResult | Unknown) else Unknown("a value")
        for maker in _iterate_makers(objects):
            if len(self.handings) < _MOST_KEPT:
                self.handings.setdefault(Handing(act, frozen, maker))
            else:
                self.handings.setdefault(Handing(Act.CALL, _ANY, _ANY))

    def record_state(self, target: StackValue, state: StackValue) -> None:
        """Record that an object gets a state. One that is no mapping may run more than the hook for states."""
        is_mapping = isinstance(state, Container) and state.type == "dict"
        self.record(Act.SET_STATE if is_mapping else Act.SET_ITEM, target, (state,))

    def record_own_items(self, target: StackValue, pairs: list[StackValue]) -> None:
        """Record items that an object sets by its own method; a mapping hashes their keys."""
        self.record(Act.SET_ITEM, HASHING, pairs[::2])
        self.record(Act.SET_ITEM, target, pairs)

    def record_items(self, container: Container, pairs: list[StackValue]) -> None:
        """Record items that are set in a mapping: their keys are hashed; ``pairs`` are keys and values in turn."""
        self.record(Act.SET_ITEM, HASHING, pairs[::2])
        if container.is_handed:
            self.record(Act.SET_ITEM, FILLING, pairs)

    def record_growth(self, container: Container, values: list[StackValue]) -> None:
        """Record values that are added to a list or a set, whose items are hashed."""
        if container.type != "list":
            self.record(Act.SET_ITEM, HASHING, values)
        if container.is_handed:
            self.record(Act.SET_ITEM, FILLING, values)


def _iterate_makers(values: Iterable[StackValue]) -> Iterator[Name | Unknown]:
    """Yield the maker of each object among values and in their containers, and mark these containers as handed."""
    waiting = list(values)
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if type(value) is CallResult:
            yield value.maker
        elif type(value) is Unknown:
            yield value
        elif type(value) is Container and id(value) not in seen:
            seen.add(id(value))
            value.is_handed = True
            if value.has_dropped or value.is_forgotten:
                yield _UNSEEN
            for key, item in value.iterate_items():
                waiting += [each for each in (key, item) if type(each) not in INERT_TYPES]
