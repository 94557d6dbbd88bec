"""What stands around the graphs of TensorFlow: meta graphs, saved models, their assets and objects.

Source: tensorflow/core/protobuf/{saved_model,meta_graph,saved_object_graph}.proto, keras/protobuf/saved_metadata.proto
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from modelaudit.formats.graphs.tensorflow.graph import Graphs
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.protobuf import BYTES, VARINT, Message

_MOST: Final = 200_000
_NAME: Final = 1024
_FACTS: Final = 16
_BLANKS: Final = 1024
_ASSETS: Final = "saved_model_assets"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that a meta graph wants, and the node that the loader gives its path to."""

    name: str
    tensor: str
    offset: int


@dataclass(slots=True)
class Saved:
    """All that one file says.

    Attributes:
        captures: by function, what its last arguments are: the name of a constant, ``asset``, or empty for others.
        metadata: texts in JSON that Keras keeps of its layers, with their offset in the file.
        kept: the values of collections that are bytes.
    """

    graphs: Graphs = field(default_factory=Graphs)
    assets: list[Asset] = field(default_factory=list)
    captures: dict[str, list[str]] = field(default_factory=dict)
    metadata: list[Message] = field(default_factory=list)
    kept: list[Message] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    def saved_model(self, message: Message) -> None:
        """Read a SavedModel. This and its siblings raise ``DamagedError``, ``LimitReachedError``, ``WindowError``."""
        for each in message.fields():
            if each.number == 2 and each.wire == BYTES:
                self.meta_graph(each.body)

    def meta_graph(self, message: Message) -> None:
        """Read a MetaGraphDef."""
        for each in message.fields():
            if each.wire != BYTES:
                continue
            if each.number == 1:
                self._information(each.body)
            elif each.number == 2:
                self.graphs.read(each.body)
            elif each.number == 4:
                self._collection(each.body)
            elif each.number == 6:
                self._asset(each.body, each.offset)
            elif each.number == 7:
                self._objects(each.body)

    def keras_metadata(self, message: Message) -> None:
        """Read the SavedMetadata that Keras writes beside a saved model."""
        for each in message.fields():
            if each.number == 1 and each.wire == BYTES:
                for part in each.body.fields():
                    if part.number == 5 and part.wire == BYTES:
                        self._json(part.body)

    def _information(self, message: Message) -> None:
        for each in message.fields():
            if each.wire == BYTES and each.number in (4, 5) and len(self.facts) < _FACTS:
                key = "tags" if each.number == 4 else "tensorflow"
                said = [self.facts[key]] if key in self.facts else []
                self.facts[key] = ", ".join((*said, each.body.text(64)))[:256]

    def _collection(self, message: Message) -> None:
        """Keep what a collection has as bytes: CollectionDef.bytes_list and any_list; TF1 keeps the assets in one."""
        key = next((each.body.text(_NAME) for each in message.fields() if each.number == 1 and each.wire == BYTES), "")
        for value in _below(message, 2):
            for items in _below(value, 2):
                self._keep(_below(items, 1))
            for items in _below(value, 5):
                for item in _below(items, 1):
                    if key != _ASSETS:
                        self._keep(_below(item, 2))
                        continue
                    for asset in _below(item, 2):
                        self._asset(asset, asset.start)

    def _keep(self, values: Iterator[Message]) -> None:
        self.kept += islice(values, max(0, _MOST - len(self.kept)))

    def _asset(self, message: Message, offset: int) -> None:
        if len(self.assets) >= _MOST:
            raise LimitReachedError(f"it names more than {_MOST} assets", offset)
        name = tensor = ""
        for each in message.fields():
            if each.number == 2 and each.wire == BYTES:
                name = each.body.text(_NAME)
            elif each.number == 1 and each.wire == BYTES:
                tensor = next((part.body.text(_NAME) for part in each.body.fields() if part.number == 1), "")
        self.assets.append(Asset(name, tensor.partition(":")[0], offset))

    def _objects(self, message: Message) -> None:
        """Read a SavedObjectGraph: what functions capture, and what Keras says of its layers."""
        objects: list[str] = []
        functions: list[Message] = []
        for each in message.fields():
            if each.number == 1 and each.wire == BYTES:
                if len(objects) >= _MOST:
                    raise LimitReachedError(f"it holds more than {_MOST} objects", each.offset)
                objects.append(self._object(each.body))
            elif each.number == 2 and each.wire == BYTES:
                functions.append(each.body)
        for function in functions:
            self._function(function, objects)

    def _object(self, message: Message) -> str:
        """What a capture of this object is."""
        capture = ""
        for each in message.fields():
            if each.wire != BYTES:
                continue
            if each.number == 5:
                capture = "asset"
            elif each.number == 9:
                capture = next((f"={part.body.text(_NAME)}" for part in each.body.fields() if part.number == 1), "")
            elif each.number == 4:
                for part in each.body.fields():
                    if part.number == 3 and part.wire == BYTES:
                        self._json(part.body)
        return capture

    def _function(self, message: Message, objects: list[str]) -> None:
        name = ""
        bound: list[str] = []
        for each in message.fields():
            if each.number == 1 and each.wire == BYTES:
                name = each.body.text(_NAME)
            elif each.number == 2 and each.wire == BYTES:
                bound += (objects[value] if value < len(objects) else "" for value in _bound_inputs(each.body))
        if name:
            self.captures[name] = bound

    def _json(self, message: Message) -> None:
        head = message.raw(_BLANKS).lstrip()
        if head.startswith((b"{", b"[")) or (not head and message.size > _BLANKS):
            self.metadata.append(message)


def _below(message: Message, number: int) -> Iterator[Message]:
    """What the fields with this number hold."""
    return (each.body for each in message.fields() if each.number == number and each.wire == BYTES)


def _bound_inputs(message: Message) -> Iterator[int]:
    """The bound inputs of a SavedConcreteFunction, packed or one by one."""
    for each in message.fields():
        if each.number == 2 and each.wire == BYTES:
            yield from each.body.parse_varints()
        elif each.number == 2 and each.wire == VARINT:
            yield each.value
