"""TOML and INI as single values with the way to each, as ``settings.py`` gives those of JSON and YAML.

Sources: https://toml.io/en/v1.0.0, ``configparser`` of Python. What is not TOML is followed as INI, line by line.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.interpreters import INTERPRETERS
from modelaudit.languages.settings import Setting
from modelaudit.model.limits import MIB, Limits
from modelaudit.wire.base import LimitReachedError, Reading
from modelaudit.wire.json_text import check_bounds, convert_recursion_error

_TOML: Final = (".toml", "pipfile", ".replit")
_INI: Final = (".ini", ".cfg", ".conf", ".properties", ".flake8", ".coveragerc", "setup.cfg", ".condarc", ".env")
_LONGEST: Final = 2 * MIB
_MOST: Final = 100_000
_SECTION: Final = re.compile(r"\s{0,8}\[{1,2}\s*([^\]\n]{1,300}?)\s*\]{1,2}\s*(?:[#;].*)?")
_PAIR: Final = re.compile(r"\s{0,8}([^\s=:#;\[][^=:\n]{0,200}?)\s*[=:]\s*(.*)", re.DOTALL)


def is_table(name: str) -> bool:
    """Whether a file of this name, in lower case, holds sections of keys with values."""
    return name.endswith((*_TOML, *_INI))


def meanings_of_table(path: str, name: str, text: str, limits: Limits) -> Iterator[Reading]:
    """What the values of the text mean to those who know its keys.

    Raises:
        LimitReachedError: it is longer, deeper or larger than is followed.
    """
    settings = settings_of_table(name, text[:_LONGEST], limits)
    met = {step for each in settings for step in each.path}
    for interpreter in INTERPRETERS:
        if interpreter.wants_document(met, name, text):
            yield from interpreter.read(path, settings, limits)
    if len(text) > _LONGEST:
        raise LimitReachedError(f"only its first {_LONGEST} characters were followed")


def settings_of_table(name: str, text: str, limits: Limits) -> list[Setting]:
    """Every single value.

    Raises:
        LimitReachedError: it nests too deep, or holds more values than are followed.
    """
    if name.endswith(_TOML):
        check_bounds(text, limits)
        try:
            with convert_recursion_error():
                return _within(_flat(tomllib.loads(text.removeprefix("\ufeff"))))
        except ValueError:
            pass
    return _within(_lines(text))


def _within(found: Iterator[Setting]) -> list[Setting]:
    kept: list[Setting] = []
    for each in found:
        if len(kept) >= _MOST:
            raise LimitReachedError(f"it holds more than {_MOST} single values")
        kept.append(each)
    return kept


def _flat(top: object) -> Iterator[Setting]:
    waiting: list[tuple[tuple[str, ...], object]] = [((), top)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*path, str(key)), inner) for key, inner in reversed(value.items())]
        elif isinstance(value, list):
            waiting += [((*path, str(index)), inner) for index, inner in reversed(list(enumerate(value)))]
        elif isinstance(value, str | int | float | bool):
            yield Setting(path, value)


def _lines(text: str) -> Iterator[Setting]:
    """Lines of INI: a section, a key with its value, or, further to the right, more of the value before."""
    section: tuple[str, ...] = ()
    key = ""
    begun = ""
    start = 1
    for number, raw in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        start = start if begun else number
        if raw.endswith("\\"):
            begun += raw[:-1]
            continue
        line, begun = begun + raw, ""
        if not line.strip() or line.lstrip()[0] in "#;":
            continue
        heading = _SECTION.fullmatch(line)
        if heading is not None:
            section, key = (heading[1],), ""
            continue
        pair = None if key and line[0].isspace() else _PAIR.fullmatch(line)
        key, value = (pair[1].strip(), pair[2]) if pair is not None else (key, line)
        yield Setting((*section, key), _bare(value.strip()), start)


def _bare(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
