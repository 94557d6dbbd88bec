"""A pack of rules: a zip archive with every file of a rule set, and a signed statement on each of them."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from msgspec import Struct

from modelaudit.integrity.bundles import Bundle, parse_bundle
from modelaudit.integrity.names import find_clashing_names
from modelaudit.integrity.statements import parse_statement
from modelaudit.integrity.strict_json import shorten
from modelaudit.integrity.subjects import build_entries_statement, read_entries
from modelaudit.model.errors import SignatureError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.tree import EntryKind, TreeEntry

RULES: Final = "urn:modelaudit:rules:v1"
STATEMENT_NAME: Final = "statement.json"
MOST_PACK_BYTES: Final = 64 * 1024 * 1024
"""The largest pack, and the most bytes of its files together."""
_MOST_FILES: Final = 20_000
_END: Final = struct.Struct("<4s4H2LH")
"""The end of the central directory (APPNOTE 6.3.10, section 4.3.16)."""
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_PART: Final = r"[A-Za-z0-9_+][A-Za-z0-9._+-]*"
_NAME: Final = defer_pattern(rf"({_PART}/)*{_PART}\.yaml")
"""The names of rule files: no part begins with a dot, and none means another place on any system."""
_DIRECTORY_ENTRY: Final = b"PK\x01\x02"
"""Begins each entry of the directory of a zip archive (APPNOTE.TXT, section 4.3.12)."""
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED: Final = 0x1
"""The bit of the flags of an entry that says so (APPNOTE.TXT, section 4.4.4)."""


class RulePack(Struct, frozen=True):
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
    return build_entries_statement(RULES, list_entries(files))


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
    if len(data) > MOST_PACK_BYTES:
        raise SignatureError(f"it is larger than {MOST_PACK_BYTES:,} bytes, so it is not read")
    # Before the directory is read, because each of its entries takes memory.
    if data.count(_DIRECTORY_ENTRY) > _MOST_FILES:
        raise SignatureError(f"it has more than {_MOST_FILES:,} files, so it is not read")
    try:
        files = _unpack(data)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise SignatureError(f"it is not a pack of rules: {error}") from error
    if STATEMENT_NAME not in files:
        raise SignatureError(f"it is not a pack of rules: it holds no {STATEMENT_NAME}")
    if not _is_whole_archive(data):
        raise SignatureError("it has bytes before, behind or between its files, so it is not a pack as it was written")
    bundle = parse_bundle(files.pop(STATEMENT_NAME))
    entries, _, _ = read_entries(parse_statement(bundle.envelope.payload), RULES, "the statement")
    if entries != list_entries(files):
        raise SignatureError(_describe_difference(files, {each.path: each.sha256 for each in entries}))
    return RulePack(files, bundle)


def _describe_difference(files: Mapping[str, bytes], stated: Mapping[str, str | None]) -> str:
    """Describe the first file that differs from the statement."""
    found = {name: sha256(data).hexdigest() for name, data in files.items()}
    for name in sorted(found.keys() | stated.keys()):
        if name not in found:
            return f"it lacks {shorten(name)}, which its statement names"
        if name not in stated:
            return f"it holds {shorten(name)}, which its statement does not name"
        if found[name] != stated[name]:
            return f"{shorten(name)} has other bytes than its statement names"
    return "its statement names its files in another way"


def _unpack(data: bytes) -> dict[str, bytes]:
    """Return the files of an archive.

    Raises:
        ValueError: there are too many or too large ones, a name that no rule file has, or a member that is no file.
    """
    files: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        left = MOST_PACK_BYTES
        for member in archive.infolist():
            _check_member(member)
            if member.filename in files:
                raise ValueError(f"it holds {shorten(member.filename)} twice")
            with archive.open(member) as file:
                content = file.read(left + 1)
            left -= len(content)
            if left < 0:
                raise ValueError(f"its files have more than {MOST_PACK_BYTES:,} bytes")
            files[member.filename] = content
    for first, second, problem in find_clashing_names(sorted(files)):
        raise ValueError(f"{shorten(first)} and {shorten(second)} {problem}")
    return files


def _check_member(member: zipfile.ZipInfo) -> None:
    """Check that a member is an ordinary file of a rule set, or the statement. Raises ``ValueError``."""
    name = shorten(member.orig_filename)
    if member.filename != STATEMENT_NAME and not _NAME.fullmatch(member.orig_filename):
        raise ValueError(f"{name} is not the name of a rule file, such as findings/pickle/dangerous-call.yaml")
    # Archives of other systems than Unix state no mode.
    mode = stat.S_IFMT(member.external_attr >> 16)
    if mode not in (0, stat.S_IFREG):
        raise ValueError(f"{name} is a link or another special file")
    if member.compress_type not in _METHODS or member.flag_bits & _ENCRYPTED:
        raise ValueError(f"{name} is encrypted, or compressed by another method than deflate")


def _is_whole_archive(data: bytes) -> bool:
    """Whether an archive consists of its members and its directory alone, without a comment (APPNOTE 6.3.10, 4.3)."""
    end = data[-_END.size :]
    if len(end) < _END.size or not data.startswith(b"PK\x03\x04"):
        return False
    signature, *_, size, start, comment = _END.unpack(end)
    is_at_end = start + size + _END.size == len(data)
    return bool(signature == b"PK\x05\x06" and comment == 0 and is_at_end)
