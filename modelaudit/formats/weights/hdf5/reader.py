"""Read HDF5 files: filters, references to other files, and the Keras configurations and pickles in texts and bytes.

Numeric data are not read: no number makes a loader run code. Source: HDF5 File Format Specification 3.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.formats.weights.hdf5 import EXTENSIONS
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
from modelaudit.formats.weights.hdf5.walker import LONGEST_TARGET, FoundObjects, ObjectWalker
from modelaudit.model.artifact import TENSOR_STORAGE, Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline, Reference, ReferenceKind
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.bounds import build_references
from modelaudit.wire.members import DefectLog
from modelaudit.wire.text import get_file_name

FORMAT: Final = "hdf5"
_FACT_ATTRIBUTES: Final = ("keras_version", "backend")
_MAX_REFERENCES: Final = 20_000


def recognises(head: Head) -> bool:
    """Whether the signature is at the start, or after a user block of 512, 1024, 2048 ... bytes.

    Beyond the first bytes of the file the signature is searched for only if the name promises HDF5.
    """
    # In the numbers of a tensor the signature may follow 512 bytes by chance.
    if head.content == TENSOR_STORAGE:
        return head.data.startswith(SIGNATURE)
    if find_signature_in_head(head.data) is not None:
        return True
    return get_file_name(head.path).endswith(EXTENSIONS) and find_signature(head.window) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline, references to other files, absences, configurations, and embedded content as artifacts.

    Raises:
        DamagedError: there is no valid superblock.
        LimitReachedError: the file has too many objects, attributes or links. Everything else was yielded before.
        WindowError: the window could not return the requested bytes.
    """
    superblock = read_superblock(window)
    walker = ObjectWalker(superblock, limits.members)
    # The error is raised only after all objects read before it were reported.
    limit_error: LimitReachedError | None = None
    try:
        walker.run()
    except LimitReachedError as error:
        limit_error = error
    found = walker.found
    log = DefectLog()
    check_sizes(found, superblock, limits, log)
    yield Outline(FORMAT, tuple(_list_mentions(found)), tuple(_list_facts(superblock, walker)), log.defects())
    yield from build_references(FORMAT, _list_references(found), _MAX_REFERENCES)
    yield from found.unread
    yield from _report_missing_parts(superblock, found, window)
    yield from read_contents(artifact.path, walker, window, limits)
    yield from walker.source.checksums.list_absences()
    if limit_error is not None:
        raise limit_error


def _list_mentions(found: FoundObjects) -> Iterator[Mention]:
    """Yield each filter of the datasets once, and each kind of link whose meaning an application defines once."""
    seen_filters: set[int] = set()
    for path, dataset in found.datasets:
        for number in dataset.filters:
            if number not in seen_filters:
                seen_filters.add(number)
                yield Mention("hdf5-filters", "filter", str(number), Location(key=path), f"the dataset {path}")
    # The format itself defines these two kinds.
    seen_kinds: set[int] = {SOFT, EXTERNAL_FILE}
    for path, link in found.links:
        if link.kind not in seen_kinds:
            seen_kinds.add(link.kind)
            yield Mention("hdf5-links", "link", str(link.kind), Location(link.offset, key=path), f"the link {path}")


def _list_facts(superblock: Superblock, walker: ObjectWalker) -> Iterator[tuple[str, str]]:
    """Yield (name, value) pairs for the outline: version, numbers of objects, and the versions that Keras stored."""
    found = walker.found
    yield "superblock", str(superblock.version)
    yield "objects", str(found.object_count)
    yield "datasets", str(len(found.datasets))
    for path, attribute in found.attributes:
        if path == "/" and attribute.name in _FACT_ATTRIBUTES:
            try:
                value = next(attribute.read_values(walker.heaps, walker.source), b"")
            except DamagedError:
                continue
            yield attribute.name, value.rstrip(b"\0").decode("utf-8", "backslashreplace")[:80]


def _list_references(found: FoundObjects) -> Iterator[Reference]:
    """Yield references to the files of external links, of external storage and of virtual datasets."""
    for path, link in found.links:
        if link.kind == EXTERNAL_FILE:
            where = Location(link.offset, key=path)
            yield Reference(ReferenceKind.MODEL, link.target[:LONGEST_TARGET], "external link", where=where)
    for path, dataset in found.datasets:
        where = Location(dataset.offset or None, key=path)
        for target, needed_size in dataset.external_files:
            yield Reference(ReferenceKind.DATA, target[:LONGEST_TARGET], "external storage", needed_size, where)
        for target in _list_virtual_sources(dataset):
            yield Reference(ReferenceKind.DATA, target[:LONGEST_TARGET], "virtual dataset", where=where)


def _list_virtual_sources(dataset: Dataset) -> Iterator[str]:
    """Yield the source files of a virtual dataset, except ``.``, which is the file itself."""
    if dataset.layout == VIRTUAL:
        yield from (name for name in dict.fromkeys(dataset.source_files) if name != ".")


def _report_missing_parts(superblock: Superblock, found: FoundObjects, window: Window) -> Iterator[Unread]:
    """Yield an absence for parts that a driver stores in other files, and one for a truncated file."""
    if superblock.names_driver or DRIVER in found.extension_types:
        detail = "a driver stores parts of the file in other files, which are not read"
        yield Unread(UnreadReason.NO_READER, detail, format="HDF5 in parts")
    if superblock.end > window.size:
        detail = "the superblock states an end of the file beyond the last byte"
        yield Unread(UnreadReason.DAMAGED, detail, Location(offset=window.size))
