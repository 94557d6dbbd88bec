"""Compare the sizes that a file states for its datasets with each other and with the size of the file."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.weights.hdf5 import Hdf5Defect
from modelaudit.formats.weights.hdf5.datasets import COMPACT, CONTIGUOUS, VIRTUAL, Dataset
from modelaudit.formats.weights.hdf5.superblock import Superblock
from modelaudit.formats.weights.hdf5.walker import FoundObjects
from modelaudit.model.limits import Limits
from modelaudit.wire.members import DefectLog
from modelaudit.wire.windows import read_available

# Bytes after the end are padding if the first ones are zero.
_SEARCHED_BYTES: Final = 4096


def check_sizes(found: FoundObjects, superblock: Superblock, limits: Limits, log: DefectLog) -> None:
    """Record datasets whose shape exhausts memory (CVE-2026-0897), contradictory sizes, and bytes after the end."""
    window = superblock.source.window
    # Arrays of zeros compress to almost nothing, so that a small file may state much: up to the floor nothing counts.
    allowed = max(limits.expansion_floor, limits.expansion_ratio * window.size)
    total = 0
    for path, dataset in found.datasets:
        declared = dataset.declared_bytes
        total += declared
        if declared > allowed:
            detail = f"{path} states {declared} bytes in a file of {window.size}"
            log.add(Hdf5Defect.EXPANSION_RATIO, detail, dataset.offset or None, path)
        _check_dataset(path, dataset, superblock, log)
    # Many datasets below the bound can exhaust memory together.
    if total > allowed and not any(dataset.declared_bytes > allowed for _, dataset in found.datasets):
        log.add(Hdf5Defect.EXPANSION_RATIO, f"the datasets together state {total} bytes in a file of {window.size}")
    trailing = window.size - superblock.end
    if trailing > 0 and read_available(window, superblock.end, _SEARCHED_BYTES).strip(b"\0"):
        log.add(Hdf5Defect.TRAILING_DATA, f"{trailing} bytes follow the end that the file states", superblock.end)


def _check_dataset(path: str, dataset: Dataset, superblock: Superblock, log: DefectLog) -> None:
    """Record a dataset that stores fewer bytes than its shape needs, or whose data end beyond the file.

    Datasets with elements in other files are left out: their data are not in this file.
    """
    if dataset.type is None or dataset.space is None or dataset.external_files or dataset.layout == VIRTUAL:
        return
    declared, offset = dataset.declared_bytes, dataset.offset or None
    if dataset.layout == CONTIGUOUS:
        stored = declared if dataset.size is None else dataset.size
        if stored < declared:
            detail = f"{path} states {declared} bytes and stores {stored}"
            log.add(Hdf5Defect.SIZE_MISMATCH, detail, offset, path)
        if dataset.address is not None and dataset.address + stored > superblock.source.bytes_after_base:
            log.add(Hdf5Defect.DATA_BEYOND_END, f"the data of {path} end beyond the file", offset, path)
    elif dataset.layout == COMPACT and len(dataset.compact) < declared:
        detail = f"{path} states {declared} bytes and stores {len(dataset.compact)}"
        log.add(Hdf5Defect.SIZE_MISMATCH, detail, offset, path)
