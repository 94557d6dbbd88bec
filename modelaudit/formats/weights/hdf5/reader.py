"""The reader of HDF5: what its links, datasets and filters lead to, and the configuration of a model of Keras in it.

Source: HDF5 File Format Specification 3.0. Numbers are not read: no value of theirs makes a loader do anything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.formats.weights.hdf5.contents import read_contents
from modelaudit.formats.weights.hdf5.dataset_sizes import check_sizes
from modelaudit.formats.weights.hdf5.datasets import VIRTUAL, Dataset
from modelaudit.formats.weights.hdf5.groups import EXTERNAL_FILE, SOFT
from modelaudit.formats.weights.hdf5.objects import DRIVER
from modelaudit.formats.weights.hdf5.superblock import (
    SIGNATURE,
    Superblock,
    find_signature,
    find_signature_in_head,
    read_superblock,
)
from modelaudit.formats.weights.hdf5.walker import FoundObjects, ObjectWalker
from modelaudit.model.artifact import TENSOR_STORAGE, Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.members import DefectLog
from modelaudit.wire.text import get_file_name

FORMAT: Final = "hdf5"
_EXTENSIONS: Final = (".h5", ".hdf5", ".hdf", ".he5", ".keras", ".mat", ".nc")
_FACT_ATTRIBUTES: Final = ("keras_version", "backend")
_MAX_REFERENCES: Final = 20_000
_MAX_TARGET_LENGTH: Final = 1000


def recognises(head: Head) -> bool:
    """The signature at the start, or behind a user block of 512 bytes or any double of that."""
    if head.content == TENSOR_STORAGE:
        return head.data.startswith(SIGNATURE)
    if find_signature_in_head(head.data) is not None:
        return True
    return get_file_name(head.path).endswith(_EXTENSIONS) and find_signature(head.window) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline, the files that it wants, configurations and what lies packed in texts and bytes.

    Raises:
        DamagedError: there is no superblock that can be followed.
        WindowError: from the window.
    """
    superblock = read_superblock(window)
    walk = ObjectWalker(superblock, limits.members)
    bound: LimitReachedError | None = None
    try:
        walk.run()
    except LimitReachedError as error:
        bound = error
    stock = walk.found
    log = DefectLog()
    check_sizes(stock, superblock, limits, log)
    yield Outline(FORMAT, tuple(_list_mentions(stock)), tuple(_list_facts(superblock, walk)), log.defects())
    wanted = tuple(_list_references(stock))[:_MAX_REFERENCES]
    if wanted:
        yield References(FORMAT, wanted)
    yield from stock.unread
    yield from _report_missing_parts(superblock, stock, window)
    yield from read_contents(artifact.path, walk, window, limits)
    if bound is not None:
        raise bound


def _list_mentions(stock: FoundObjects) -> Iterator[Mention]:
    """Filters that are no part of the library, and links of which only an application knows what they mean."""
    told: set[str] = set()
    for path, dataset in stock.datasets:
        for number in dataset.filters:
            if str(number) not in told:
                told.add(str(number))
                yield Mention("hdf5-filters", "filter", str(number), Location(key=path), f"the dataset {path}")
    for path, link in stock.links:
        if link.kind not in (SOFT, EXTERNAL_FILE) and f"link {link.kind}" not in told:
            told.add(f"link {link.kind}")
            yield Mention("hdf5-links", "link", str(link.kind), Location(link.offset, key=path), f"the link {path}")


def _list_facts(superblock: Superblock, walk: ObjectWalker) -> Iterator[tuple[str, str]]:
    stock = walk.found
    yield "superblock", str(superblock.version)
    yield "objects", str(stock.objects)
    yield "datasets", str(len(stock.datasets))
    for path, attribute in stock.attributes:
        if path == "/" and attribute.name in _FACT_ATTRIBUTES:
            try:
                value = next(attribute.read_values(walk.heaps, walk.source), b"")
            except DamagedError:
                continue
            yield attribute.name, value.rstrip(b"\0").decode("utf-8", "backslashreplace")[:80]


def _list_references(stock: FoundObjects) -> Iterator[Reference]:
    for path, link in stock.links:
        if link.kind == EXTERNAL_FILE:
            where = Location(link.offset, key=path)
            yield Reference(ReferenceKind.MODEL, link.target[:_MAX_TARGET_LENGTH], "external link", where=where)
    for path, dataset in stock.datasets:
        where = Location(dataset.offset or None, key=path)
        for target, needs in dataset.external_files:
            yield Reference(ReferenceKind.DATA, target[:_MAX_TARGET_LENGTH], "external storage", needs, where)
        for target in _list_virtual_sources(dataset):
            yield Reference(ReferenceKind.DATA, target[:_MAX_TARGET_LENGTH], "virtual dataset", where=where)


def _list_virtual_sources(dataset: Dataset) -> Iterator[str]:
    """The files of a virtual dataset; a dot is the file itself, and numbers stand for parts of a pattern."""
    if dataset.layout == VIRTUAL:
        yield from (name for name in dict.fromkeys(dataset.source_files) if name != ".")


def _report_missing_parts(superblock: Superblock, stock: FoundObjects, window: Window) -> Iterator[Unread]:
    if superblock.names_driver or DRIVER in stock.extension:
        yield Unread(UnreadReason.NO_READER, "its driver keeps parts of it in other files", format="HDF5 in parts")
    if superblock.end > window.size:
        detail = f"it ends {superblock.end - window.size} bytes before the end that it states"
        yield Unread(UnreadReason.DAMAGED, detail, Location(offset=window.size))
