"""Parse the grammar of a stream of Java objects, and claim its bytes.

Classes decide the layout: an object consists of the fields that the descriptions of its classes list, and of what the
methods of these classes wrote in blocks. Only objects that write themselves without blocks cannot be followed.
Source: Java Object Serialization Specification, 6.4 (grammar).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Final

from msgspec import Struct

from modelaudit.model.artifact import Window
from modelaudit.model.limits import MIB
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.bounds import KeptItems
from modelaudit.wire.cursor import Cursor
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.ledger import claim_parsed

_HEADER_BYTES: Final = 4
# The codes of contents (6.4.2).
_NULL: Final = 0x70
_REFERENCE: Final = 0x71
_CLASS_DESCRIPTION: Final = 0x72
_OBJECT: Final = 0x73
_STRING: Final = 0x74
_ARRAY: Final = 0x75
_CLASS: Final = 0x76
_BLOCK: Final = 0x77
_END_OF_BLOCKS: Final = 0x78
_RESET: Final = 0x79
_LONG_BLOCK: Final = 0x7A
_EXCEPTION: Final = 0x7B
_LONG_STRING: Final = 0x7C
_PROXY_DESCRIPTION: Final = 0x7D
_ENUM: Final = 0x7E
_FIRST_HANDLE: Final = 0x7E0000  # ``baseWireHandle``
# The flags of a class description.
_HAS_WRITE_METHOD: Final = 0x01
_IS_SERIALIZABLE: Final = 0x02
_IS_EXTERNALIZABLE: Final = 0x04
_WRITES_BLOCKS: Final = 0x08
# The first letter of the type of a field or item, if that is an array or an object.
_OBJECT_TYPES: Final = frozenset("[L")
# For each type of numbers: its width in bytes.
_WIDTHS: Final = {"B": 1, "C": 2, "D": 8, "F": 4, "I": 4, "J": 8, "S": 2, "Z": 1}
_MAX_CONTENTS: Final = 10_000_000
_MAX_DEPTH: Final = 50_000
_MAX_CLASSES: Final = 5_000
_MAX_DESCRIPTIONS: Final = 100_000  # a class may have several
_MAX_NAME_BYTES: Final = 16 * MIB  # of all descriptions

_Step = Generator[Any, Any, Any]
"""The parser of a part of the grammar. It yields the parsers of the parts inside it, and is sent the result of each."""


class _ClassDescription(Struct, frozen=True):
    """The layout of the part of an object that belongs to one class.

    Attributes:
        name: of the class.
        flags: how the class writes its objects.
        fields_bytes: the size of all fields that are numbers, which come first.
        object_count: the number of fields that are objects.
        parent: the description of the superclass; ``None`` if there is none.
    """

    name: str
    flags: int
    fields_bytes: int
    object_count: int
    parent: _ClassDescription | None


class StreamParser:
    """A parser of the contents, one after the other, which claims their bytes.

    Attributes:
        classes: the name of each class that the stream describes and of each interface of a proxy, with its offset in
            bytes.
    """

    def __init__(self, window: Window) -> None:
        self.classes: dict[str, int] = {}
        self._window = window
        self._cursor = Cursor(window, _HEADER_BYTES)
        # The class descriptions among the objects to which later contents can refer.
        self._handles: dict[int, _ClassDescription] = {}
        self._handle_count = 0
        self._kept_descriptions = KeptItems("class descriptions", _MAX_DESCRIPTIONS, _MAX_NAME_BYTES)
        self._content_count = 0
        self._parsers: dict[int, Callable[[], _Step]] = {
            _CLASS_DESCRIPTION: self._parse_class_description,
            _PROXY_DESCRIPTION: self._parse_proxy_description,
            _OBJECT: self._parse_object,
            _ARRAY: self._parse_array,
            _CLASS: self._parse_class,
            _ENUM: self._parse_enum,
            _EXCEPTION: self._parse_exception,
        }

    def parse(self) -> None:
        """Parse and claim contents up to the end, or up to a byte that begins none.

        Raises:
            DamagedError: a content breaks off, or contradicts the grammar.
            LimitReachedError: there are too many contents or classes, or they nest too deep.
            WindowError: the window could not return the requested bytes.
        """
        claim_parsed(self._window, 0, _HEADER_BYTES)
        try:
            while self._cursor.left and _NULL <= self._cursor.peek(1)[0] <= _ENUM:
                self._run(self._parse_content())
        finally:
            # The bytes before damage were parsed too.
            self._cursor.claim_consumed()

    def _run(self, first_step: _Step) -> None:
        """Run a step and the steps inside it on a list, not on the call stack, because objects nest without a bound."""
        waiting, result = [first_step], None
        while waiting:
            try:
                # The innermost step goes on with the result of the step that it has yielded.
                waiting.append(waiting[-1].send(result))
                result = None
            except StopIteration as end:
                waiting.pop()
                result = end.value
            if len(waiting) > _MAX_DEPTH:
                raise LimitReachedError(f"objects nest more than {_MAX_DEPTH} deep", self._cursor.offset)

    def _take_number(self, width: int) -> int:
        """Take an unsigned number of ``width`` bytes."""
        return int.from_bytes(self._cursor.take(width, "a number"), "big")

    def _take_name(self) -> str:
        """Take a name: its length in two bytes, and its bytes."""
        return self._cursor.take(self._take_number(2), "a name").decode("utf-8", "replace")

    def _record_class(self, name: str, offset: int) -> None:
        """Record the name of a class at ``offset`` once. Raises ``LimitReachedError`` if there are too many."""
        self._kept_descriptions.count(offset, len(name))
        if name not in self.classes and len(self.classes) >= _MAX_CLASSES:
            raise LimitReachedError(f"the stream names more than {_MAX_CLASSES} classes", offset)
        self.classes.setdefault(name, offset)

    def _skip_data(self, count: int) -> None:
        """Skip ``count`` bytes of an array, a text or a block, which are data."""
        self._cursor.skip_data(count, "an array or a text")

    def _add_handle(self) -> int:
        """Count one object that later contents can refer to, and return its handle."""
        handle = _FIRST_HANDLE + self._handle_count
        self._handle_count += 1
        return handle

    def _parse_content(self) -> _Step:
        """Parse one content. The result is the class description that the content is or refers to, else its code."""
        self._content_count += 1
        if self._content_count > _MAX_CONTENTS:
            raise LimitReachedError(f"the stream has more than {_MAX_CONTENTS} contents", self._cursor.offset)
        check_deadline()
        code = self._take_number(1)
        parse = self._parsers.get(code)
        if parse is not None:
            return (yield parse())
        if code == _REFERENCE:
            return self._handles.get(self._take_number(4), code)
        if code in (_STRING, _LONG_STRING):
            self._add_handle()
            self._skip_data(self._take_number(2 if code == _STRING else 8))
        elif code in (_BLOCK, _LONG_BLOCK):
            self._skip_data(self._take_number(1 if code == _BLOCK else 4))
        elif code == _RESET:
            self._handles.clear()
            self._handle_count = 0
        elif code not in (_NULL, _END_OF_BLOCKS):
            raise DamagedError(f"the type code {code} does not exist", self._cursor.offset - 1)
        return code

    def _parse_description(self) -> _Step:
        """Parse a class description, a reference to one, or none; its result is the description or ``None``."""
        offset = self._cursor.offset
        description = yield self._parse_content()
        if isinstance(description, _ClassDescription):
            return description
        if description != _NULL:
            raise DamagedError("there is no class description where one must be", offset)
        return None

    def _require_description(self) -> _Step:
        """Parse a class description that must be there."""
        description = yield self._parse_description()
        if description is None:
            raise DamagedError("an object has no class", self._cursor.offset)
        return description

    def _parse_class_description(self) -> _Step:
        """Parse the name, the fields, the annotation and the superclass of a class."""
        offset = self._cursor.offset
        name = self._take_name()
        self._record_class(name, offset)
        self._take_number(8)  # the version of the class
        handle = self._add_handle()
        flags, field_count = self._take_number(1), self._take_number(2)
        fields_bytes = object_count = 0
        for _ in range(field_count):
            type_ = chr(self._take_number(1))
            self._take_name()
            if type_ in _OBJECT_TYPES:
                object_count += 1
                yield self._parse_content()  # the name of the class as a text, or a reference to one
            elif type_ in _WIDTHS:
                fields_bytes += _WIDTHS[type_]
            else:
                raise DamagedError(f"a field has the unknown type {type_!r}", self._cursor.offset)
        parent = yield self._parse_annotation_and_parent()
        description = _ClassDescription(name, flags, fields_bytes, object_count, parent)
        self._handles[handle] = description
        return description

    def _parse_proxy_description(self) -> _Step:
        """Parse the names of the interfaces, the annotation and the superclass of a proxy."""
        self._kept_descriptions.count(self._cursor.offset)
        handle = self._add_handle()
        for _ in range(self._take_number(4)):
            offset = self._cursor.offset
            self._record_class(self._take_name(), offset)
        parent = yield self._parse_annotation_and_parent()
        description = _ClassDescription("", _IS_SERIALIZABLE, 0, 0, parent)
        self._handles[handle] = description
        return description

    def _parse_annotation_and_parent(self) -> _Step:
        """Parse the annotation and the superclass; the result is the description of the superclass, or ``None``."""
        yield self._parse_annotation()
        return (yield self._parse_description())

    def _parse_annotation(self) -> _Step:
        """Parse contents up to the end of the blocks, inclusive."""
        while (yield self._parse_content()) != _END_OF_BLOCKS:
            pass

    def _parse_object(self) -> _Step:
        """Parse the class of an object, and its data from the top of the hierarchy down."""
        description: _ClassDescription | None = yield self._require_description()
        self._add_handle()
        hierarchy: list[_ClassDescription] = []
        while description is not None:
            hierarchy.append(description)
            description = description.parent
            if len(hierarchy) > _MAX_CLASSES:
                raise LimitReachedError(f"a class has more than {_MAX_CLASSES} superclasses", self._cursor.offset)
        for class_ in reversed(hierarchy):
            if class_.flags & _IS_EXTERNALIZABLE:
                if not class_.flags & _WRITES_BLOCKS:
                    raise DamagedError("the content of an Externalizable object of the old protocol has no stated end",
                                       self._cursor.offset)  # fmt: skip
                yield self._parse_annotation()
            elif class_.flags & _IS_SERIALIZABLE:
                self._cursor.skip(class_.fields_bytes, "the fields of an object")
                for _ in range(class_.object_count):
                    yield self._parse_content()
                if class_.flags & _HAS_WRITE_METHOD:
                    yield self._parse_annotation()
        return _OBJECT

    def _parse_array(self) -> _Step:
        """Parse the class of an array, its length and its items."""
        description = yield self._require_description()
        self._add_handle()
        count = self._take_number(4)
        # The name of the class is ``[`` and the type of the items, such as ``[D`` or ``[Ljava.lang.String;``.
        item_type = description.name[1:2]
        if item_type in _WIDTHS:
            self._skip_data(count * _WIDTHS[item_type])
        elif item_type in _OBJECT_TYPES:
            for _ in range(count):
                yield self._parse_content()
        elif count:
            raise DamagedError(
                f"an array has the class {description.name[:80]!r}, which is not a class of arrays", self._cursor.offset
            )
        return _ARRAY

    def _parse_class(self) -> _Step:
        """Parse a class that is a value."""
        yield self._require_description()
        self._add_handle()
        return _CLASS

    def _parse_enum(self) -> _Step:
        """Parse the class and the name of a constant."""
        yield self._require_description()
        self._add_handle()
        yield self._parse_content()
        return _ENUM

    def _parse_exception(self) -> _Step:
        """Parse the exception that ended the writing. The numbers of handles start again before and after it."""
        self._handles.clear()
        self._handle_count = 0
        yield self._parse_content()
        self._handles.clear()
        self._handle_count = 0
        return _EXCEPTION
