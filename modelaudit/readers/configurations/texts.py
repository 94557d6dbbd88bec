"""Names that loaders act on, in texts that are parsed by nobody here: strings within JSON, literals of Python, TOML.

Uni2TS and FlexTok keep such a text in the metadata of a safetensors file; a configuration of MMEngine or of
latent-diffusion names its classes under keys that data sets use, too (``type``, ``target``), for which no document is
followed value by value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from modelaudit.model.outline import PYTHON_NAMES, Mention
from modelaudit.model.structure import Location
from modelaudit.readers.base import Reading
from modelaudit.readers.configurations.names import told
from modelaudit.readers.configurations.tags import IN_TEXT

_MARK: Final = r"\\{0,8}[\"']?"
_VALUE: Final = r"([^\W\d]\w{0,99}(?:\.[^\W\d]\w{0,99}){1,20})"
_STRONG: Final = ("_target_", "__target__", "_component_", "class_path", "loader_module")
_KEYS: Final = tuple((key, re.compile(rf"{key}{_MARK}\s{{0,20}}[:=]\s{{0,20}}{_MARK}{_VALUE}")) for key in _STRONG)
_WEAK: Final = tuple(
    (key, re.compile(rf"(?<![\w.-]){key}{_MARK}\s{{0,20}}[:=]\s{{0,20}}{_MARK}{_VALUE}(?=[\s\"'\\,}}]|\Z)"))
    for key in ("target", "type")
)
# What runs code however it is called. A key that data sets use, too, says nothing about any other name.
_HARMFUL: Final = re.compile(
    r"(?:os|posix|nt|subprocess|builtins|pty|ctypes|importlib|runpy|shutil|pickle|marshal|webbrowser)\."
    r"|(?:.{1,200}\.)?(?:os|subprocess|builtins)\.(?:system|popen|Popen|run|call|check_output|eval|exec|exec[lv]p?e?)\Z"
)
_RESOLVER: Final = re.compile(r"\$\{\s{0,5}([A-Za-z_][\w.]{0,60}):([^{}\n]{0,300})")
_HOSTILE: Final = re.compile(r"__\w+__|\b(?:import|exec|eval|open|system|popen|getattr|globals|compile|subprocess)\b")
_EVALUATORS: Final = frozenset({"eval", "python", "exec", "py", "lambda"})
_MOST: Final = 2000


def names_in_text(text: str) -> Iterator[Reading]:
    """Yield the names that the text hands to a loader, as far as its spelling alone shows them."""
    yield from told(_mentions(text))


def _mentions(text: str) -> Iterator[Mention]:
    if "python/" in text:
        for match in islice(IN_TEXT.finditer(text), _MOST):
            yield _mention("target", match[1], match)
    for key, pattern in _KEYS:
        if key in text:
            yield from (_mention("target", match[1], match) for match in islice(pattern.finditer(text), _MOST))
    yield from _weak(text)
    if "${" in text:
        for match in islice(_RESOLVER.finditer(text), _MOST):
            yield from _resolver(match[1], match[2], match)


def _weak(text: str) -> Iterator[Mention]:
    for key, pattern in _WEAK:
        if key in text:
            for match in islice(pattern.finditer(text), _MOST):
                if key == "target" or _HARMFUL.match(match[1]):
                    yield _mention("named", match[1], match)


def _mention(use: str, name: str, match: re.Match[str]) -> Mention:
    return Mention(PYTHON_NAMES, use, name[:200], Location(line=_line(match)), " ".join(match[0].split())[:200])


def _resolver(name: str, argument: str, match: re.Match[str]) -> Iterator[Mention]:
    where = Location(line=_line(match))
    if name in _EVALUATORS:
        use = "evaluated-code" if _HOSTILE.search(argument) else "evaluated"
        yield Mention("resolvers", use, name, where, argument.strip()[:200])
    elif name in ("oc.env", "env", "oc.decode"):
        yield Mention("resolvers", "environment", name, where, argument.partition(",")[0].strip()[:60])


def _line(match: re.Match[str]) -> int:
    return match.string.count("\n", 0, match.start()) + 1
