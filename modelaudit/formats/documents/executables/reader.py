"""Programs for a machine, whatever they are called: executables, libraries, installers, shortcuts, packed scripts.

None of them is followed; that a repository of a model brings one is what there is to tell. Each is recognised by its
structure and not by a short magic number alone, for numbers hold those by chance.

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
_MOST_COMMANDS: Final = 100_000
_MOST_SLICES: Final = 42
_FIRST_JAVA: Final = 45
_LAST_JAVA: Final = 120
_KOLY: Final = 512
_PE_HEADERS: Final = 2048
_SHORTCUT: Final = bytes.fromhex("4c0000000114020000000000c000000000000046")
_PACKED: Final = re.compile(rb"Makeself|__ARCHIVE(?:_BELOW)?__|BEGIN_PAYLOAD|PAYLOAD_LINE|SKIP_LINES", re.IGNORECASE)
_FIXED: Final = (
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
Found = tuple[str, int]
"""What it is, and the least number of bytes that a whole one has."""


def _elf(data: bytes, window: Window) -> Found | None:
    if len(data) < 52 or data[:4] != b"\x7fELF" or data[4] not in (1, 2) or data[5] not in (1, 2) or data[6] != 1:
        return None
    order = "little" if data[5] == 1 else "big"
    wide = data[4] == 2

    def number(offset: int, length: int) -> int:
        return int.from_bytes(data[offset : offset + length], order)  # type: ignore[arg-type]

    sections = number(40, 8) if wide else number(32, 4)
    width, count = (number(58, 2), number(60, 2)) if wide else (number(46, 2), number(48, 2))
    return f"Linux {_ELF_KINDS.get(number(16, 2), 'program')} (ELF)", sections + width * count


def _pe(data: bytes, window: Window) -> Found | None:
    """A program for Windows, and what runs as one and on every other system too."""
    if data.startswith((b"MZqFpD", b"jartsr='")):
        return "program for any system (APE), as llamafile makes them", 0
    if not data.startswith(b"MZ") or len(data) < 64:
        return None
    start = int.from_bytes(data[60:64], "little")
    # The header may stand anywhere; what precedes it is a program for DOS.
    header = data[start:] if start + _PE_HEADERS <= len(data) else window.read(start, _PE_HEADERS)
    if header[:4] != b"PE\0\0":
        return None
    count = int.from_bytes(header[6:8], "little")
    table = 24 + int.from_bytes(header[20:22], "little")
    end = 0
    for row in range(table, min(table + 40 * count, len(header) - 40), 40):
        end = max(end, sum(int.from_bytes(header[row + at : row + at + 4], "little") for at in (16, 20)))
    is_library = header[23:24] and header[23] & 0x20
    return f"Windows {'library' if is_library else 'executable'} (PE)", end


def _macho(data: bytes, window: Window) -> Found | None:
    order = _MACHO.get(data[:4])
    if order is None or len(data) < 28:
        return None
    kind, count, length = (int.from_bytes(data[at : at + 4], order) for at in (12, 16, 20))  # type: ignore[arg-type]
    if not 0 < kind < 16 or not 0 < count < _MOST_COMMANDS or length < 8 * count:
        return None
    return f"macOS {_MACHO_KINDS.get(kind, 'program')} (Mach-O)", length + 28


def _java_or_fat(data: bytes, window: Window) -> Found | None:
    if data[:3] != b"\xca\xfe\xba" or data[3:4] not in (b"\xbe", b"\xbf") or len(data) < 28:
        return None
    slices = int.from_bytes(data[4:8], "big")
    if data[3] == 0xBE and _FIRST_JAVA <= int.from_bytes(data[6:8], "big") <= _LAST_JAVA:
        return "Java class", 0
    if 0 < slices <= _MOST_SLICES:
        return "macOS program for several processors (Mach-O)", int.from_bytes(data[16:20], "big")
    return None


def _other(data: bytes, window: Window) -> Found | None:
    if data[:8] == b"\0asm\x01\0\0\0":
        return "WebAssembly module", 0
    return next(((name, 0) for magic, name in _FIXED if data.startswith(magic) and len(data) > len(magic)), None)


_TRIALS: Final[tuple[Callable[[bytes, Window], Found | None], ...]] = (_elf, _pe, _macho, _java_or_fat, _other)


def program_of(data: bytes, window: Window) -> Found | None:
    """What program ``data``, the first bytes of ``window``, are; ``None`` for none. Raises ``WindowError``."""
    return next((found for trial in _TRIALS if (found := trial(data, window))), None)


def _packed_script(head: Head) -> bool:
    """A script that carries an archive behind its last line, and unpacks and runs that."""
    if not head.data.startswith(b"#!"):
        return False
    return _PACKED.search(head.data) is not None or not looks_like_text(head)


def _disk_image(head: Head) -> bool:
    size = head.window.size
    return size > _KOLY and head.window.read(size - _KOLY, 8) == b"koly\0\0\0\x04"


def recognises(head: Head) -> bool:
    """The structure of a program, of an installer or of a script that is more than text."""
    if program_of(head.data, head.window) is not None:
        return True
    return head.content is None and (_packed_script(head) or (not looks_like_text(head) and _disk_image(head)))


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield what kind of program it is.

    Raises:
        DamagedError: its tables reach beyond its end.
        WindowError: from the window.
    """
    data = window.read(0, 4096)
    found = program_of(data, window)
    if found is None:
        script = data.startswith(b"#!")
        found = ("script that unpacks and runs what it carries" if script else "disk image of macOS"), 0
    name, least = found
    yield Outline("executable", (Mention("programs", "program", name),), (("kind", name),))
    if least > window.size:
        raise DamagedError(f"its tables reach to byte {least}, {window.size} are there", window.size)
