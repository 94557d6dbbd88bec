"""Judge the dotted path of a Python object in a configuration or a graph, such as ``torch.optim.Adam``.

A loader imports the longest prefix of the path that is a module, and looks the rest up attribute by attribute. A module
that imports ``os`` has it as an attribute, so that ``any.module.os.system`` is ``os.system``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from modelaudit.checks.callables import UNREVIEWED, Judgement, judge_name
from modelaudit.model.catalogue import CallableEntry, Callables, Standing
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.pickle import Name

_PATH: Final = defer_pattern(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*+")
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
        # A dollar begins an interpolation such as ${model.class}.
        return _COMPUTED_PATH if "$" in path else _UNLISTED
    parts = path.split(".")
    # A module may hold another one as an attribute, so each tail of the path counts too if it is dangerous.
    judgements = [_judge_path_tail(parts, start, callables) for start in range(len(parts))]
    dangerous = (each for each in judgements if each.standing is Standing.DANGEROUS)
    judgement = next(dangerous, judgements[0])
    entry = judgement.entry
    if judgement.standing is Standing.TRUSTED and entry is not None and (entry.arguments or entry.construct_only):
        return _UNLISTED  # it is trusted only with certain arguments, which are unknown here
    return judgement


def judge_exact_path(path: str, vocabulary: Mapping[str, CallableEntry], callables: Callables) -> Judgement:
    """Return the judgement of a path that is listed with exactly this name, in a vocabulary or as a callable.

    The tail of a path counts as well where it begins with a module that others import: ``torch.os.system``.
    """
    parts = path.split(".")
    for start in range(len(parts) - 1):
        if start and parts[start] not in _REACHABLE_MODULES:
            continue
        tail = ".".join(parts[start:])
        entry = vocabulary.get(tail) or callables.by_name.get(tail)
        if entry is not None and entry.standing is Standing.DANGEROUS:
            return Judgement(entry.standing, entry.effect, entry.why, entry)
    return _UNLISTED


def _judge_path_tail(parts: list[str], start: int, callables: Callables) -> Judgement:
    """Judge the part of a path that begins with the word at index ``start``.

    A part after the first word counts only if it begins with a module that other modules import.
    """
    tail = parts[start:]
    if start and tail[0] not in _REACHABLE_MODULES:
        return _UNLISTED
    if len(tail) == 1:
        # The last word of a longer path is an attribute, not a module.
        return _judge_single_name(tail[0], callables) if not start else _UNLISTED
    judgements = [judge_name(Name(".".join(tail[:-1]), tail[-1]), callables)]
    # The lists spell a reviewed walk as "module:Class.method"; any dot may be the end of the module.
    for split in range(1, len(tail) - 1):
        entry = callables.by_name.get(f"{'.'.join(tail[:split])}:{'.'.join(tail[split:])}")
        if entry is not None:
            judgements.append(Judgement(entry.standing, entry.effect, entry.why, entry))
    dangerous = (each for each in judgements if each.standing is Standing.DANGEROUS)
    return next(dangerous, judgements[0])


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
