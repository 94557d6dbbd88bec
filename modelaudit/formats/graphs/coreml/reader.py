"""Models of Core ML: layers and programs, classes that an app has to bring along, models and weights in other files.

Source: https://apple.github.io/coremltools/mlmodel/ (Model, NeuralNetwork, CustomModel, LinkedModel, MIL), and
mlmodel/src/MILBlob/Blob/StorageFormat.hpp in https://github.com/apple/coremltools
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from modelaudit.formats.pickles.pickle.search import SEARCH
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.protobuf import BYTES, VARINT, Field, Message

FORMAT: Final = "coreml"
_FIRST: Final = 24
_NAME: Final = 512
_MOST: Final = 1_000_000
_MOST_FILES: Final = 1000
_MODEL_PATH: Final = "@model_path/"
_SENTINEL: Final = (0xDEADBEEF).to_bytes(4, "little")
_ALIGNMENT: Final = 64
# The numbers of all kinds of model that the schema knows.
_KINDS: Final = frozenset(
    {200, 201, 202, 300, 301, 302, 303, 304, 400, 401, 402, 403, 404, 500, 501, 502, 555, 556, 560, 600, 601, 602, 603}
    | {604, 606, 607, 609, 610, 900, 2000, 2001, 2002, 2003, 2004, 2005, 2006, 3000}
)


def recognises(head: Head) -> bool:
    """A version, a description of which each part is a message, and one kind of model."""
    if head.content is not None or not head.data.startswith((b"\x08", b"\x12")):
        return False
    told: set[tuple[int, int]] = set()
    with suppress(DamagedError, WindowError):  # what stands before damage tells
        told.update((each.number, each.wire) for each in islice(Message.from_window(head.window).fields(), _FIRST))
    known = {(1, VARINT), (2, BYTES), (10, VARINT), *((kind, BYTES) for kind in _KINDS)}
    return (1, VARINT) in told and any(number in _KINDS for number, _ in told) and told <= known


@dataclass(slots=True)
class _Found:
    """What a model names, each once with its first place."""

    depth: int
    count: int = 0
    mentions: dict[tuple[str, str], int] = field(default_factory=dict)
    linked: dict[str, int] = field(default_factory=dict)
    needs: dict[str, int] = field(default_factory=dict)

    def model(self, message: Message, depth: int = 0) -> None:
        """Read one Model, with those within it. Raises ``DamagedError``, ``LimitReachedError`` and ``WindowError``."""
        self._deeper(depth, message)
        for each in message.fields():
            if each.wire == BYTES:
                self._kind(each, depth + 1)

    def _kind(self, each: Field, depth: int) -> None:
        match each.number:
            case 303 | 403 | 500:
                self._network(each.body, depth)
            case 200 | 201:
                for part in _below(each.body, 1):
                    self._pipeline(part, depth)
            case 202:
                self._pipeline(each.body, depth)
            case 502:
                self._program(each.body, depth)
            case 555:
                self._class(each.body, "custom-model", each.offset)
            case 556:
                self._linked(each.body, each.offset)
            case 3000:
                self._name("serialized-model", _text(each.body, 1), each.offset)

    def _pipeline(self, message: Message, depth: int) -> None:
        for inner in _below(message, 1):
            self.model(inner, depth)

    def _network(self, message: Message, depth: int) -> None:
        self._deeper(depth, message)
        for layer in _below(message, 1):
            self._one(layer.start)
            for each in layer.fields():
                if each.wire != BYTES:
                    continue
                if each.number == 500:
                    self._class(each.body, "custom-layer", each.offset)
                elif each.number in (605, 615):
                    for part in each.body.fields():
                        if part.wire == BYTES and part.number in ((1, 2) if each.number == 605 else (3, 4)):
                            self._network(part.body, depth + 1)

    def _class(self, message: Message, use: str, offset: int) -> None:
        self._name(use, _text(message, 10), offset)

    def _linked(self, message: Message, offset: int) -> None:
        for file in _below(message, 1):
            for name in _below(file, 1):
                self.linked.setdefault(_text(name, 1), offset)

    def _program(self, message: Message, depth: int) -> None:
        for function in _below(message, 2):
            for value in _below(function, 2):
                for special in _below(value, 3):
                    for block in _below(special, 2):
                        self._block(block, depth)

    def _block(self, message: Message, depth: int) -> None:
        self._deeper(depth, message)
        for operation in _below(message, 3):
            self._one(operation.start)
            for each in operation.fields():
                if each.wire != BYTES:
                    continue
                if each.number == 1:
                    self._name("operator", each.body.text(_NAME), each.offset)
                elif each.number == 4:
                    self._block(each.body, depth + 1)
                elif each.number == 2:
                    self._arguments(each.body)
                elif each.number == 5:
                    self._values(_below(each.body, 2))

    def _arguments(self, message: Message) -> None:
        """The values that one named input of an operation is given."""
        for argument in _below(message, 2):
            for binding in _below(argument, 1):
                self._values(_below(binding, 2))

    def _values(self, values: Iterator[Message]) -> None:
        for value in values:
            for blob in _below(value, 5):
                name = _text(blob, 1)
                needs = next((each.value for each in blob.fields() if each.number == 2 and each.wire == VARINT), 0)
                target = name.removeprefix(_MODEL_PATH)
                self.needs[target] = max(self.needs.get(target, 0), needs + _ALIGNMENT)
                if len(self.needs) > _MOST_FILES or needs >> 63:
                    raise LimitReachedError("it names more weights than there can be", blob.start)

    def _name(self, use: str, name: str, offset: int) -> None:
        self.mentions.setdefault((use, name), offset)

    def _one(self, offset: int) -> None:
        self.count += 1
        if self.count > _MOST:
            raise LimitReachedError(f"it holds more than {_MOST} layers", offset)

    def _deeper(self, depth: int, message: Message) -> None:
        if depth > self.depth:
            raise LimitReachedError(f"models and blocks nest more than {self.depth} deep", message.start)


def _below(message: Message, number: int) -> Iterator[Message]:
    return (each.body for each in message.fields() if each.number == number and each.wire == BYTES)


def _text(message: Message, number: int) -> str:
    """The text of a field, of which the last counts."""
    text = ""
    for body in _below(message, number):
        text = body.text(_NAME)
    return text


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the classes, operators and files that a model names.

    Raises:
        DamagedError: the message breaks off.
        LimitReachedError: it nests too deep, or holds too much.
    """
    found = _Found(limits.depth * 4)
    failure: DamagedError | WindowError | None = None
    try:
        found.model(Message.from_window(window))
    except (DamagedError, WindowError) as error:
        failure = error
    mentions = tuple(
        Mention(FORMAT, use, name, Location(offset=offset)) for (use, name), offset in found.mentions.items()
    )
    yield Outline(FORMAT, mentions, (("layers", str(found.count)),))
    linked = (
        Reference(ReferenceKind.MODEL, target, "linked model", where=Location(offset=offset))
        for target, offset in found.linked.items()
    )
    weights = (Reference(ReferenceKind.DATA, target, "weights", needs) for target, needs in found.needs.items())
    if found.linked or found.needs:
        yield References(FORMAT, (*linked, *weights))
    yield from SEARCH.read(artifact, window, limits)
    if failure is not None:
        raise failure


def recognises_weights(head: Head) -> bool:
    """A count, the version, nothing else in the header, and the mark of the first entry."""
    data = head.data
    return (
        head.content is None
        and data[4:8] == b"\x02\0\0\0"
        and data[_ALIGNMENT : _ALIGNMENT + 4] == _SENTINEL
        and not any(data[8:_ALIGNMENT])
    )


def read_weights(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield how many tensors a file of weights holds, each of which stands within it.

    Raises:
        DamagedError: one does not.
    """
    count = int.from_bytes(window.read(0, 4), "little")
    position = _ALIGNMENT
    done = 0
    failure: DamagedError | None = None
    while done < count and failure is None:
        entry = window.read(position, _ALIGNMENT)
        size, start = int.from_bytes(entry[8:16], "little"), int.from_bytes(entry[16:24], "little")
        if entry[:4] != _SENTINEL or len(entry) < _ALIGNMENT:
            failure = DamagedError(f"the header counts {count} tensors, of which {done} are there", position)
        elif start < position + _ALIGNMENT or start + size > window.size:
            failure = DamagedError(f"a tensor of {size} bytes at {start} stands outside the file", position)
        else:
            position = -(-(start + size) // _ALIGNMENT) * _ALIGNMENT
            done += 1
    yield Outline(FORMAT, facts=(("tensors", str(done)),))
    if failure is not None:
        raise failure
