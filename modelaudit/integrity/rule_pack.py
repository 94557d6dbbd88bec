"""A pack of rules: a zip archive with every file of a rule set, and a signed statement on each of them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from modelaudit.integrity.bundles import Bundle, parse_bundle
from modelaudit.integrity.statements import STATEMENT, parse_statement
from modelaudit.integrity.strict_json import shorten, take_list
from modelaudit.integrity.subjects import build_entry, build_subjects, check_subjects, read_entry
from modelaudit.model.errors import SignatureError
from modelaudit.model.tree import EntryKind, TreeEntry

RULES: Final = "urn:modelaudit:rules:v1"
STATEMENT_NAME: Final = "statement.json"
MOST_BYTES: Final = 64 * 1024 * 1024
"""The largest pack, and the most bytes of its files together."""
_MOST_FILES: Final = 20_000
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class RulePack:
    """A pack, before its signature is verified.

    Attributes:
        files: the content of each file, by its path below the rule set.
        bundle: the signed statement, which names exactly these files with their digests.
    """

    files: Mapping[str, bytes]
    bundle: Bundle


def list_entries(files: Mapping[str, bytes]) -> tuple[TreeEntry, ...]:
    """List the entries of a rule set."""
    return tuple(
        TreeEntry(path, EntryKind.FILE, False, len(data), sha256(data).hexdigest())
        for path, data in sorted(files.items())
    )


def build_statement(files: Mapping[str, bytes]) -> bytes:
    """Build the payload that a pack is signed with."""
    entries = list_entries(files)
    statement = {
        "_type": STATEMENT,
        "predicateType": RULES,
        "subject": list(build_subjects(entries, None)),
        "predicate": {"entries": [build_entry(entry) for entry in entries]},
    }
    return json.dumps(statement, sort_keys=True, separators=(",", ":")).encode("ascii")


def write_pack(files: Mapping[str, bytes], bundle: bytes) -> bytes:
    """Write a pack; equal files and an equal bundle give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in ((STATEMENT_NAME, bundle), *sorted(files.items())):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return buffer.getvalue()


def read_pack(data: bytes) -> RulePack:
    """Read a pack, and compare each file with the statement; the signature is not checked.

    Raises:
        SignatureError: it is not a pack, is too large, or its files are not those of the statement.
    """
    if len(data) > MOST_BYTES:
        raise SignatureError(f"it is larger than {MOST_BYTES:,} bytes, so it is not read")
    try:
        files = _unpack(data)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise SignatureError(f"it is not a pack of rules: {error}") from error
    bundle = parse_bundle(files.pop(STATEMENT_NAME, b""))
    statement = parse_statement(bundle.envelope.payload)
    if statement.predicate_type != RULES:
        raise SignatureError(f"it holds {shorten(statement.predicate_type)} in the place of {RULES}")
    entries = tuple(map(read_entry, take_list(statement.predicate, "entries", "the statement")))
    check_subjects(statement, entries)
    if entries != list_entries(files):
        raise SignatureError("its files are not those of its statement")
    return RulePack(files, bundle)


def _unpack(data: bytes) -> dict[str, bytes]:
    """Return the files of the archive. Raises ``ValueError`` for too many or too large ones, or a repeated name."""
    files: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members: Sequence[zipfile.ZipInfo] = archive.infolist()
        if len(members) > _MOST_FILES:
            raise ValueError(f"it has {len(members):,} files, and at most {_MOST_FILES:,} are read")
        left = MOST_BYTES
        for member in members:
            with archive.open(member) as file:
                content = file.read(left + 1)
            left -= len(content)
            if left < 0:
                raise ValueError(f"its files have more than {MOST_BYTES:,} bytes")
            if member.filename in files:
                raise ValueError(f"it holds {member.filename!r} twice")
            files[member.filename] = content
    return files
