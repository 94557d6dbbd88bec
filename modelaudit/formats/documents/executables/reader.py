"""Recognise executables whatever their names: programs, libraries, installers, shortcuts and self-extracting scripts.

The reader does not analyse the code: a model repository needs no executable, so its presence is the fact to report.
It recognises each kind by its structure, because short magic numbers occur in weights by chance.

Sources: ``elf(5)``; the PE format of Microsoft; ``mach-o/loader.h`` and ``mach-o/fat.h``; chapter 4 of the Java Virtual
Machine Specification; the WebAssembly core specification; the Dalvik executable format; ``justine.lol/ape.html``;
MS-SHLLINK; ``rpm`` file format; ``deb(5)``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.text import looks_like_text

_ELF_KINDS: Final = {1: "object file", 2: "executable", 3: "shared library or executable", 4: "core dump"}
_MACHO: Final = {
    b"\xfe\xed\xfa\xce": "big", b"\xfe\xed\xfa\xcf": "big",
    b"\xce\xfa\xed\xfe": "little", b"\xcf\xfa\xed\xfe": "little",
}  # fmt: skip
_MACHO_KINDS: Final = {1: "object file", 2: "executable", 6: "shared library", 8: "bundle"}
_MOST_LOAD_COMMANDS: Final = 100_000
_MOST_SLICES: Final = 42
_FIRST_JAVA_VERSION: Final = 45
_LAST_JAVA_VERSION: Final = 120
_KOLY_BYTES: Final = 512
_PE_HEADER_BYTES: Final = 2048
_SHORTCUT: Final = bytes.fromhex("4c0000000114020000000000c000000000000046")
_PACKED_MARKS: Final = re.compile(
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
Program = tuple[str, int]
"""A description of the kind, and the least size in bytes that its tables imply (0 if unknown)."""


def _parse_elf(data: bytes, window: Window) -> Program | None:
    """Parse the header of an ELF program; the section table usually ends the file."""
    # 52 bytes are the shorter header; class, byte order and version have one or two valid values each.
    if len(data) < 52 or data[:4] != b"\x7fELF" or data[4] not in (1, 2) or data[5] not in (1, 2) or data[6] != 1:
        return None
    order = "little" if data[5] == 1 else "big"
    wide = data[4] == 2

    def number(offset: int, length: int) -> int:
        return int.from_bytes(data[offset : offset + length], order)  # type: ignore[arg-type]

    sections = number(40, 8) if wide else number(32, 4)
    width, count = (number(58, 2), number(60, 2)) if wide else (number(46, 2), number(48, 2))
    return f"Linux {_ELF_KINDS.get(number(16, 2), 'program')} (ELF)", sections + width * count


def _parse_pe(data: bytes, window: Window) -> Program | None:
    """Parse a program for Windows (PE), or one for several systems (APE)."""
    if data.startswith((b"MZqFpD", b"jartsr='")):
        return "program for any system (APE), as llamafile makes them", 0
    if not data.startswith(b"MZ") or len(data) < 64:
        return None
    start = int.from_bytes(data[60:64], "little")
    # The PE header may be at any offset, because a program for DOS precedes it.
    header = data[start:] if start + _PE_HEADER_BYTES <= len(data) else window.read(start, _PE_HEADER_BYTES)
    if header[:4] != b"PE\0\0":
        return None
    count = int.from_bytes(header[6:8], "little")
    table = 24 + int.from_bytes(header[20:22], "little")
    end = 0
    for row in range(table, min(table + 40 * count, len(header) - 40), 40):
        end = max(end, sum(int.from_bytes(header[row + at : row + at + 4], "little") for at in (16, 20)))
    is_library = header[23:24] and header[23] & 0x20
    return f"Windows {'library' if is_library else 'executable'} (PE)", end


def _parse_macho(data: bytes, window: Window) -> Program | None:
    """Parse the header of a Mach-O program for one processor."""
    order = _MACHO.get(data[:4])
    if order is None or len(data) < 28:
        return None
    kind, count, length = (int.from_bytes(data[at : at + 4], order) for at in (12, 16, 20))  # type: ignore[arg-type]
    if not 0 < kind < 16 or not 0 < count < _MOST_LOAD_COMMANDS or length < 8 * count:
        return None
    return f"macOS {_MACHO_KINDS.get(kind, 'program')} (Mach-O)", length + 28


def _parse_java_or_fat(data: bytes, window: Window) -> Program | None:
    """Parse a Java class or a Mach-O program for several processors, which share the magic number.

    The bytes after it are the version of a class, 45 or higher, or a small number of processors.
    """
    if data[:3] != b"\xca\xfe\xba" or data[3:4] not in (b"\xbe", b"\xbf") or len(data) < 28:
        return None
    slices = int.from_bytes(data[4:8], "big")
    if data[3] == 0xBE and _FIRST_JAVA_VERSION <= int.from_bytes(data[6:8], "big") <= _LAST_JAVA_VERSION:
        return "Java class", 0
    if 0 < slices <= _MOST_SLICES:
        return "macOS program for several processors (Mach-O)", int.from_bytes(data[16:20], "big")
    return None


def _match_magic(data: bytes, window: Window) -> Program | None:
    """Detect a kind that has a long magic number."""
    if data[:8] == b"\0asm\x01\0\0\0":
        return "WebAssembly module", 0
    return next(
        ((name, 0) for magic, name in _MAGIC_NUMBERS if data.startswith(magic) and len(data) > len(magic)), None
    )


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
    return next((found for trial in _DETECTORS if (found := trial(data, window))), None)


def _is_packed_script(head: Head) -> bool:
    """Whether this is a script with an archive after its last line, which it unpacks and runs."""
    if not head.data.startswith(b"#!"):
        return False
    return _PACKED_MARKS.search(head.data) is not None or not looks_like_text(head)


def _is_disk_image(head: Head) -> bool:
    """Whether the file ends with the trailer of a macOS disk image."""
    size = head.window.size
    return size > _KOLY_BYTES and head.window.read(size - _KOLY_BYTES, 8) == b"koly\0\0\0\x04"


def recognises(head: Head) -> bool:
    """Whether this is a program, an installer, a self-extracting script or a disk image."""
    if detect_program(head.data, head.window) is not None:
        return True
    return head.content is None and (_is_packed_script(head) or (not looks_like_text(head) and _is_disk_image(head)))


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield one outline that names the kind of program, script or disk image.

    Raises:
        DamagedError: its tables extend beyond the end of the file.
        WindowError: the window could not return the requested bytes.
    """
    data = window.read(0, 4096)
    found = detect_program(data, window)
    if found is None:
        script = data.startswith(b"#!")
        found = ("script that unpacks and runs what it carries" if script else "disk image of macOS"), 0
    name, least = found
    yield Outline("executable", (Mention("programs", "program", name),), (("kind", name),))
    if least > window.size:
        raise DamagedError(
            f"the tables of the program extend to byte {least}, the file ends at {window.size}", window.size
        )
