"""A folder as a source, with what the records of downloads and checkouts in it state."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

from modelaudit.model.artifact import ModelRef, RefKind, Snapshot
from modelaudit.model.limits import Limits
from modelaudit.sources.cache_folders import read_cache_folders
from modelaudit.sources.checkouts import read_checkouts
from modelaudit.sources.download_records import read_download_records
from modelaudit.sources.folder_records import FolderRecords, apply_records
from modelaudit.sources.local import FolderLinks, list_folder


class FolderSource(Struct, frozen=True):
    """A folder with everything below it, less the bookkeeping of git and of the Hub's client."""

    name: str
    limits: Limits

    def snapshot(self) -> Snapshot:
        """Return the snapshot of the folder, with the claims of its records.

        Raises:
            SourceError: the folder cannot be listed.
        """
        root = os.path.realpath(self.name)
        links = FolderLinks(root, self.limits)
        artifacts, notes = list_folder(root, self.name, self.limits, links.resolve_entry, counts_hard_links=True)
        by_path = {artifact.path: artifact for artifact in artifacts}
        records = FolderRecords(root, by_path, self.limits, frozenset(links.linked_folders))
        read_checkouts(records)
        read_download_records(records)
        read_cache_folders(records)
        return apply_records(
            records, Snapshot(ModelRef(RefKind.FOLDER, self.name), None, artifacts, root, Path(root), notes)
        )
