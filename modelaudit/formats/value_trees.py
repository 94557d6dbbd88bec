"""Interpret the values that a binary file keeps, however it keeps them, as those of a document.

Pickles, MessagePack, HDF5, protocol buffers and databases hold trees of plain values: configurations, arguments and
texts. A reader adds each single value with the keys that lead to it, and the interpreters that read JSON and YAML read
them. A value on which a loader acts therefore counts wherever it is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Final

from modelaudit.formats.interpreters import INTERPRETERS
from modelaudit.formats.nested_documents import (
    NESTED_DOCUMENTS,
    acts_on_loaders,
    may_act_on_loaders,
    may_be_document,
)
from modelaudit.languages.document_settings import parse_json_settings
from modelaudit.languages.settings import Interpreter, Scalar, Setting, interpret_settings, select_interpreters
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import LimitReachedError, Reading
from modelaudit.wire.text import get_file_name

_MOST_VALUES: Final = 50_000
_MOST_CHARACTERS: Final = 16 * MIB
_MOST_ACTING: Final = 1_000
_LONGEST_VALUE: Final = 2 * MIB  # characters
# The name of one piece of a text that was too long for one value.
_NUMBERED: Final = defer_pattern(r"(.*?\D)_?(\d{1,4})")
_MOST_PIECES: Final = 1_000
# A colon without a space behind it makes no pair of YAML.
_WORD: Final = defer_pattern(r"\w+(?:[.':-]\w+)*")
_SHORTEST_ACT: Final = 6  # characters: ``os.nam``


class ValueTree:
    """The single values of one file.

    Of a file with very many values, the later ones are kept only if a loader may act on them. That is an absence, since
    the values beside them are unknown, except for a single word in a list.
    """

    def __init__(self) -> None:
        self._settings: list[Setting] = []
        self._characters = 0
        self._acting_values = 0
        self._is_cut = False

    def add(self, path: tuple[str, ...], value: Scalar) -> None:
        """Add a single value; ``path`` has the keys and the indices that lead to it."""
        length = len(value) if isinstance(value, str) else 0
        if len(self._settings) < _MOST_VALUES and self._characters + length <= _MOST_CHARACTERS:
            self._characters += length
            self._settings.append(Setting(path, value))
        elif isinstance(value, str) and length >= _SHORTEST_ACT and acts_on_loaders(_spell_pair(path, value)):
            self._acting_values += 1
            # A word in a list has no key, and belongs to no document of lines: the values beside it do not matter.
            is_word = bool(path) and path[-1].isdigit() and _WORD.fullmatch(value) is not None
            self._is_cut = self._is_cut or not is_word or self._acting_values > _MOST_ACTING
            if self._acting_values <= _MOST_ACTING and length <= _LONGEST_VALUE:
                self._settings.append(Setting(path, value))

    def join_pieces(self) -> None:
        """Add the texts that values with numbered names hold together: ``config0`` and ``config1``, as Keras writes."""
        pieces: dict[tuple[str, ...], dict[int, str]] = {}
        for setting in self._settings:
            match = _NUMBERED.fullmatch(setting.path[-1]) if setting.path else None
            if match is not None and isinstance(setting.value, str):
                pieces.setdefault((*setting.path[:-1], match[1]), {})[int(match[2])] = setting.value
        for path, texts in pieces.items():
            if len(texts) > 1 and len(texts) <= _MOST_PIECES:
                self.add(path, "".join(texts[number] for number in sorted(texts)))

    def add_bytes(self, path: tuple[str, ...], data: bytes) -> None:
        """Add stored bytes, such as those of a tensor, if they are text in UTF-8 on which a loader may act."""
        stored = data.rstrip(b"\0")
        if b"\0" not in stored and may_act_on_loaders(stored):
            with suppress(UnicodeDecodeError):
                self.add(path, stored.decode("utf-8"))

    def join_lines(self) -> None:
        """Add the texts that the items of lists hold together: a document that is kept line by line."""
        lists: dict[tuple[str, ...], list[str]] = {}
        for setting in self._settings:
            if setting.path and setting.path[-1].isdigit() and isinstance(setting.value, str):
                lists.setdefault(setting.path[:-1], []).append(setting.value)
        for path, lines in lists.items():
            if 1 < len(lines) <= _MOST_PIECES:
                self.add(path, "\n".join(lines))

    def add_json(self, path: tuple[str, ...], text: str, limits: Limits) -> bool:
        """Add the values of a text in JSON below ``path``; return whether it is JSON within the limits."""
        try:
            settings = parse_json_settings(text, limits)
        except (ValueError, LimitReachedError):
            return False
        for setting in settings:
            self.add((*path, *setting.path), setting.value)
        return True

    def interpret(self, path: str, limits: Limits, done: Collection[Interpreter] = ()) -> Iterator[Reading]:
        """Yield what the interpreters find, documents in single values as artifacts, and an absence.

        Args:
            path: the address of the artifact.
            limits: bounds of the scan.
            done: interpreters that the reader has called itself.
        """
        settings = self._settings
        if not settings:
            return
        keys = {step for setting in settings for step in setting.path}
        texts = (_spell_setting(each) for each in settings if isinstance(each.value, str))
        chosen = select_interpreters(INTERPRETERS, keys, get_file_name(path), ("\n".join(texts),))
        chosen = [each for each in chosen if each is not NESTED_DOCUMENTS and each not in done]
        if any(isinstance(each.value, str) and may_be_document(each.value) for each in settings):
            chosen.append(NESTED_DOCUMENTS)
        yield from interpret_settings(chosen, path, settings, limits)
        if self._is_cut:
            detail = f"of its values, only {_MOST_VALUES} were read together with those beside them"
            yield Unread(UnreadReason.LIMIT, detail)


def _spell_pair(path: tuple[str, ...], value: str) -> str:
    """Return a value behind its key, as YAML spells them."""
    return f'"{path[-1] if path else ""}": "{value}"'


def _spell_setting(setting: Setting) -> str:
    """Return a setting as a line of YAML spells it, so that the marks of interpreters are found in it."""
    return f"{_spell_pair(setting.path, str(setting.value))}\n{setting.value}"
