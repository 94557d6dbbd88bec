"""Parse TOML, INI and lists of Kaldi into settings, single values with their key paths, as for JSON and YAML.

Text that is not valid TOML is parsed as INI, line by line. Sources: https://toml.io/en/v1.0.0, ``configparser`` of
Python, ``ReadScriptFile`` in ``src/util/kaldi-table.cc`` of Kaldi.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.interpreters import INTERPRETERS
from modelaudit.languages.settings import Setting, interpret_settings, select_interpreters
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.wire.base import LimitReachedError, Reading
from modelaudit.wire.json_text import check_bounds, convert_recursion_error

_TOML: Final = (".toml", "pipfile", ".replit")
_INI: Final = (".ini", ".cfg", ".conf", ".properties", ".flake8", ".coveragerc", "setup.cfg",
               ".condarc", ".env",
               "pylintrc", "hgrc", "mercurial.ini")  # fmt: skip
_LISTS: Final = (".scp",)
_PARTS_OF_LIST_LINE: Final = 2
_MOST_CHARACTERS: Final = 2 * MIB
_MOST_SETTINGS: Final = 100_000
# Signs that separate keys and values of TOML. A value, which may be an empty list, takes hundreds of bytes in memory.
_MOST_SEPARATORS: Final = 200_000
# A string of TOML, also one that never ends; a comment; the dot of a key or number; or a sign that separates values.
_TOML_TOKEN: Final = defer_pattern(
    r'"""(?:[^\\]|\\.)*?(?:"{3,5}|\Z)|\'\'\'.*?(?:\'{3,5}|\Z)|"(?:[^"\\\n]|\\.)*+(?:"|\Z|(?=\n))|\'[^\'\n]*+\'?|#[^\n]*+'
    r"|(?P<dot>\.)|(?P<separator>[\[\]{}=,\n])",
    re.DOTALL,
)
# A heading such as ``[section]`` or ``[[section]]``, perhaps with a comment after it.
_SECTION: Final = defer_pattern(r"\s{0,8}\[{1,2}\s*+([^\]\n]{1,2000}+)\]{1,2}\s*+(?:[#;].*)?")
# A pair such as ``key = value`` or ``key: value``.
_PAIR: Final = defer_pattern(r"\s{0,8}([^\s=:#;\[][^=:\n]{0,200}?)\s*[=:]\s*(.*)", re.DOTALL)


def is_table_name(name: str) -> bool:
    """Whether a file of this name, in lower case, is TOML, INI or a list of Kaldi."""
    return name.endswith((*_TOML, *_INI, *_LISTS))


def interpret_table(path: str, name: str, text: str, limits: Limits) -> Iterator[Reading]:
    """Yield the structures of the interpreters that want the document, by its keys, its name or marks in its text.

    Args:
        path: the path of the artifact.
        name: its file name, in lower case. The extension selects TOML or INI.
        text: its text.
        limits: the bounds of the scan.

    Raises:
        LimitReachedError: the text is too long, nests too deep or holds too many values.
    """
    settings = parse_table_settings(name, text[:_MOST_CHARACTERS], limits)
    keys = {key for setting in settings for key in setting.path}
    interpreters = select_interpreters(INTERPRETERS, keys, name, (text,))
    yield from interpret_settings(interpreters, path, settings, limits)
    if len(text) > _MOST_CHARACTERS:
        raise LimitReachedError(f"only the first {_MOST_CHARACTERS} characters were parsed")


def parse_table_settings(name: str, text: str, limits: Limits) -> list[Setting]:
    """Return every single value of TOML or INI text as a setting.

    A file with a name for TOML whose text is not valid TOML is parsed as INI.

    Raises:
        LimitReachedError: the text nests too deep, or holds too many values.
    """
    if name.endswith(_TOML):
        check_bounds(text, limits)
        _check_toml_bounds(text, limits)
        try:
            with convert_recursion_error():
                return _collect_settings(_flatten_settings(tomllib.loads(text.removeprefix("\ufeff"))))
        except ValueError:
            pass
    return _collect_settings(_parse_list_lines(text) if name.endswith(_LISTS) else _parse_ini_lines(text))


def _check_toml_bounds(text: str, limits: Limits) -> None:
    """Reject text on which ``tomllib`` takes too much time or memory: its time is quadratic in the parts of a key.

    Raises:
        LimitReachedError: it has too many values, or a key has too many parts.
    """
    dots = separators = 0
    for token in _TOML_TOKEN.finditer(text):
        if token["dot"]:
            dots += 1
            if dots >= limits.document_depth:
                raise LimitReachedError(f"a key has more than {limits.document_depth} parts")
        elif token["separator"]:
            dots = 0
            separators += token["separator"] != "\n"
            if separators > _MOST_SEPARATORS:
                raise LimitReachedError(f"it has more than {_MOST_SEPARATORS} brackets, commas and equals signs")


def _collect_settings(settings: Iterator[Setting]) -> list[Setting]:
    """Return the settings as a list. Raises ``LimitReachedError`` if there are too many."""
    collected: list[Setting] = []
    for setting in settings:
        if len(collected) >= _MOST_SETTINGS:
            raise LimitReachedError(f"the file holds more than {_MOST_SETTINGS} single values")
        collected.append(setting)
    return collected


def _flatten_settings(top: object) -> Iterator[Setting]:
    """Yield the single values of nested tables and lists, without recursion."""
    # A stack: inner values are pushed in reverse, so that they are popped in the order of the file.
    waiting: list[tuple[tuple[str, ...], object]] = [((), top)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*path, str(key)), inner) for key, inner in reversed(value.items())]
        elif isinstance(value, list):
            waiting += [((*path, str(index)), inner) for index, inner in reversed(list(enumerate(value)))]
        elif isinstance(value, str | int | float | bool):
            yield Setting(path, value)


def _parse_list_lines(text: str) -> Iterator[Setting]:
    """Yield the file name behind each key of a list of Kaldi, whose lines hold a key, blanks and a file name."""
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        parts = line.split(maxsplit=1)
        if len(parts) == _PARTS_OF_LIST_LINE:
            yield Setting((parts[0],), parts[1].rstrip(), number)


def _parse_ini_lines(text: str) -> Iterator[Setting]:
    """Yield the settings of INI lines: sections, keys with values, and other lines, which continue a value.

    ``configparser`` keeps a backslash at the end of a line, and tox and Java join the line with the next one. Both
    readings are yielded, because a file may be written for either.
    """
    section: tuple[str, ...] = ()
    key, indentation = "", 0
    # The lines so far that a backslash joins with the next one, the key before them, and the number of the first.
    joined: list[str] = []
    key_before, indentation_before, first_number = "", 0, 1
    lines = text.removeprefix("\ufeff").splitlines()
    for number, line in enumerate(lines, 1):
        if not joined:
            key_before, indentation_before, first_number = key, indentation, number
        heading = _SECTION.fullmatch(line)
        is_skipped = _is_blank_or_comment(line)
        if heading is not None:
            section, key, indentation = (heading[1].rstrip(),), "", 0
        elif not is_skipped:
            key, value, indentation = _split_pair(line, key, indentation)
            yield Setting((*section, key), value, number)
        # A comment is never joined with the line after it.
        continues = line.endswith("\\") and (bool(joined) or not is_skipped)
        if continues or joined:
            joined.append(line.removesuffix("\\"))
        if len(joined) > 1 and (not continues or number == len(lines)):
            joined_key, value, _ = _split_pair("".join(joined), key_before, indentation_before)
            yield Setting((*section, joined_key), value, first_number)
        if not continues:
            joined = []


def _is_blank_or_comment(line: str) -> bool:
    """Whether a line of INI has no setting: it is blank, or its first character begins a comment."""
    return not line.strip() or line.lstrip()[0] in "#;"


def _split_pair(line: str, key: str, indentation: int) -> tuple[str, str, int]:
    """Return the key, the value and the indentation of a pair, or the value of a line that continues the one before.

    As for ``configparser``, a line continues a value only if it is indented deeper than the key.

    Args:
        line: the line.
        key: the last key; empty if there is none in the section.
        indentation: the number of blanks before that key.
    """
    line_indentation = len(line) - len(line.lstrip())
    pair = None if key and line_indentation > indentation else _PAIR.fullmatch(line)
    if pair is None:
        return key, _strip_quotes(line.strip()), indentation
    return pair[1].strip(), _strip_quotes(pair[2].strip()), line_indentation


def _strip_quotes(value: str) -> str:
    """Remove a pair of equal quotes around a value."""
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if is_quoted else value
