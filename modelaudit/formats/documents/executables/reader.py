"""Recognise executables whatever their names: programs, libraries, installers, shortcuts and self-extracting scripts.

The reader does not analyse the code: a model repository needs no executable, so its presence is the fact to report.
It recognises each kind by its structure, because short magic numbers occur in weights by chance.

Sources: ``elf(5)``; the PE format of Microsoft; ``mach-o/loader.h`` and ``mach-o/fat.h``; chapter 4 of the Java Virtual
Machine Specification; the WebAssembly core specification; the Dalvik executable format; ``justine.lol/ape.html``;
MS-SHLLINK; ``rpm`` file format; ``deb(5)``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.ledger import claim_data
from modelaudit.wire.text import looks_like_text

# By the field e_type of the ELF header.
_ELF_KINDS: Final = {1: "object file", 2: "executable", 3: "shared library or executable", 4: "core dump"}
_MACHO_BYTE_ORDERS: Final = {
    b"\xfe\xed\xfa\xce": "big", b"\xfe\xed\xfa\xcf": "big",
    b"\xce\xfa\xed\xfe": "little", b"\xcf\xfa\xed\xfe": "little",
}  # fmt: skip
# By the field filetype of the Mach-O header.
_MACHO_KINDS: Final = {1: "object file", 2: "executable", 6: "shared library", 8: "bundle"}
_MOST_LOAD_COMMANDS: Final = 100_000
_MOST_MACHO_PROCESSORS: Final = 42
# Major versions of class files: 45 is Java 1.1; the upper bound leaves room for releases to come.
_FIRST_JAVA_VERSION: Final = 45
_LAST_JAVA_VERSION: Final = 120
_DISK_IMAGE_TRAILER_BYTES: Final = 512
# The signature ``PE\0\0`` and the COFF header.
_PE_HEADER_BYTES: Final = 24
# The fields SizeOfRawData and PointerToRawData of a row of the section table.
_PE_SECTION: Final = struct.Struct("<16xII16x")
_PE_DLL_FLAG: Final = 0x2000
# The header size 0x4c and the class identifier 00021401-0000-0000-C000-000000000046 (MS-SHLLINK, 2.1).
_SHORTCUT: Final = bytes.fromhex("4c0000000114020000000000c000000000000046")
# Words that the generators of self-extracting scripts write, such as ``__ARCHIVE_BELOW__`` before the archive.
_PACKED_MARKS: Final = defer_pattern(
    rb"Makeself|__ARCHIVE(?:_BELOW)?__|BEGIN_PAYLOAD|PAYLOAD_LINE|SKIP_LINES", re.IGNORECASE
)
_MAGIC_NUMBERS: Final = (
    (b"dex\n", "Android program"),
    (b"!<arch>\ndebian-binary", "installer for Debian"),
    (b"!<arch>\n", "library of object files"),
    (b"\xed\xab\xee\xdb\x03", "installer for RPM systems"),
    (b"\xed\xab\xee\xdb\x04", "installer for RPM systems"),
    (b"xar!\x00\x1c", "installer for macOS"),
    (b"MSCF\x00\x00\x00\x00", "cabinet of Windows"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "installer or compound document of Windows"),
    (_SHORTCUT, "shortcut of Windows"),
)


class Program(NamedTuple):
    """A detected program.

    Attributes:
        kind: a description, such as ``Java class``.
        least_size: the size in bytes that the file must have at least, computed from its tables; 0 if unknown.
    """

    kind: str
    least_size: int = 0


def _parse_elf(data: bytes, window: Window) -> Program | None:
    """Parse the header of an ELF program; ``None`` if ``data`` is not an ELF header.

    The least size is the end of the section table, which linkers usually write last.
    """
    # 52 bytes are the header of 32-bit programs, the shorter one. Bytes 4 to 6 are the class, byte order and version.
    if len(data) < 52 or data[:4] != b"\x7fELF" or data[4] not in (1, 2) or data[5] not in (1, 2) or data[6] != 1:
        return None
    order = "little" if data[5] == 1 else "big"
    is_64_bit = data[4] == 2

    def read_number(offset: int, length: int) -> int:
        return int.from_bytes(data[offset : offset + length], order)  # type: ignore[arg-type]

    kind = _ELF_KINDS.get(read_number(16, 2), "program")
    # The fields e_shoff, e_shentsize and e_shnum.
    table_offset = read_number(40, 8) if is_64_bit else read_number(32, 4)
    row_size = read_number(58, 2) if is_64_bit else read_number(46, 2)
    row_count = read_number(60, 2) if is_64_bit else read_number(48, 2)
    return Program(f"Linux {kind} (ELF)", table_offset + row_size * row_count)


def _parse_pe(data: bytes, window: Window) -> Program | None:
    """Parse a program for Windows (PE) or one for several systems (APE); ``None`` if it is neither.

    The least size is the end of the section table or, if it is larger, the end of the last section.
    """
    if data.startswith((b"MZqFpD", b"jartsr='")):
        return Program("program for any system (APE), as llamafile makes them")
    if not data.startswith(b"MZ") or len(data) < 64:
        return None
    # The PE header may be at any offset, because a program for DOS precedes it. Bytes 60 to 63 state the offset.
    start = int.from_bytes(data[60:64], "little")
    header = window.read(start, _PE_HEADER_BYTES)
    if header[:4] != b"PE\0\0":
        return None
    if len(header) < _PE_HEADER_BYTES:
        return Program("Windows executable (PE)", start + _PE_HEADER_BYTES)
    section_count = int.from_bytes(header[6:8], "little")
    # The section table follows the optional header, whose size is at 20.
    table_start = start + _PE_HEADER_BYTES + int.from_bytes(header[20:22], "little")
    table_bytes = _PE_SECTION.size * section_count
    table = window.read(table_start, table_bytes)
    end = table_start + table_bytes
    # Of a truncated table, only the whole rows are parsed.
    whole_rows = table[: len(table) - len(table) % _PE_SECTION.size]
    for size_of_raw_data, pointer_to_raw_data in _PE_SECTION.iter_unpack(whole_rows):
        end = max(end, pointer_to_raw_data + size_of_raw_data)
    characteristics = int.from_bytes(header[22:24], "little")
    return Program(f"Windows {'library' if characteristics & _PE_DLL_FLAG else 'executable'} (PE)", end)


def _parse_macho(data: bytes, window: Window) -> Program | None:
    """Parse the header of a Mach-O program for one processor; ``None`` if ``data`` is not such a header."""
    order = _MACHO_BYTE_ORDERS.get(data[:4])
    if order is None or len(data) < 28:
        return None
    file_type = int.from_bytes(data[12:16], order)  # type: ignore[arg-type]
    command_count = int.from_bytes(data[16:20], order)  # type: ignore[arg-type]
    command_bytes = int.from_bytes(data[20:24], order)  # type: ignore[arg-type]
    # A load command has at least eight bytes: its type and its size.
    if not 0 < file_type < 16 or not 0 < command_count < _MOST_LOAD_COMMANDS or command_bytes < 8 * command_count:
        return None
    # The load commands follow the header of 28 bytes.
    return Program(f"macOS {_MACHO_KINDS.get(file_type, 'program')} (Mach-O)", command_bytes + 28)


def _parse_java_or_fat(data: bytes, window: Window) -> Program | None:
    """Parse a Java class or a Mach-O program for several processors; ``None`` if ``data`` is neither.

    Both begin with ``cafebabe``. The next bytes are the version of a class, 45 or higher, or the number of processors,
    which is smaller. Mach-O programs of over 4 GiB begin with ``cafebabf``.
    """
    if data[:3] != b"\xca\xfe\xba" or data[3:4] not in (b"\xbe", b"\xbf") or len(data) < 28:
        return None
    processor_count = int.from_bytes(data[4:8], "big")
    if data[3] == 0xBE and _FIRST_JAVA_VERSION <= int.from_bytes(data[6:8], "big") <= _LAST_JAVA_VERSION:
        return Program("Java class")
    if 0 < processor_count <= _MOST_MACHO_PROCESSORS:
        # The offset of the first program (of ``cafebabf`` the high half). The file extends at least to there.
        return Program("macOS program for several processors (Mach-O)", int.from_bytes(data[16:20], "big"))
    return None


def _match_magic(data: bytes, window: Window) -> Program | None:
    """Return the program or installer whose magic number begins ``data``; ``None`` if no magic number matches."""
    if data[:8] == b"\0asm\x01\0\0\0":
        return Program("WebAssembly module")
    # No system runs a file that ends after the magic number.
    for magic, kind in _MAGIC_NUMBERS:
        if data.startswith(magic) and len(data) > len(magic):
            return Program(kind)
    return None


_DETECTORS: Final[tuple[Callable[[bytes, Window], Program | None], ...]] = (
    _parse_elf,
    _parse_pe,
    _parse_macho,
    _parse_java_or_fat,
    _match_magic,
)


def detect_program(data: bytes, window: Window) -> Program | None:
    """Detect the kind of program that begins with ``data``, the first bytes of ``window``; ``None`` if it is none.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    for detect in _DETECTORS:
        program = detect(data, window)
        if program is not None:
            return program
    return None


def _is_packed_script(head: Head) -> bool:
    """Whether this is a script with an archive after its last line, which it unpacks and runs."""
    if not head.data.startswith(b"#!"):
        return False
    return _PACKED_MARKS.search(head.data) is not None or not looks_like_text(head)


def _is_disk_image(head: Head) -> bool:
    """Whether the file ends with the trailer of a macOS disk image."""
    size = head.window.size
    if size <= _DISK_IMAGE_TRAILER_BYTES:
        return False
    # The trailer begins with its magic number and its version, 4.
    return head.window.read(size - _DISK_IMAGE_TRAILER_BYTES, 8) == b"koly\0\0\0\x04"


def recognises(head: Head) -> bool:
    """Whether this is a program, an installer, a self-extracting script or a disk image."""
    # A program counts even if a container states that the bytes are a tensor: the statement may be forged.
    if detect_program(head.data, head.window) is not None:
        return True
    if head.content is not None:
        return False
    return _is_packed_script(head) or (not looks_like_text(head) and _is_disk_image(head))


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield one outline that names the kind of program, script or disk image.

    Raises:
        DamagedError: the tables of the program extend beyond the end of the file.
        WindowError: the window could not return the requested bytes.
    """
    data = window.read(0, 4096)
    program = detect_program(data, window)
    if program is None:
        is_script = data.startswith(b"#!")
        program = Program("script that unpacks and runs what it carries" if is_script else "disk image of macOS")
    kind, least_size = program
    # A program can read any byte of its own file, so the finding on the program covers all of them.
    claim_data(window)
    yield Outline("executable", (Mention("programs", "program", kind),), (("kind", kind),))
    if least_size > window.size:
        raise DamagedError(
            f"the tables of the program extend to byte {least_size}, the file ends at {window.size}", window.size
        )
