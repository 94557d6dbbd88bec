"""Search the bytes of a pickle for words on which a loader acts, and read them as a file of opcodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import KIB, MIB

_MODULES: Final = (
    "os|posix|nt|subprocess|builtins|pty|ctypes|importlib|runpy|marshal|pickle|Pickle|cpickle|cPickle|cloudpickle|dill"
    "|shutil|webbrowser|multiprocessing|asyncio|socket|timeit|pdb|code|platform|commands|pydoc|pkgutil|codeop"
)
_KEYS: Final = (
    *("_target_", "_component_", "_instantiator", "_callable", "class_path", "class_name", "trust_remote_code"),
    *("auto_map", "attn_implementation", "chat_template", "import_path", "weights_only", "allow_pickle", "unsafe_load"),
    *("allow_dangerous", "custom_imports", "activation_fn", "network_class_name"),
)
# A character of a text in UTF-8. Numbers in binary are full of ``{{``, and have no text of the length of
# an attack behind it.
_CHARACTER: Final = r"[\t\n\r -~]|[\xc2-\xf4][\x80-\xbf]{1,3}"


def _write_module_names() -> str:
    """Return an expression that starts at the dot behind the name of a module; a lookbehind of ``re`` has one width."""
    widths: dict[int, list[str]] = {}
    for name in _MODULES.split("|"):
        # A byte before a name may be a length, and a letter before one makes it another word, such as ``pos.weight``.
        widths.setdefault(len(name), []).append(rf"(?<![a-z_]){name}\.")
    behind = "|".join(f"(?<={'|'.join(names)})" for names in widths.values())
    return rf"\.(?:{behind})[A-Za-z_]"


def _write_keys() -> str:
    """Return an expression that starts at the first underscore of a key."""
    tails: dict[str, list[str]] = {}
    for key in _KEYS:
        head, _, tail = key.partition("_")
        tails.setdefault(head, []).append(tail)
    return "_(?:" + "|".join(f"(?<={head}_)(?:{'|'.join(found)})" for head, found in tails.items()) + ")"


# ``re`` tries an alternation at each byte, but it jumps to the next place of a character with which an expression
# starts. Each expression therefore starts with its rarest character, and looks back for the letters before it.
_MARKS: Final = tuple(
    defer_pattern(expression.encode("latin-1"))
    for expression in (
        _write_module_names(),
        r"\.(?<=torch\.)(?:load|hub\.|jit\.load|package|serialization\.load|ops\.load)",
        r"\.(?:(?<=numpy\.|keras\.)|(?<=joblib\.|pandas\.))(?:load|read_|eval|models\.load)",
        r"__(?:import|subclasses|globals|builtins|mro|bases|base|code|getattribute|reduce|loader)__",
        _write_keys(),
        r"\((?:(?<=\bexec\()|(?<=\beval\())",
        r"\{[{%](?:" + _CHARACTER + r"){16}",
        r"!(?:!?python/|(?:new|apply|name|module|function)[: ])",
        r"/(?<=py/)(?:reduce|object|type|function|class|repr|state)",
        r"\$import",
        r"eyJ[A-Za-z0-9]{12}",
        r"W3si[A-Za-z0-9]{12}",
        r"\\(?:u00|x[2-7][0-9a-fA-F])",
        rf"import (?:{_MODULES})",
    )
)
_OVERLAP: Final = 256
_CHUNK: Final = MIB
_BLOCK_BYTES: Final = 64 * KIB
LONGEST_TEXT: Final = 2 * MIB
"""Bytes of the longest text that is kept."""


def has_marks(window: Window, start: int, end: int, gaps: Iterable[tuple[int, int]]) -> bool:
    """Whether the bytes from ``start`` to ``end``, without those in ``gaps``, may hold values on which a loader acts.

    Args:
        window: the bytes.
        start: offset of the program.
        end: offset behind it.
        gaps: (start, end) of the arrays between its opcodes, in order.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    position = start
    for gap_start, gap_end in (*gaps, (end, end)):
        while position < gap_start:
            block = window.read(position, min(_CHUNK, gap_start - position))
            if any(mark.search(block) is not None for mark in _MARKS):
                return True
            position = gap_start if gap_start - position <= _CHUNK else position + _CHUNK - _OVERLAP
        position = max(position, gap_end)
    return False


class ProgramBytes:
    """The bytes of a program as a file, as ``pickletools`` reads it, without the arrays between its opcodes."""

    def __init__(self, window: Window, start: int, end: int) -> None:
        self.position = start
        self._window, self._end = window, end
        self._block, self._block_start = b"", start

    def read(self, size: int) -> bytes:
        """Return the next bytes, fewer at the end."""
        size = min(size, self._end - self.position)
        index = self.position - self._block_start
        if index < 0 or index + size > len(self._block):
            self._block = self._window.read(self.position, max(size, _BLOCK_BYTES))
            self._block_start, index = self.position, 0
        self.position += size
        return self._block[index : index + size]

    def readline(self) -> bytes:
        """Return the next bytes up to a line feed, which is included."""
        line = b""
        while not line.endswith(b"\n") and self.position < self._end and len(line) < LONGEST_TEXT:
            piece = self.read(min(256, self._end - self.position))
            head, feed, _ = piece.partition(b"\n")
            line += head + feed
            self.position -= len(piece) - len(head) - len(feed)
        return line

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self.position
