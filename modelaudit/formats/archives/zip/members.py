"""The members of an archive as artifacts, and whether their bytes are what the archive says of them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from modelaudit.formats.archives.zip import ZipDefect
from modelaudit.formats.archives.zip.records import ENCRYPTED, PATCHED, STORED, STRONG_ENCRYPTION, Member
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import KIB, MIB, Limits
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.decompression import ZIP_CODECS, ContentMeasure, measure_content
from modelaudit.wire.members import DefectLog
from modelaudit.wire.pickle_start import NEWEST, names_protocol
from modelaudit.wire.windows import Budget, DecompressedWindow, SubWindow, read_available

_CHECKED_OF_A_MEMBER = 64 * MIB
_CHECKED_OF_ALL = 256 * MIB
_PROBED = 256 * KIB


class Allowance:
    """How many bytes of content may still be expanded only to check them, for one archive."""

    def __init__(self) -> None:
        self.left = _CHECKED_OF_ALL


class MemberData:
    """The bytes of one member: as stored, expanded, checked."""

    def __init__(self, window: Window, member: Member, limits: Limits, budget: Budget, allowance: Allowance) -> None:
        self.member = member
        self.stored = SubWindow(window, member.data_start, member.stored_size, budget)
        self._limits = limits
        self._allowance = allowance
        self.is_encrypted = self._is_encrypted()

    @property
    def claims_encryption(self) -> bool:
        """Whether either header calls the data encrypted."""
        return bool((self.member.entry.flags | self.member.local.flags) & (ENCRYPTED | STRONG_ENCRYPTION))

    def _is_encrypted(self) -> bool:
        """Whether the data are encrypted in fact.

        A flag alone proves nothing: torch ignores one in a local header, and a lenient reader any (CVE-2025-1945).
        Encrypted data are 12 bytes longer than what they hold (APPNOTE.TXT section 6.1) and do not expand.
        """
        entry = self.member.entry
        if not self.claims_encryption or entry.method not in ZIP_CODECS:
            return self.claims_encryption
        if entry.method == STORED and entry.stored_size == entry.size:
            return False
        head = read_available(self.stored, 0, 2)
        if names_protocol(head, NEWEST):
            return False
        if entry.method == STORED or self._allowance.left <= 0:
            return entry.method == STORED
        found = self._measure(min(entry.size, _PROBED))
        return found.broken is not None or (found.whole and found.crc != entry.crc and found.size != entry.size)

    def is_worth_checking(self) -> bool:
        """Whether the content is small enough, and enough of the allowance left, to compute its checksum."""
        cost = max(self.member.entry.size, self.stored.size)
        return cost <= min(_CHECKED_OF_A_MEMBER, self._allowance.left) and self.obstacle() is None

    def measured(self) -> ContentMeasure:
        """The size and checksum of the content, followed to just beyond its stated size."""
        return self._measure(self.member.entry.size)

    def _measure(self, most: int) -> ContentMeasure:
        found = measure_content(self.stored, ZIP_CODECS[self.member.entry.method], self.member.entry.size, most)
        self._allowance.left -= max(found.size, found.consumed)
        return found

    def open(self) -> AbstractContextManager[Window]:
        """A window onto the content; only valid while the archive's own window is open."""
        entry = self.member.entry
        if entry.method == STORED:
            return nullcontext(self.stored)
        return DecompressedWindow(self.stored, ZIP_CODECS[entry.method], entry.size, self._limits)

    def obstacle(self) -> Unread | None:
        """Why the content cannot be had, if it cannot."""
        entry = self.member.entry
        where = Location(offset=self.member.local.offset, key=entry.name)
        if self.is_encrypted:
            return Unread(UnreadReason.ENCRYPTED, f"{entry.name!r} is encrypted", where)
        if entry.method not in ZIP_CODECS:
            return Unread(UnreadReason.NO_READER, f"no reader for {entry.compression} compression", where)
        return None

    def artifact(self, path: str, content: str | None) -> Artifact:
        """The member as a child artifact at ``path``."""
        entry = self.member.entry
        size = self.stored.size if entry.method == STORED else entry.size
        obstacle = self.obstacle()
        return Artifact(path, size, None if obstacle else self.open, obstacle=obstacle, content=content)


def compare_flags(data: MemberData, log: DefectLog) -> None:
    """Note encryption that is claimed, and whether the claim is true."""
    member = data.member
    name, offset = member.entry.name, member.local.offset
    if data.claims_encryption:
        if data.is_encrypted:
            log.add(ZipDefect.ENCRYPTED_MEMBER, f"{name!r} is encrypted", offset, name)
        else:
            detail = f"{name!r} is called encrypted and is not: loaders disagree about reading it"
            log.add(ZipDefect.FALSE_ENCRYPTION_FLAG, detail, offset, name)
    if (member.entry.flags | member.local.flags) & PATCHED:
        detail = f"{name!r} is called patch data (flag bit 5): some loaders refuse it, others read it"
        log.add(ZipDefect.PATCH_FLAG, detail, offset, name)


def compare_content(data: MemberData, log: DefectLog) -> None:
    """Note content that is not of the size or checksum that the archive states for it."""
    member = data.member
    entry = member.entry
    name, offset = entry.name, member.local.offset
    found = data.measured()
    if found.broken is not None:
        log.add(ZipDefect.DAMAGED_CONTENT, f"{name!r}: {found.broken}", offset, name)
        return
    if not found.whole:
        log.add(
            ZipDefect.SIZE_MISMATCH, f"{name!r} holds more than the {entry.size} bytes that are stated", offset, name
        )
        return
    if found.size != entry.size:
        detail = f"{name!r} holds {found.size} bytes where {entry.size} are stated"
        log.add(ZipDefect.SIZE_MISMATCH, detail, offset, name)
    if found.crc != entry.crc and not _checksum_deferred(member):
        detail = f"{name!r} has CRC-32 {found.crc:08x} where {entry.crc:08x} is stated"
        log.add(ZipDefect.CRC_MISMATCH, detail, offset, name)
    if found.consumed < member.stored_size:
        detail = f"{member.stored_size - found.consumed} bytes follow the end of the compressed data of {name!r}"
        log.add(ZipDefect.DATA_AFTER_STREAM, detail, offset, name)


def _checksum_deferred(member: Member) -> bool:
    """Found by walking, with its checksum in a descriptor that need not be there any more."""
    return not member.entry.listed and member.entry.crc == 0
