"""Names of Python in configurations: which texts are some, and how a mention of one is told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from modelaudit.languages.settings import Setting
from modelaudit.model.outline import PYTHON_NAMES, Mention, Outline
from modelaudit.wire.base import LimitReachedError, Reading

FORMAT: Final = "configuration"
"""The format of the outlines and references of configurations, be they JSON, YAML or a text with keys."""

MAX_MENTIONS: Final = 10_000
_MAX_NAME_LENGTH: Final = 200
_DOTTED_NAME: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)++")
_SINGLE_NAME: Final = re.compile(r"[^\W\d]\w*+")


# A key that data sets use, too, says nothing about any other name; and a file is called code.py.
_CODE_RUNNING_NAME: Final = re.compile(
    r"(?:(?:os|posix|nt|subprocess|builtins|pty|ctypes|importlib|runpy|shutil|pickle|marshal|webbrowser)\.\w++"
    r"|(?:\w+\.){1,20}(?:os|subprocess|builtins)\.(?:system|popen|Popen|run|call|check_output|eval|exec|exec[lv]p?e?))"
    r"(?:\.\w+)*+"
)
_FILE_NAME: Final = re.compile(r".*\.(?:py|txt|json|jsonl|csv|pkl|md|html?|ya?ml|zip|gz|png|jpe?g|wav|js|ts|so|bin|pt)")


def is_code_running_name(name: str) -> bool:
    """Whether the path is one that runs code however the key is called under which it stands."""
    return _CODE_RUNNING_NAME.fullmatch(name) is not None and _FILE_NAME.fullmatch(name) is None


def is_dotted_name(value: object) -> bool:
    """Whether ``value`` is the path of something in a module: ``os.system``."""
    return isinstance(value, str) and _DOTTED_NAME.fullmatch(value) is not None


def is_module_name(value: object) -> bool:
    """Whether ``value`` can be the name of a module: ``os``, ``mlflow.sklearn``."""
    return is_dotted_name(value) or (isinstance(value, str) and _SINGLE_NAME.fullmatch(value) is not None)


def make_python_mention(use: str, name: str, setting: Setting, detail: str = "") -> Mention:
    """A mention of ``name``; ``module:name`` of entry points is told with a dot."""
    path = name if "$" in name else name.replace(":", ".")
    return Mention(PYTHON_NAMES, use, path[:_MAX_NAME_LENGTH], setting.where, detail)


def build_outlines(mentions: Iterable[Mention]) -> Iterator[Reading]:
    """One outline of the mentions, each told once; nothing where there are none.

    Raises:
        LimitReachedError: after the outline, where there are more than are kept.
    """
    kept: dict[tuple[str, str, str], Mention] = {}
    cut = False
    try:
        for mention in mentions:
            if len(kept) >= MAX_MENTIONS:
                cut = True
                break
            kept.setdefault((mention.vocabulary, mention.use, mention.name), mention)
    except LimitReachedError:
        if kept:
            yield Outline(FORMAT, tuple(kept.values()))
        raise
    if kept:
        yield Outline(FORMAT, tuple(kept.values()))
    if cut:
        raise LimitReachedError(f"only the first {MAX_MENTIONS} names of a configuration are followed")
