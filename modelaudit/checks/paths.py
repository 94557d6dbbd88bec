"""Judge the dotted path of a Python object in a configuration or a graph, such as ``torch.optim.Adam``.

A loader imports the longest prefix of the path that is a module, and looks the rest up attribute by attribute. A module
that imports ``os`` has it as an attribute, so that ``any.module.os.system`` is ``os.system``.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.checks.callables import UNREVIEWED, Judgement, judge_name
from modelaudit.model.catalogue import Callables, Standing
from modelaudit.model.pickle import Name

_PATH: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*+")
_COMPUTED_PATH: Final = Judgement(Standing.UNRESOLVED, why="it is only put together when the file is read")
_UNLISTED: Final = Judgement(Standing.UNLISTED, why=UNREVIEWED)
# Dangerous modules that many others import under their own name, so that a path can reach them through any module.
_REACHABLE_MODULES: Final = frozenset(
    {"os", "posix", "nt", "subprocess", "pty", "ctypes", "builtins", "__builtins__", "shutil", "importlib", "runpy",
     "marshal", "_posixsubprocess"}
)  # fmt: skip


def judge_path(path: str, callables: Callables) -> Judgement:
    """Return the judgement of the object at ``path``, which the loader calls with arguments from the file."""
    if _PATH.fullmatch(path) is None:
        return _COMPUTED_PATH if "$" in path else _UNLISTED
    parts = path.split(".")
    found = [_judge_path_tail(parts, start, callables) for start in range(len(parts))]
    whole = found[0]
    if whole.standing is not Standing.DANGEROUS:
        whole = next((each for each in found[1:] if each.standing is Standing.DANGEROUS), whole)
    entry = whole.entry
    if whole.standing is Standing.TRUSTED and entry is not None and (entry.arguments or entry.construct_only):
        return _UNLISTED
    return whole


def _judge_path_tail(parts: list[str], start: int, callables: Callables) -> Judgement:
    """Judge the part of a path from ``start`` on; after the start only if it begins with a reachable module."""
    rest = parts[start:]
    if start and rest[0] not in _REACHABLE_MODULES:
        return _UNLISTED
    if len(rest) == 1:
        return _judge_single_name(rest[0], callables) if not start else _UNLISTED
    readings = [judge_name(Name(".".join(rest[:-1]), rest[-1]), callables)]
    for split in range(1, len(rest) - 1):
        entry = callables.by_name.get(f"{'.'.join(rest[:split])}:{'.'.join(rest[split:])}")
        if entry is not None:
            readings.append(Judgement(entry.standing, entry.effect, entry.why, entry))
    dangerous = (each for each in readings if each.standing is Standing.DANGEROUS)
    return next(dangerous, readings[0])


def _judge_single_name(word: str, callables: Callables) -> Judgement:
    """Judge a path of one word: a module, or a builtin function."""
    built_in = callables.by_name.get(f"builtins.{word}")
    if built_in is not None:
        return Judgement(built_in.standing, built_in.effect, built_in.why, built_in)
    module = callables.modules.get(word)
    if module is not None:
        return Judgement(Standing.DANGEROUS, module.effect, module.why)
    if word in callables.standard_library:
        return Judgement(Standing.STANDARD_LIBRARY, why=UNREVIEWED)
    return _UNLISTED
