"""The reader of HDF5: what its links, datasets and filters lead to, and the configuration of a model of Keras in it.

Source: HDF5 File Format Specification 3.0. Numbers are not read: no value of theirs makes a loader do anything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.formats.weights.hdf5.contents import contents_of
from modelaudit.formats.weights.hdf5.datasets import VIRTUAL, Dataset
from modelaudit.formats.weights.hdf5.groups import EXTERNAL_FILE, SOFT
from modelaudit.formats.weights.hdf5.measures import judge_sizes
from modelaudit.formats.weights.hdf5.objects import DRIVER
from modelaudit.formats.weights.hdf5.superblock import SIGNATURE, Superblock, read_superblock, start_of, starts_in
from modelaudit.formats.weights.hdf5.walk import Stock, Walk
from modelaudit.model.artifact import TENSOR_STORAGE, Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.members import DefectLog
from modelaudit.wire.text import file_name

FORMAT: Final = "hdf5"
_NAMES: Final = (".h5", ".hdf5", ".hdf", ".he5", ".keras", ".mat", ".nc")
_FACTS: Final = ("keras_version", "backend")
_MOST_REFERENCES: Final = 20_000
_TARGET: Final = 1000


def recognises(head: Head) -> bool:
    """The signature at the start, or behind a user block of 512 bytes or any double of that."""
    if head.content == TENSOR_STORAGE:
        return head.data.startswith(SIGNATURE)
    if starts_in(head.data) is not None:
        return True
    return file_name(head.path).endswith(_NAMES) and start_of(head.window) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline, the files that it wants, configurations and what lies packed in texts and bytes.

    Raises:
        DamagedError: there is no superblock that can be followed.
        WindowError: from the window.
    """
    superblock = read_superblock(window)
    walk = Walk(superblock, limits.members)
    bound: LimitReachedError | None = None
    try:
        walk.run()
    except LimitReachedError as error:
        bound = error
    stock = walk.stock
    log = DefectLog()
    judge_sizes(stock, superblock, limits, log)
    yield Outline(FORMAT, tuple(_mentions(stock)), tuple(_facts(superblock, walk)), log.defects())
    wanted = tuple(_references(stock))[:_MOST_REFERENCES]
    if wanted:
        yield References(FORMAT, wanted)
    yield from stock.unread
    yield from _whole(superblock, stock, window)
    yield from contents_of(artifact.path, walk, window, limits)
    if bound is not None:
        raise bound


def _mentions(stock: Stock) -> Iterator[Mention]:
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


def _facts(superblock: Superblock, walk: Walk) -> Iterator[tuple[str, str]]:
    stock = walk.stock
    yield "superblock", str(superblock.version)
    yield "objects", str(stock.objects)
    yield "datasets", str(len(stock.datasets))
    for path, attribute in stock.attributes:
        if path == "/" and attribute.name in _FACTS:
            try:
                value = next(attribute.values(walk.heaps, walk.source), b"")
            except DamagedError:
                continue
            yield attribute.name, value.rstrip(b"\0").decode("utf-8", "backslashreplace")[:80]


def _references(stock: Stock) -> Iterator[Reference]:
    for path, link in stock.links:
        if link.kind == EXTERNAL_FILE:
            where = Location(link.offset, key=path)
            yield Reference(ReferenceKind.MODEL, link.target[:_TARGET], "external link", where=where)
    for path, dataset in stock.datasets:
        where = Location(dataset.offset or None, key=path)
        for target, needs in dataset.elsewhere:
            yield Reference(ReferenceKind.DATA, target[:_TARGET], "external storage", needs, where)
        for target in _sources(dataset):
            yield Reference(ReferenceKind.DATA, target[:_TARGET], "virtual dataset", where=where)


def _sources(dataset: Dataset) -> Iterator[str]:
    """The files of a virtual dataset; a dot is the file itself, and numbers stand for parts of a pattern."""
    if dataset.layout == VIRTUAL:
        yield from (name for name in dict.fromkeys(dataset.sources) if name != ".")


def _whole(superblock: Superblock, stock: Stock, window: Window) -> Iterator[Unread]:
    if superblock.driver or DRIVER in stock.extension:
        yield Unread(UnreadReason.NO_READER, "its driver keeps parts of it in other files", format="HDF5 in parts")
    if superblock.end > window.size:
        detail = f"it ends {superblock.end - window.size} bytes before the end that it states"
        yield Unread(UnreadReason.DAMAGED, detail, Location(offset=window.size))
