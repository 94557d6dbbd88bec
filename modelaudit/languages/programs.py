"""Report programs in text that no reader analyses: source code of other languages, build files, startup files.

Such a text is read as text, and an absence states that its code was not analysed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import wraps
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.structure import NOWHERE, Document, Location, Unread, UnreadReason
from modelaudit.wire.base import Read, Reading
from modelaudit.wire.text import get_file_name

_BY_ENDING: Final = {
    "Python source": (".pyx", ".ipy", ".xsh"),
    "source code": (
        ".js", ".mjs", ".cjs", ".ts", ".lua", ".rb", ".pl", ".php", ".r", ".jl", ".c", ".cc", ".cpp", ".cxx", ".h",
        ".hpp", ".cu", ".cuh", ".rs", ".go", ".java", ".scala", ".swift", ".m", ".mm", ".cl", ".metal", ".wgsl",
        ".jsx", ".tsx", ".coffee", ".dart", ".kt", ".kts", ".groovy", ".clj", ".cs", ".vb", ".vbs", ".vbe", ".wsf",
        ".hta", ".tcl", ".awk", ".el", ".lisp", ".scm", ".rkt", ".ex", ".exs", ".erl", ".hs", ".nim", ".zig", ".cr",
        ".raku", ".f90", ".pas", ".asm", ".ptx", ".hip", ".wat", ".sage", ".mojo", ".ahk", ".au3", ".applescript",
        ".bzl", ".nix", ".star", ".dhall", ".s", ".pm", ".ml", ".mli", ".fs", ".fsx", ".f", ".for", ".f95", ".f03",
        ".nu", ".mts", ".cts", ".sbt", ".plt", ".gp", ".sql", ".do", ".ado", ".exp", ".ac", ".am", ".m4", ".ftl",
        ".vm", ".wl", ".wls", ".ru", ".psgi", ".sas", ".sps", ".sml", ".prolog", ".elm", ".hx", ".vala", ".hy",
        ".fnl", ".ino", ".ps", ".bas", ".cob", ".csx", ".psd1", ".gyp", ".gypi", ".http",
        ".phtml", ".php3", ".php4", ".php5", ".php7", ".phar", ".asp", ".aspx", ".ashx", ".jsp", ".jspx", ".cfm",
        ".cgi", ".fcgi", ".jse", ".wsh", ".sct", ".ejs",
    ),
    "commands that a program runs when it starts": (
        ".rprofile", "rprofile.site", ".gdbinit", ".lldbinit", ".vimrc", ".pdbrc", ".pythonrc", ".exrc",
        ".octaverc", ".emacs",
    ),
    "graphs in text form": (".pbtxt", ".prototxt", ".mlir", ".mil"),
    "build files": (
        ".cmake", ".gradle", "jenkinsfile", "cmakelists.txt", "meson.build", "build.ninja",
    ),
}  # fmt: skip
_BY_KEY: Final = {
    "__loader__": "references to code that a loader imports",  # skops
}
PROGRAM_KEYS: Final = frozenset(_BY_KEY)
"""Keys whose values are programs, or make a loader import one."""
_ENDINGS: Final = {ending: kind for kind, endings in _BY_ENDING.items() for ending in endings}
_ALL_ENDINGS: Final = tuple(_ENDINGS)


def report_unread_programs(read: Read) -> Read:
    """Decorate a reader of text: yield an absence as well for each document that is a program or contains one."""

    @wraps(read)
    def read_and_report(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
        """Yield what the reader yields, and an absence after each document that is a program."""
        for reading in read(artifact, window, limits):
            yield reading
            if isinstance(reading, Document):
                yield from report_program_text(artifact.path, window.read(0, 2))
                # The keys of Markdown are those of its front matter, which no loader reads.
                yield from report_program_keys(reading.keys if reading.format != "markdown" else ())

    return read_and_report


def report_program_text(path: str, start: bytes) -> Iterator[Unread]:
    """Yield an absence if the file name or the first two bytes show that the text is a program.

    ``unlisted_text`` judges a text with neither.
    """
    kind = _find_kind(path)
    if kind is None and start == b"#!":
        kind = "scripts"
    if kind is not None:
        yield _make_absence(kind)


def has_program_name(path: str) -> bool:
    """Whether the file name alone shows that the text is a program."""
    return _find_kind(path) is not None


def _find_kind(path: str) -> str | None:
    """Return the kind of program that the file name shows; ``None`` if it shows none."""
    name = get_file_name(path)
    if not name.endswith(_ALL_ENDINGS):
        return None
    return next(kind for ending, kind in _ENDINGS.items() if name.endswith(ending))


def report_program_keys(keys: Collection[str]) -> Iterator[Unread]:
    """Yield an absence for each configuration key that contains a program or makes a loader import one."""
    for key, kind in _BY_KEY.items():
        if key in keys:
            yield _make_absence(kind, Location(key=key))


def _make_absence(kind: str, where: Location = NOWHERE) -> Unread:
    """Return the absence of the analysis of a program of this kind."""
    return Unread(UnreadReason.PROGRAM, f"{kind}: the text was read, but its code was not analysed", where)
