"""Recognise what the Hub's client keeps for itself in its cache, where a whole cache or repository of it is scanned.

Such a scan reads the blobs and every snapshot as a plain folder. The name of a blob is a claim about its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from modelaudit.model.artifact import Artifact
from modelaudit.sources.cache import claim_by_blob
from modelaudit.sources.download_records import is_cache_tag
from modelaudit.sources.folder_records import FolderRecords
from modelaudit.sources.records import RecordedDescription, read_description_record, read_tree_record
from modelaudit.sources.windows import LocalFile

_MOST_BYTES: Final = 1024
_REPOSITORY: Final = r"(?:.*/)?(?:models|datasets|spaces|kernels)--[^/]+"
_COMMIT: Final = r"[0-9a-f]{40}"
_REFERENCE: Final = re.compile(rf"({_REPOSITORY}/refs)/.+")
_ABSENT: Final = re.compile(rf"({_REPOSITORY}/\.no_exist)/{_COMMIT}/.+")
_LOCK: Final = re.compile(r"((?:.*/)?\.locks)/(?:models|datasets|spaces|kernels)--[^/]+/[^/]+\.lock")
_TREE: Final = re.compile(rf"({_REPOSITORY})/trees/({_COMMIT})(\.description)?\.json")
_BLOB: Final = re.compile(rf"{_REPOSITORY}/blobs/([0-9a-f]{{40}}|[0-9a-f]{{64}})")
_TAG: Final = re.compile(r"(?:(.*)/)?CACHEDIR\.TAG")


def read_cache_folders(records: FolderRecords) -> None:
    """Set the bookkeeping of the cache aside, and add the claims of the names of blobs; nothing in other folders."""
    name = records.root.rpartition("/")[2]
    files = ((path, each.open) for path, each in records.artifacts.items() if isinstance(each.open, LocalFile))
    linked = {file.path for path, file in files if file.path != path}
    for path, artifact in list(records.artifacts.items()):
        # The scanned folder itself may be that of a repository.
        folder = _find_bookkeeping(records, path, artifact, f"{name}/{path}")
        if folder is not None:
            records.set_aside([path], folder.partition("/")[2] or ".")
            continue
        file = artifact.open
        if path in linked and _BLOB.fullmatch(f"{name}/{path}"):
            # It is read under the names that loaders know, which decide what it is.
            records.set_aside([path], path.rpartition("/")[0])
            continue
        blob = _BLOB.fullmatch(f"{name}/{file.path}") if isinstance(file, LocalFile) else None
        if blob is not None:
            records.claims[path] += claim_by_blob(blob[1])


def _find_bookkeeping(records: FolderRecords, path: str, artifact: Artifact, full_path: str) -> str | None:
    """Return the folder that a file of the client belongs to; ``None`` if it is a file of a model."""
    if artifact.open is None:
        return None
    for pattern in (_ABSENT, _LOCK):
        match = pattern.fullmatch(full_path)
        if match is not None and artifact.size == 0:
            return match[1]
    reference = _REFERENCE.fullmatch(full_path)
    if reference is not None and re.fullmatch(_COMMIT.encode() + rb"\n?", records.read(path, _MOST_BYTES) or b""):
        return reference[1]
    tag = _TAG.fullmatch(full_path)
    if tag is not None and is_cache_tag(records.read(path, _MOST_BYTES) or b""):
        return full_path
    tree = _TREE.fullmatch(full_path)
    if tree is None:
        return None
    repository = f"{records.root.rpartition('/')[0]}/{tree[1]}"
    reader = read_description_record if tree[3] else read_tree_record
    is_read = isinstance(reader(repository, tree[2], records.limits), Mapping | RecordedDescription)
    return f"{tree[1]}/trees" if is_read else None
