"""Read the contents of a SavedModel: its graphs, assets, collections, objects and Keras configurations.

Sources: tensorflow/core/protobuf/{saved_model,meta_graph,saved_object_graph}.proto, keras/protobuf/saved_metadata.proto
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from msgspec import Struct, field

from modelaudit.formats.graphs.tensorflow.graph import Graphs, read_name, read_node_name
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.protobuf import BYTES, VARINT, Message

MOST_ITEMS: Final = 200_000
"""Assets, objects and values of collections that are read, each."""
_NAME_BYTES: Final = 1024
_JSON_SEARCH_BYTES: Final = 1024
"""Bytes searched for the first character of JSON, behind blanks."""
_ASSET_COLLECTION: Final = "saved_model_assets"


class Asset(Struct, frozen=True):
    """A file that a meta graph needs.

    Attributes:
        name: its name, relative to the folder ``assets``.
        tensor: the node that receives its path from the loader.
        offset: the offset of its AssetFileDef in the file.
    """

    name: str
    tensor: str
    offset: int


class ModelContents(Struct):
    """The contents of one file.

    Attributes:
        graphs: all graphs and functions.
        assets: all assets.
        captures: the captured inputs of each function, which are its last arguments. Each is ``asset``, the name of a
            constant after ``=``, or empty for anything else.
        metadata: the JSON texts of Keras layers.
        collection_values: the values of collections that are bytes, at most ``MOST_ITEMS``.
        has_more_values: whether there are more of them.
        facts: the tags and the version of TensorFlow.
    """

    graphs: Graphs = field(default_factory=Graphs)
    assets: list[Asset] = field(default_factory=list)
    captures: dict[str, list[str]] = field(default_factory=dict)
    metadata: list[Message] = field(default_factory=list)
    collection_values: list[Message] = field(default_factory=list)
    has_more_values: bool = False
    facts: dict[str, str] = field(default_factory=dict)

    def read_saved_model(self, message: Message) -> None:
        """Read the meta graphs (2) of a SavedModel.

        This and the other methods raise ``DamagedError``, ``LimitReachedError`` and ``WindowError``.
        """
        for each in message.fields():
            if each.number == 2 and each.wire == BYTES:
                self.read_meta_graph(each.body)

    def read_meta_graph(self, message: Message) -> None:
        """Read a MetaGraphDef: information (1), graph (2), collections (4), assets (6) and objects (7)."""
        for each in message.fields():
            if each.wire != BYTES:
                continue
            if each.number == 1:
                self._read_information(each.body)
            elif each.number == 2:
                self.graphs.read_graph(each.body)
            elif each.number == 4:
                self._read_collection(each.body)
            elif each.number == 6:
                self._read_asset(each.body, each.offset)
            elif each.number == 7:
                self._read_objects(each.body)

    def read_keras_metadata(self, message: Message) -> None:
        """Read the SavedMetadata that Keras writes beside a saved model: the JSON (5) of each of its objects (1)."""
        for each in message.fields():
            if each.number == 1 and each.wire == BYTES:
                for part in each.body.fields():
                    if part.number == 5 and part.wire == BYTES:
                        self._record_json(part.body)

    def _read_information(self, message: Message) -> None:
        """Record the tags (4) of a MetaInfoDef and the version of TensorFlow (5) as facts, several joined by commas."""
        for each in message.fields():
            if each.wire == BYTES and each.number in (4, 5):
                key = "tags" if each.number == 4 else "tensorflow"
                previous = [self.facts[key]] if key in self.facts else []
                self.facts[key] = ", ".join((*previous, each.body.text(64)))[:256]

    def _read_collection(self, message: Message) -> None:
        """Read a map entry of a collection: its key (1) and its CollectionDef (2).

        Values that are bytes are in a BytesList (2) or in the Any messages of an AnyList (5). TF1 lists the assets in a
        collection of Any messages.
        """
        key = next((name.text(_NAME_BYTES) for name in _iter_messages(message, 1)), "")
        for collection in _iter_messages(message, 2):
            for bytes_list in _iter_messages(collection, 2):
                self._record_collection_values(_iter_messages(bytes_list, 1))
            for any_list in _iter_messages(collection, 5):
                for any_message in _iter_messages(any_list, 1):
                    if key != _ASSET_COLLECTION:
                        self._record_collection_values(_iter_messages(any_message, 2))
                        continue
                    for asset in _iter_messages(any_message, 2):
                        self._read_asset(asset, asset.start)

    def _record_collection_values(self, values: Iterator[Message]) -> None:
        """Append values to ``collection_values``, up to ``MOST_ITEMS`` of the file; note whether there are more."""
        self.collection_values += islice(values, MOST_ITEMS - len(self.collection_values))
        self.has_more_values = self.has_more_values or next(values, None) is not None

    def _read_asset(self, message: Message, offset: int) -> None:
        """Read an AssetFileDef: the TensorInfo (1) with the name (1) of the tensor, and the name of the file (2)."""
        if len(self.assets) >= MOST_ITEMS:
            raise LimitReachedError(f"it has more than {MOST_ITEMS} assets", offset)
        name = tensor = ""
        for each in message.fields():
            if each.number == 2 and each.wire == BYTES:
                name = each.body.text(_NAME_BYTES)
            elif each.number == 1 and each.wire == BYTES:
                tensor = next((read_node_name(part.body) for part in each.body.fields() if part.number == 1), "")
        node = tensor.partition(":")[0]  # the number of the output follows the name of the node
        self.assets.append(Asset(name, node, offset))

    def _read_objects(self, message: Message) -> None:
        """Read a SavedObjectGraph: its objects (1), and its functions (2), whose captures are numbers of objects."""
        objects: list[str] = []
        functions: list[Message] = []
        for each in message.fields():
            if each.number == 1 and each.wire == BYTES:
                if len(objects) >= MOST_ITEMS:
                    raise LimitReachedError(f"it has more than {MOST_ITEMS} objects", each.offset)
                objects.append(self._read_object(each.body))
            elif each.number == 2 and each.wire == BYTES:
                functions.append(each.body)
        for function in functions:
            self._read_function(function, objects)

    def _read_object(self, message: Message) -> str:
        """Read a SavedObject: a user object (4) with metadata (3), an asset (5) or a constant (9) with its node (1).

        Returns:
            The object in the form of ``captures``: ``asset``, the name of a constant after ``=``, or empty.
        """
        capture = ""
        for each in message.fields():
            if each.wire != BYTES:
                continue
            if each.number == 5:
                capture = "asset"
            elif each.number == 9:
                capture = next((f"={read_node_name(part.body)}" for part in each.body.fields() if part.number == 1), "")
            elif each.number == 4:
                for part in each.body.fields():
                    if part.number == 3 and part.wire == BYTES:
                        self._record_json(part.body)
        return capture

    def _read_function(self, message: Message, objects: list[str]) -> None:
        """Read the captured inputs of one function: its name (1) and SavedConcreteFunction (2)."""
        name = ""
        captures: list[str] = []
        for each in message.fields():
            if each.number == 1 and each.wire == BYTES:
                name = read_name(each.body)
            elif each.number == 2 and each.wire == BYTES:
                numbers = _iter_bound_inputs(each.body)
                captures += (objects[number] if number < len(objects) else "" for number in numbers)
        if name:
            self.captures[name] = captures

    def _record_json(self, message: Message) -> None:
        """Record metadata that are JSON, or that may be, because they begin with more blanks than are read here."""
        head = message.raw(_JSON_SEARCH_BYTES).lstrip()
        if head.startswith((b"{", b"[")) or (not head and message.size > _JSON_SEARCH_BYTES):
            self.metadata.append(message)


def _iter_messages(message: Message, number: int) -> Iterator[Message]:
    """Iterate over the messages in the fields with this number."""
    return (each.body for each in message.fields() if each.number == number and each.wire == BYTES)


def _iter_bound_inputs(message: Message) -> Iterator[int]:
    """Yield the numbers of the objects that a SavedConcreteFunction captures (bound_inputs, 2), packed or single."""
    for each in message.fields():
        if each.number == 2 and each.wire == BYTES:
            yield from each.body.parse_varints()
        elif each.number == 2 and each.wire == VARINT:
            yield each.value
