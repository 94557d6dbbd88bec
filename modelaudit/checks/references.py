"""Compare the references between files with the files of the snapshot."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from modelaudit.model.address import file_of, write_file_address
from modelaudit.model.artifact import Artifact
from modelaudit.model.catalogue import Scalar, Subject
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import RECORD_PATH, Reference, ReferenceKind, References
from modelaudit.model.structure import UnreadReason

_WEB_ADDRESS: Final = defer_pattern(r"[A-Za-z][A-Za-z0-9+.-]+://")
_ABSOLUTE_PATH: Final = defer_pattern(r"[/\\~]|[A-Za-z]:")
# Separates the repository from the file in ``org/model--file.py``.
_FOREIGN_SEPARATOR: Final = "--"
# In these formats, a reference to code is one file that Python runs. In others it may be a folder or an archive.
_RUN_AS_PYTHON: Final = frozenset({"python-build", "notebook"})
_CODE_EXTENSIONS: Final = (".py", ".pyw", ".py3", ".ipynb", ".ipy", ".pyx")
# References that a loader cannot do without: the tensors of a graph in other files, and the code of an auto_map.
_NEEDED_KINDS: Final = {
    "onnx": ReferenceKind.DATA,
    "ort": ReferenceKind.DATA,
    "tflite": ReferenceKind.DATA,
    "auto-map": ReferenceKind.CODE,
    "function-tag": ReferenceKind.CODE,
    "shard-index": ReferenceKind.MODEL,
}
# HDF5 looks for other files in the current folder of the program first, so a file beside this one is not decisive.
_FORMATS_SEARCHING_ELSEWHERE: Final = frozenset({"hdf5"})
_SHARD_INDEX: Final = "shard-index"
# GGUF and TensorFlow keep the names of their parts elsewhere.
_SHARD: Final = defer_pattern(r"-(\d{5})-of-(\d{5})\.(?:safetensors|bin|h5|msgpack)\Z", re.ASCII)
_LINK_REASONS: Final = frozenset({UnreadReason.LINK_OUTSIDE, UnreadReason.LINK_DANGLING})
_READ_STATES: Final = frozenset({"present", "too-short", "hard-link"})
"""The states in which the target is a file of the snapshot that was read."""


class _FileIndex(Struct, frozen=True):
    """The files of a snapshot by path, the folders with entries that are counted and not listed, and bookkeeping."""

    files: Mapping[str, Artifact]
    partly_listed_folders: frozenset[str]
    bookkeeping: tuple[str, ...]


class ReferencedPaths(Struct, frozen=True):
    """The paths of the files that other files name as their tensor data (``data``) or as code to import (``code``)."""

    data: frozenset[str]
    code: frozenset[str]


def build_reference_subjects(
    references: Iterable[tuple[str, References]], artifacts: Iterable[Artifact], bookkeeping: Collection[str] = ()
) -> Iterator[Subject]:
    """Yield one subject for every reference, with the state of its target.

    Args:
        references: the references as read, with the address of the file that contains them.
        artifacts: all files of the snapshot.
        bookkeeping: the folders of records of git and of the Hub's client, whose files are no artifacts.
    """
    index = _index_files(artifacts, bookkeeping)
    for address, group in references:
        for reference in group.items:
            yield _build_subject(address, group.format, reference, index)


def collect_referenced_paths(
    references: Iterable[tuple[str, References]], artifacts: Iterable[Artifact]
) -> ReferencedPaths:
    """Return the paths that references name as data and as code; the arguments are those of the subjects.

    They are needed before any reference is judged. The subjects of a hostile file would not fit into memory at once.
    """
    index = _index_files(artifacts)
    data, code = set(), set()
    for address, group in references:
        for reference in group.items:
            if reference.kind is ReferenceKind.CODE:
                code.add(_resolve_target(address, reference)[1])
            elif reference.kind is ReferenceKind.DATA:
                state, path = _locate_target(address, group.format, reference, index)
                if state in _READ_STATES:
                    data.add(path)
    return ReferencedPaths(frozenset(data), frozenset(code))


def resolve_code_target(address: str, reference: Reference) -> str:
    """Return the path within the snapshot of the code that a file names; a web address stays as it is."""
    return _resolve_target(address, reference)[1]


def build_shard_subjects(
    references: Iterable[tuple[str, References]], artifacts: Iterable[Artifact]
) -> Iterator[Subject]:
    """Yield one subject for every file whose name makes it one part of several, and that no index names.

    Args:
        references: as for ``build_reference_subjects``.
        artifacts: all files of the snapshot.
    """
    indexes = [(address, group) for address, group in references if group.format == _SHARD_INDEX]
    named = {_resolve_target(address, item)[1] for address, group in indexes for item in group.items}
    folders = {posixpath.dirname(file_of(address)): file_of(address) for address, _ in indexes}
    for artifact in artifacts:
        match = _SHARD.search(artifact.path)
        if match is None or artifact.path in named:
            continue
        index = folders.get(posixpath.dirname(artifact.path))
        detail = f"{index} leaves it out" if index else "its folder has no index"
        detail = f"it is part {int(match[1])} of {int(match[2])}, and {detail}"
        fields: dict[str, Scalar] = {"state": "in-no-index", "detail": detail}
        yield Subject("shard", artifact.path, fields, "shard", evidence=(detail,))


def _index_files(artifacts: Iterable[Artifact], bookkeeping: Collection[str] = ()) -> _FileIndex:
    """Return the index of the files of a snapshot."""
    files = {artifact.path: artifact for artifact in artifacts}
    partly_listed_folders = frozenset(
        posixpath.dirname(path)
        for path, artifact in files.items()
        if artifact.obstacle is not None and artifact.obstacle.further_files
    )
    return _FileIndex(files, partly_listed_folders, tuple(bookkeeping))


def _locate_target(address: str, format_: str, reference: Reference, index: _FileIndex) -> tuple[str, str]:
    """Return the state of the target of a reference in the file ``address``, and the target's path."""
    spelled_state, path = _resolve_target(address, reference)
    if format_ == RECORD_PATH:
        # A program resolves the path in its own folder, which may be any folder of the model.
        is_folder = any(_has_records(folder, reference.target, index) for folder in index.bookkeeping)
        return ("bookkeeping" if is_folder else "missing"), reference.target
    # Python would run a file whose name shows no code.
    is_hidden = format_ in _RUN_AS_PYTHON and not path.lower().endswith(_CODE_EXTENSIONS)
    found_state = "disguised" if is_hidden else _find_state(path, reference, index)
    return spelled_state or found_state, path


def _build_subject(address: str, format_: str, reference: Reference, index: _FileIndex) -> Subject:
    """Return the subject of one reference.

    Args:
        address: the file that contains the reference.
        format_: its format.
        reference: the reference as read.
        index: the files of the snapshot.
    """
    state, path = _locate_target(address, format_, reference, index)
    target_file = index.files.get(path)
    size = target_file.size if target_file else None
    fields: dict[str, Scalar] = {
        "format": format_,
        "kind": reference.kind.value,
        "by": reference.named_by,
        "target": reference.target,
        "path": path,
        "state": state,
        "size": size,
        "needs": reference.min_size,
    }
    named_by = f"{reference.named_by}: " if reference.named_by else ""
    if state == "too-short":
        fields["shortfall"] = f"{reference.target} has {size} bytes, and {reference.min_size} are needed"
    elif state == "link":
        fields["shortfall"] = f"{reference.target} is a link that was not followed"
    figures = f": {size} bytes, but {reference.min_size} are needed" if state == "too-short" else ""
    evidence = (f"{named_by}{reference.target} ({state}{figures})",)
    key = f"{reference.kind} {reference.named_by} {reference.target}"
    absence = _find_unmatched_absence(format_, reference, state)
    # The tensors of the format are not all there, as in a file that ends too early.
    is_cut = state == "too-short" and reference.kind is ReferenceKind.DATA
    is_cut = is_cut and format_ not in _FORMATS_SEARCHING_ELSEWHERE
    always = UnreadReason.DAMAGED if is_cut else None
    missing = path if state == "missing" else ""
    return Subject("reference", address, fields, key, reference.where, evidence, (), always, absence, missing)


def _find_unmatched_absence(format_: str, reference: Reference, state: str) -> UnreadReason | None:
    """Return the absence that remains where no rule matches such a reference; ``None`` for an ordinary one.

    A missing file is ordinary: repositories leave out notes and pictures. A graph cannot be loaded without its external
    data, nor a model without the shards of its index or the code that its ``auto_map`` names. Native code always
    matters, and any other state means that the path leads to something that was not read.
    """
    if state == "missing" and reference.kind is _NEEDED_KINDS.get(format_):
        return UnreadReason.CONTENT_ABSENT
    is_ordinary = state in ("present", "missing") and reference.kind is not ReferenceKind.LIBRARY
    is_ordinary = is_ordinary and format_ not in _FORMATS_SEARCHING_ELSEWHERE
    return None if is_ordinary else UnreadReason.UNJUDGED


def _resolve_target(address: str, reference: Reference) -> tuple[str, str]:
    """Return the state that follows from the spelling alone, or an empty text, and the address within the snapshot."""
    target = reference.target
    if _WEB_ADDRESS.match(target):
        return "web", target
    if reference.kind is ReferenceKind.CODE and _FOREIGN_SEPARATOR in target:
        return "foreign-repository", target
    if _ABSOLUTE_PATH.match(target):
        return "absolute", target
    folder = posixpath.dirname(file_of(address))
    posix_target = target.replace("\\", "/")
    path = posixpath.normpath(posixpath.join(folder, write_file_address(posix_target)))
    # A path that leaves a folder and comes back is suspicious: the folder may be a link elsewhere (CVE-2024-27318).
    if path == ".." or path.startswith("../"):
        return "outside", path
    return ("detour" if ".." in posix_target.split("/") else ""), path


def _is_bookkeeping(path: str, index: _FileIndex) -> bool:
    """Whether a path lies in a folder of records, and is not a file of the model."""
    return path not in index.files and any(path.startswith(f"{folder}/") for folder in index.bookkeeping)


def _has_records(folder: str, target: str, index: _FileIndex) -> bool:
    """Whether a folder of records may hold ``target``, a path that begins with the name of such a folder."""
    for name in (".git", ".cache/huggingface"):
        if target.startswith(f"{name}/") and (folder == name or folder.endswith(f"/{name}")):
            return folder + target.removeprefix(name) not in index.files
    return False


def _find_state(path: str, reference: Reference, index: _FileIndex) -> str:
    """Return the state of the file at ``path``: link, bookkeeping, missing, too-short, hard-link or present.

    A path that is not listed counts as a link if it may be one of the unlisted entries of its folder.
    """
    parts = path.split("/")
    # The path itself may be a link, or a folder above it.
    for length in range(1, len(parts) + 1):
        entry = index.files.get("/".join(parts[:length]))
        if entry is not None and entry.obstacle is not None and entry.obstacle.reason in _LINK_REASONS:
            return "link"
    target_file = index.files.get(path)
    if target_file is None and _is_bookkeeping(path, index):
        return "bookkeeping"
    if target_file is None:
        may_be_unlisted = any("/".join(parts[:length]) in index.partly_listed_folders for length in range(len(parts)))
        return "link" if may_be_unlisted else "missing"
    if target_file.size < reference.min_size:
        return "too-short"
    return "hard-link" if target_file.outside_hard_links else "present"
