"""Find content in the texts and bytes of an HDF5 file: Keras configurations, and pickles that loaders unpickle.

PyTables, pandas and hickle store Python objects as pickles in attributes and in datasets of bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.formats.embedded import (
    DecodedWindow,
    decode_content,
    detect_coding,
    detect_format,
    make_content_artifact,
)
from modelaudit.formats.graphs.keras.document import INTERPRETER as KERAS
from modelaudit.formats.graphs.keras.reader import read_configuration_text
from modelaudit.formats.pickles.pickle.trial import imports_name, may_import_name
from modelaudit.formats.value_trees import ValueTree
from modelaudit.formats.weights.hdf5.attributes import Attribute, read_variable_values
from modelaudit.formats.weights.hdf5.datasets import CHUNKED, COMPACT, CONTIGUOUS, Dataset
from modelaudit.formats.weights.hdf5.datatypes import OPAQUE, STRING, VARIABLE, Datatype
from modelaudit.formats.weights.hdf5.source import Piece
from modelaudit.formats.weights.hdf5.storage import UNDONE_FILTERS, read_chunks
from modelaudit.formats.weights.hdf5.walker import ObjectWalker
from modelaudit.model.address import join_embedded
from modelaudit.model.artifact import PICKLE, Artifact, Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import HEAD_BYTES, DamagedError, LimitReachedError, Reading
from modelaudit.wire.windows import SubWindow, get_budget, make_opener

_CONFIGURATION_NAMES: Final = frozenset({"model_config", "training_config"})
_MIN_CONTENT_BYTES: Final = 7
_MAX_PLACE_LENGTH: Final = 200
_MAX_VALUES_SEARCHED: Final = 50_000
# A shorter value cannot hold a program in Base64 or a similar coding.
_MIN_CODED_BYTES: Final = 24
# At most 50,000 references are followed, and a reference has up to 40 bytes.
_MAX_REFERENCE_BYTES: Final = 2_500_000
_MAX_CHUNKED_BYTES: Final = 64 * MIB
_LONGEST_TEXT: Final = 2 * MIB


def read_contents(path: str, walker: ObjectWalker, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the structures of Keras configurations, and the content of texts and bytes as artifacts.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    searched_values = 0
    tree = ValueTree()
    for object_path, attribute in walker.found.attributes:
        if searched_values > _MAX_VALUES_SEARCHED:
            yield Unread(
                UnreadReason.LIMIT, f"only the first {_MAX_VALUES_SEARCHED} values of attributes were searched"
            )
            break
        if attribute.type.nests_opaque:
            yield _make_opaque_absence(f"{object_path}@{attribute.name}"[:_MAX_PLACE_LENGTH])
        try:
            for value in attribute.read_values(walker.heaps, walker.source):
                searched_values += 1
                _add_text(tree, (*_split_path(object_path), attribute.name), value, limits)
                yield from _read_attribute_value(path, object_path, attribute, value, window, limits)
        except DamagedError as error:
            yield _make_absence(error, f"{object_path}@{attribute.name}"[:_MAX_PLACE_LENGTH])
    for object_path, dataset in walker.found.datasets:
        yield from _read_dataset(path, object_path, dataset, walker, window, limits, tree)
    yield from _read_nested_values(path, walker, window, limits, tree)
    tree.join_pieces()
    tree.join_lines()
    yield from tree.interpret(path, limits, done=(KERAS,))


def _split_path(object_path: str) -> tuple[str, ...]:
    """Return the names of the groups that lead to an object, and its own."""
    return tuple(filter(None, object_path.split("/")))


def _add_text(tree: ValueTree, path: tuple[str, ...], value: bytes, limits: Limits) -> None:
    """Add a value to the tree if it is text in UTF-8 without control characters.

    The values of a configuration of Keras, whose classes are read elsewhere, are added one by one.
    """
    stored = value.rstrip(b"\0")
    if not 0 < len(stored) <= _LONGEST_TEXT or b"\0" in stored:
        return
    try:
        text = stored.decode("utf-8")
    except UnicodeDecodeError:
        return
    if b"class_name" not in stored or not tree.add_json(path, text, limits):
        tree.add(path, text)


def _read_nested_values(
    path: str, walker: ObjectWalker, window: Window, limits: Limits, tree: ValueTree
) -> Iterator[Reading]:
    """Yield the content of the values to which parts of elements or elements in chunks refer, and absences.

    All values of their collections are read, because a collection holds values of one kind as a rule.
    """
    budget = get_budget(window, limits)
    may_be_loaded = any(_may_hold_pickles(dataset) for _, dataset in walker.found.datasets)
    value_count = 0
    for address in walker.heaps.nested_collections:
        try:
            values = walker.heaps.open_collection(address)
        except DamagedError as error:
            yield _make_absence(error, f"collection {address}")
            continue
        for start, size in values.values():
            value_count += 1
            if value_count > _MAX_VALUES_SEARCHED:
                detail = f"only the first {_MAX_VALUES_SEARCHED} values of variable length in parts were searched"
                yield Unread(UnreadReason.LIMIT, detail)
                return
            if _MIN_CONTENT_BYTES <= size <= _LONGEST_TEXT:
                _add_text(tree, (), window.read(walker.source.base_address + start, size), limits)
            if size >= _MIN_CONTENT_BYTES:
                offset = walker.source.base_address + start
                yield from _decode_value(path, offset, SubWindow(window, offset, size, budget), limits, may_be_loaded)


def _read_attribute_value(
    path: str, object_path: str, attribute: Attribute, value: bytes, window: Window, limits: Limits
) -> Iterator[Reading]:
    """Yield the structures of a value that is a Keras configuration, or else the content in it as an artifact.

    Args:
        path: of the artifact.
        object_path: of the object that has the attribute.
        attribute: the attribute.
        value: one of its values.
        window: the bytes of the artifact, for their budget.
        limits: the bounds of the scan.
    """
    has_configuration_name = object_path == "/" and attribute.name in _CONFIGURATION_NAMES
    resembles_configuration = b"class_name" in value and value.lstrip()[:1] in (b"{", b"[")
    may_be_encoded = len(value) >= _MIN_CODED_BYTES
    # PyTables tries to unpickle each text of fixed length with this end (``tables/attributeset.py``), and hickle each
    # opaque value (``hickle/lookup.py``).
    ends_like_pickle = attribute.type.kind == STRING and value.rstrip(b"\0").endswith(b".")
    may_be_loaded = ends_like_pickle or attribute.type.kind == OPAQUE
    if has_configuration_name or resembles_configuration:
        text = value.rstrip(b"\0").decode("utf-8", "backslashreplace")
        place = f"{object_path}@{attribute.name}"[:_MAX_PLACE_LENGTH]
        yield from read_configuration_text(text, limits, place, has_configuration_name)
    elif may_be_encoded or may_be_loaded or (len(value) >= _MIN_CONTENT_BYTES and detect_format(value)):
        value_window = DecodedWindow(value, get_budget(window, limits))
        yield from _decode_value(path, attribute.offset, value_window, limits, may_be_loaded)


def _decode_value(
    path: str, offset: int, value: DecodedWindow | SubWindow, limits: Limits, may_be_loaded: bool = False
) -> Iterator[Artifact]:
    """Yield the content of a value as an artifact, without the codings around it; nothing if it has no known format.

    Where a loader may unpickle the value (``may_be_loaded``), a trial finds a pickle that begins with any opcode.
    """
    content = decode_content(value, limits)
    if content is not None:
        yield make_content_artifact(path, offset, value, limits, content)
    elif may_be_loaded and imports_name(value, limits):
        yield Artifact(join_embedded(path, PICKLE, offset), value.size, make_opener(value), content=PICKLE)


def _may_hold_pickles(dataset: Dataset) -> bool:
    """Whether PyTables unpickles the values of a dataset if an attribute states so: sequences, and no texts."""
    return dataset.type is not None and dataset.type.kind == VARIABLE and not dataset.type.is_text


def _read_dataset(
    path: str,
    object_path: str,
    dataset: Dataset,
    walker: ObjectWalker,
    window: Window,
    limits: Limits,
    tree: ValueTree,
) -> Iterator[Reading]:
    """Yield the content of a dataset of bytes or texts as artifacts, or absences; nothing for other datasets.

    ``path`` is that of the artifact, ``object_path`` that of the dataset in the file; texts are added to ``tree``.
    """
    type_ = dataset.type
    if type_ is not None and type_.nests_opaque:
        yield _make_opaque_absence(object_path)
    if type_ is None or dataset.external_files or not (type_.may_hold_bytes or type_.kind == VARIABLE):
        return
    if dataset.layout == CHUNKED and type_.kind == VARIABLE and type_.item_bytes == 1 and not type_.is_text:
        # PyTables stores Python objects in this way: each value is a pickle.
        detail = f"{object_path}: bytes of variable length in chunks, which some loaders unpickle, were not read"
        yield Unread(UnreadReason.NO_READER, detail, Location(key=object_path))
    # Values of variable length are not in the chunks.
    if type_.kind != VARIABLE and not UNDONE_FILTERS.issuperset(dataset.filters):
        detail = f"{object_path}: bytes in chunks with a filter that is not undone here were not read"
        yield Unread(UnreadReason.NO_READER, detail, Location(key=object_path))
    try:
        opened = _open_elements(dataset, walker, window, limits)
        if opened is None or opened[1].size < _MIN_CONTENT_BYTES:
            return
        start, elements = opened
        if type_.kind == VARIABLE:
            yield from _read_references(path, object_path, dataset, start, elements, walker, limits, tree)
            return
        _add_elements(tree, _split_path(object_path), elements, type_, limits)
        # Single bytes are often numbers, so they count only if they begin like a known format as they are, or import a
        # name as a pickle: hickle stores Python objects in this way.
        if type_.size > 1 or detect_format(elements.read(0, HEAD_BYTES)) or imports_name(elements, limits):
            yield from _decode_value(path, start, elements, limits, may_be_loaded=True)
            if elements.size < dataset.declared_bytes and dataset.layout == CHUNKED:
                detail = f"only the first {elements.size} bytes of the content in its chunks were read"
                raise LimitReachedError(detail, start)
    except DamagedError as error:
        yield _make_absence(error, object_path)


def _read_references(
    path: str,
    object_path: str,
    dataset: Dataset,
    start: int,
    elements: Window,
    walker: ObjectWalker,
    limits: Limits,
    tree: ValueTree,
) -> Iterator[Artifact]:
    """Yield the content of the values that elements of variable length refer to.

    Args:
        path: of the artifact.
        object_path: of the dataset in the file.
        dataset: the dataset.
        start: offset of its elements in the artifact, in bytes.
        elements: its elements, which are references.
        walker: reads the values.
        limits: the bounds of the scan.
        tree: gets the texts.

    Raises:
        DamagedError: a value is not at its stated place.
        LimitReachedError: there are too many values; the content of the first ones was yielded.
    """
    if dataset.type is None or dataset.space is None:
        return
    references = Piece(elements.read(0, min(elements.size, _MAX_REFERENCE_BYTES)), start, walker.source.widths)
    budget = get_budget(walker.source.window, limits)
    for index, value in enumerate(read_variable_values(references, dataset.space.count, dataset.type, walker.heaps)):
        _add_text(tree, (*_split_path(object_path), str(index)), value, limits)
        if len(value) >= _MIN_CONTENT_BYTES:
            value_window = DecodedWindow(value, budget)
            may_be_loaded = _may_hold_pickles(dataset)
            yield from _decode_value(path, start + references.position, value_window, limits, may_be_loaded)


def _add_elements(tree: ValueTree, path: tuple[str, ...], elements: Window, type_: Datatype, limits: Limits) -> None:
    """Add texts of fixed length to the tree; a row of single bytes may be one text."""
    size = type_.size
    if type_.kind != STRING and (size > 1 or elements.size > _LONGEST_TEXT):
        return
    if size == 1:
        _add_text(tree, path, elements.read(0, min(elements.size, _LONGEST_TEXT)), limits)
        return
    data = elements.read(0, min(elements.size, _MAX_REFERENCE_BYTES))
    for index in range(min(len(data) // size, _MAX_VALUES_SEARCHED)):
        _add_text(tree, (*path, str(index)), data[index * size : (index + 1) * size], limits)


def _make_absence(error: DamagedError, place: str) -> Unread:
    """Return the absence of values that an error left unread; ``place`` is the path of their object or attribute."""
    reason = UnreadReason.LIMIT if isinstance(error, LimitReachedError) else UnreadReason.DAMAGED
    return Unread(reason, f"{place}: {error}", Location(error.offset, key=place))


def _make_opaque_absence(place: str) -> Unread:
    """Return the absence of opaque bytes in elements of several parts, such as a field of a table."""
    detail = f"{place}: opaque bytes within elements of several parts, which a loader may unpickle, were not read"
    return Unread(UnreadReason.NO_READER, detail, Location(key=place))


def _open_elements(
    dataset: Dataset, walker: ObjectWalker, window: Window, limits: Limits
) -> tuple[int, DecodedWindow | SubWindow] | None:
    """Return the offset of the elements in the artifact and a window on them; ``None`` if they are not to be read.

    Elements in chunks are opened only if they begin like content, because most are numbers. They have no offset of
    their own, so that of the layout message is returned.

    Raises:
        DamagedError: the index of the chunks contradicts itself.
    """
    budget = get_budget(window, limits)
    if dataset.layout == CONTIGUOUS and dataset.address is not None:
        start = walker.source.base_address + dataset.address
        # An old layout states no size.
        length = min(dataset.declared_bytes, dataset.size or dataset.declared_bytes)
        return start, SubWindow(window, start, length, budget)
    if dataset.layout == COMPACT:
        return dataset.offset, DecodedWindow(dataset.compact[: dataset.declared_bytes], budget)
    if dataset.layout == CHUNKED and dataset.type is not None and dataset.type.kind != VARIABLE:
        head = read_chunks(walker.source, dataset, HEAD_BYTES)
        is_truncated = dataset.declared_bytes > len(head)
        head_window = DecodedWindow(head, budget)
        begins_content = detect_coding(head, is_truncated) is not None
        if begins_content or (may_import_name if is_truncated else imports_name)(head_window, limits):
            return dataset.offset, DecodedWindow(read_chunks(walker.source, dataset, _MAX_CHUNKED_BYTES), budget)
    return None
