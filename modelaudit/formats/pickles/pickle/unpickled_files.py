"""Follow the mappings of constants that a class may unpickle while the state of its object is set.

``CodeGenMixin.__setstate__`` of e3nn takes ``__codegen__`` out of the state: a mapping of a name to a kind and bytes,
which ``pickle.loads`` or ``torch.jit.load`` reads. A file may share such a mapping and change it before or after it
becomes part of a state. So every mapping that the program sets under such a key counts, with every item that it ever
gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from modelaudit.formats.pickles.pickle.values import ACTING_TYPES, Container, PlainStretch, StackValue
from modelaudit.model.pickle import CallResult, Embedded, Name, Unknown, UnpickledFile, UnpickledFiles

_MOST_MAPPINGS: Final = 2000
_MOST_STATES: Final = 2000
_LONGEST_NAME: Final = 200  # characters of the name of a part
_PAIR: Final = 2


def is_followed(key: StackValue) -> bool:
    """Whether the items under a key are followed: it has the form ``__name__``."""
    return type(key) is str and key.startswith("__") and key.endswith("__")


class UnpickledFileTracker:
    """The mappings that one program sets under keys of the form ``__name__``, and the states that may hide one."""

    def __init__(self) -> None:
        self.states: dict[Name | Unknown, str] = {}
        self.obstacles: dict[tuple[str, str], None] = {}
        self._values: list[tuple[str, StackValue]] = []

    @property
    def has_mappings(self) -> bool:
        """Whether a mapping was set under a key of the form ``__name__``."""
        return bool(self._values)

    def record_item(self, target: StackValue, key: StackValue, value: StackValue) -> None:
        """Record an item that an opcode sets on a mapping.

        An object that has items, such as an ``OrderedDict``, is neither a plain state nor a mapping of constants.
        """
        if type(target) is Container and value is not None and is_followed(key):
            self._record_value(key, value)  # type: ignore[arg-type]

    def record_skipped_items(self) -> None:
        """Record that an opcode sets items whose keys are not known."""
        self.obstacles["", "an opcode sets plain data and other items together"] = None

    def _record_value(self, key: str, value: StackValue) -> None:
        """Record a value under a key."""
        if type(value) is not Container or value.type != "dict":
            if len(self.obstacles) < _MOST_MAPPINGS:
                self.obstacles[key, f"the value of {key} is not a plain mapping"] = None
            else:
                self.obstacles["", f"mappings hold more than {_MOST_MAPPINGS} keys of the form __name__"] = None
        elif len(self._values) < _MOST_MAPPINGS:
            self._values.append((key, value))
        else:
            self.obstacles["", f"more than {_MOST_MAPPINGS} mappings have keys of the form __name__"] = None

    def record_state(self, target: StackValue, state: StackValue) -> None:
        """Record the maker of an object whose state may hold a key that is not seen."""
        if type(target) is not CallResult or target.maker in self.states:
            return
        reason = _explain_state(state)
        if reason and type(state) is Container and state.type == "dict":
            # A function may have returned an object of another class than its own.
            self.obstacles["", reason] = None
        if reason and len(self.states) < _MOST_STATES:
            self.states[target.maker] = reason
        elif reason:
            self.obstacles["", f"objects of more than {_MOST_STATES} classes have a state that is not read"] = None

    def list_files(self) -> dict[tuple[str, str, Embedded], None]:
        """Return (key, kind, constant) of each file; record an obstacle for each mapping that is not read in full."""
        files: dict[tuple[str, str, Embedded], None] = {}
        for key, mapping in self._values:
            if isinstance(mapping, Container):
                reason = _read_mapping(key, mapping, files)
                if reason:
                    self.obstacles[key, reason] = None
        return files


def _explain_state(state: StackValue) -> str:
    """Return why a state may hold a key that is not seen; empty if each of its keys is a constant that was seen."""
    if type(state) is not Container or state.type != "dict":
        return "the state is not a plain mapping"
    if state.is_forgotten or state.has_dropped or state.unseen:
        return "the state has items that were not kept"
    for items in (state.entries, state.acting_items):
        for item in items:
            kind = type(item[0])  # type: ignore[index]
            if kind is not str and (kind in ACTING_TYPES or kind is PlainStretch):
                return "the state has a computed key"
    return ""


def _read_mapping(key: str, mapping: Container, files: dict[tuple[str, str, Embedded], None]) -> str:
    """Add the files in a mapping to ``files``; return why it holds anything else, or empty."""
    items = list(mapping.iterate_items())
    if mapping.is_forgotten or mapping.has_dropped or mapping.unseen or len(items) != mapping.size:
        return f"{key} has items that were not kept"
    names = [name for name, _ in items]
    for name, value in items:
        # A name becomes an attribute of the object.
        if type(name) is not str or len(name) > _LONGEST_NAME or name.startswith("__"):
            return f"a name in {key} is not the name of a part"
        if type(value) is not Container or value.type != "tuple" or value.size != _PAIR or value.is_forgotten:
            return f"an item of {key} is not a pair of a kind and bytes"
        kind, constant = value.entries
        if type(kind) is not str or type(constant) is not Embedded or constant.form != "bytes":
            return f"an item of {key} is not a pair of a kind and a constant of bytes that begins like a file"
        files[key, kind, constant] = None
    return "" if len(set(names)) == len(names) else f"{key} has the same name twice"


class UnpickledFileCollection:
    """The files that the pickles which follow one another in an artifact hold for a class to unpickle."""

    def __init__(self) -> None:
        self._files: dict[tuple[str, str, Embedded], None] = {}
        self._obstacles: dict[tuple[str, str], None] = {}
        self._states: dict[tuple[Name | Unknown, str], None] = {}

    def add(self, tracker: UnpickledFileTracker, *, has_other_reading: bool) -> None:
        """Add those of one pickle; ``has_other_reading`` if another loader executes other opcodes of its bytes."""
        self._files |= tracker.list_files()
        self._obstacles |= tracker.obstacles
        self._states |= dict.fromkeys(tracker.states.items())
        if has_other_reading:
            self._obstacles["", "another loader reads other opcodes of this pickle"] = None

    def build(self, formats: Mapping[int, str]) -> UnpickledFiles:
        """Return them all; ``formats`` has the format of each constant that is a file itself, by offset."""
        files = {
            UnpickledFile(key, kind, formats.get(constant.offset, "")): None for key, kind, constant in self._files
        }
        return UnpickledFiles(tuple(files), tuple(self._obstacles), tuple(self._states))
