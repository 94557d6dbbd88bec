"""Keep what was found about a sentence, because copies and versions of one text share most of their sentences."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, update_wrapper
from typing import Concatenate, ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Judgement = TypeVar("_Judgement")
_MAX_SENTENCES = 2_000
_MAX_CHARACTERS = 1_000
"""Longer sentences are judged each time, so that a hostile text cannot fill the memory."""


def keep_judgements(
    judge: Callable[Concatenate[str, _Arguments], _Judgement],
) -> Callable[Concatenate[str, _Arguments], _Judgement]:
    """Return ``judge``, which takes a sentence first, such that it keeps its results for the latest short sentences.

    The other arguments must be hashable, and the result must follow from the arguments alone.
    """
    keep: Callable[..., _Judgement] = lru_cache(maxsize=_MAX_SENTENCES)(judge)

    def judge_once(sentence: str, /, *arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Judgement:
        if len(sentence) > _MAX_CHARACTERS:
            return judge(sentence, *arguments, **named)
        return keep(sentence, *arguments, **named)

    update_wrapper(judge_once, judge)
    return judge_once
