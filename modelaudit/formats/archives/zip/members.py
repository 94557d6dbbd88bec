"""Open the members of a ZIP archive as artifacts, and check their flags, size and checksum against the content."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from modelaudit.formats.archives.zip import ZipDefect
from modelaudit.formats.archives.zip.records import ENCRYPTED_FLAG, PATCH_FLAG, STORED, STRONG_ENCRYPTION_FLAG, Member
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import KIB, MIB, Limits
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.decompression import ZIP_CODECS, ContentMeasure, measure_content
from modelaudit.wire.members import DefectLog
from modelaudit.wire.pickle_start import NEWEST_PROTOCOL, begins_with_protocol
from modelaudit.wire.windows import Budget, DecompressedWindow, SubWindow, read_available

_MAX_CHECKED_PER_MEMBER = 64 * MIB
_MAX_CHECKED_PER_ARCHIVE = 256 * MIB
_PROBE_BYTES = 256 * KIB  # of content, to find out whether data are really encrypted


class CheckAllowance:
    """The number of bytes of one archive that may still be decompressed for checks alone.

    Readers decompress the members again. The bound keeps the checks from doubling the cost of a large archive.
    """

    def __init__(self) -> None:
        self.remaining_bytes = _MAX_CHECKED_PER_ARCHIVE
        # Members can share their data, which are then measured once: by start, length, method, stated size and bound.
        self.measures: dict[tuple[int, int, int, int, int], ContentMeasure] = {}


class MemberData:
    """The data of one member: opens and measures its content.

    Attributes:
        member: the entry and the place of its data.
        stored: a window on the stored bytes.
        is_encrypted: whether the data are really encrypted, whatever the flags claim.
        used_bytes: stored bytes that the content takes; all of them until the content was decompressed to its end.
    """

    __slots__ = ("_allowance", "_limits", "is_encrypted", "member", "stored", "used_bytes")

    def __init__(
        self, window: Window, member: Member, limits: Limits, budget: Budget, allowance: CheckAllowance
    ) -> None:
        self.member = member
        self.stored = SubWindow(window, member.data_start, member.stored_size, budget)
        self.used_bytes = member.stored_size
        self._limits = limits
        self._allowance = allowance
        self.is_encrypted = self._is_encrypted()

    @property
    def claims_encryption(self) -> bool:
        """Whether the directory entry or the local header marks the data as encrypted."""
        return bool((self.member.entry.flags | self.member.local.flags) & (ENCRYPTED_FLAG | STRONG_ENCRYPTION_FLAG))

    def _is_encrypted(self) -> bool:
        """Whether the data are really encrypted.

        A flag is not proof: torch ignores the flag of a local header, and lenient readers ignore any flag
        (CVE-2025-1945). Encryption adds 12 bytes to the data (APPNOTE.TXT section 6.1), and encrypted data do not
        decompress.
        """
        entry = self.member.entry
        if not self.claims_encryption or entry.method not in ZIP_CODECS:
            return self.claims_encryption
        # Without the 12 bytes of the cipher header, the data are plain.
        if entry.method == STORED and entry.stored_size == entry.size:
            return False
        head = read_available(self.stored, 0, 2)
        # Cipher text begins with random bytes and hardly ever with the protocol opcode of a pickle.
        if begins_with_protocol(head, NEWEST_PROTOCOL):
            return False
        # Stored data offer nothing else to test, so the flag is believed.
        if entry.method == STORED:
            return True
        # Without a trial the data count as plain, so that they are read; cipher text then fails to decompress.
        if self._allowance.remaining_bytes <= 0:
            return False
        measure = self._measure_up_to(min(entry.size, _PROBE_BYTES))
        # A single difference may be a forged field of plain data.
        has_other_content = measure.is_complete and measure.crc != entry.crc and measure.size != entry.size
        return measure.damage is not None or has_other_content

    def is_worth_checking(self) -> bool:
        """Whether the content is small enough and the allowance large enough to compute its checksum."""
        cost = max(self.member.entry.size, self.stored.size)
        return cost <= min(_MAX_CHECKED_PER_MEMBER, self._allowance.remaining_bytes) and self.find_obstacle() is None

    def measure_content(self) -> ContentMeasure:
        """Measure the size and checksum of the content, decompressing it to just beyond its stated size."""
        measure = self._measure_up_to(self.member.entry.size)
        if measure.is_complete:
            self.used_bytes = measure.consumed
        return measure

    def _measure_up_to(self, most: int) -> ContentMeasure:
        """Decompress up to ``most`` bytes to measure them, at the cost of the allowance."""
        member, entry = self.member, self.member.entry
        key = (member.data_start, member.stored_size, entry.method, entry.size, most)
        measure = self._allowance.measures.get(key)
        if measure is None:
            measure = measure_content(self.stored, ZIP_CODECS[entry.method], entry.size, most)
            self._allowance.measures[key] = measure
            self._allowance.remaining_bytes -= max(measure.size, measure.consumed)
        return measure

    def open(self) -> AbstractContextManager[Window]:
        """Open a window on the content. It is valid while the window of the archive is open."""
        entry = self.member.entry
        if entry.method == STORED:
            return nullcontext(self.stored)
        return DecompressedWindow(self.stored, ZIP_CODECS[entry.method], entry.size, self._limits)

    def find_obstacle(self) -> Unread | None:
        """Return the absence if the content cannot be read, otherwise ``None``."""
        entry = self.member.entry
        where = Location(offset=self.member.local.offset, key=entry.name)
        if self.is_encrypted:
            return Unread(UnreadReason.ENCRYPTED, f"{entry.name!r} is encrypted", where)
        if entry.method not in ZIP_CODECS:
            return Unread(UnreadReason.NO_READER, f"no reader for {entry.compression} compression", where)
        return None

    def make_artifact(self, path: str, content: str | None) -> Artifact:
        """Return the member as a child artifact at ``path``; ``content`` is its type if the layout decides it."""
        entry = self.member.entry
        size = self.stored.size if entry.method == STORED else entry.size
        obstacle = self.find_obstacle()
        return Artifact(path, size, None if obstacle else self.open, obstacle=obstacle, content=content)


def check_flags(data: MemberData, log: DefectLog) -> None:
    """Record encrypted data, a flag that wrongly claims encryption, and the flag for patch data."""
    member = data.member
    name, offset = member.entry.name, member.local.offset
    if data.claims_encryption:
        if data.is_encrypted:
            log.add(ZipDefect.ENCRYPTED_MEMBER, f"{name!r} is encrypted", offset, name)
        else:
            detail = f"{name!r} is marked as encrypted but is not: loaders disagree on whether to read it"
            log.add(ZipDefect.FALSE_ENCRYPTION_FLAG, detail, offset, name)
    if (member.entry.flags | member.local.flags) & PATCH_FLAG:
        detail = f"{name!r} is marked as patch data (flag bit 5): some loaders refuse it, others read it"
        log.add(ZipDefect.PATCH_FLAG, detail, offset, name)


def check_content(data: MemberData, log: DefectLog) -> None:
    """Record content that is damaged, contradicts the size or checksum of its entry, or has bytes after its end."""
    member = data.member
    entry = member.entry
    name, offset = entry.name, member.local.offset
    measure = data.measure_content()
    if measure.damage is not None:
        log.add(ZipDefect.DAMAGED_CONTENT, f"{name!r}: {measure.damage}", offset, name)
        return
    if not measure.is_complete:
        log.add(ZipDefect.SIZE_MISMATCH, f"{name!r} holds more than the stated {entry.size} bytes", offset, name)
        return
    if measure.size != entry.size:
        detail = f"{name!r} holds {measure.size} bytes, the archive states {entry.size}"
        log.add(ZipDefect.SIZE_MISMATCH, detail, offset, name)
    if measure.crc != entry.crc and not _is_checksum_deferred(member):
        detail = f"{name!r} has the CRC-32 {measure.crc:08x}, the archive states {entry.crc:08x}"
        log.add(ZipDefect.CRC_MISMATCH, detail, offset, name)
    if measure.consumed < member.stored_size:
        detail = f"{member.stored_size - measure.consumed} bytes follow the end of the compressed data of {name!r}"
        log.add(ZipDefect.DATA_AFTER_STREAM, detail, offset, name)


def _is_checksum_deferred(member: Member) -> bool:
    """Whether the checksum is unknown: no directory lists the member, and its local header states none."""
    return not member.entry.listed and member.entry.crc == 0
