"""Recognise Python names in configuration values, and build mentions and outlines of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from modelaudit.languages.settings import Setting
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import PYTHON_NAMES, Mention, Outline
from modelaudit.wire.base import LimitReachedError, Reading

FORMAT: Final = "configuration"
"""The format of outlines and references of configurations in JSON, YAML, TOML and other text with keys."""

MAX_MENTIONS: Final = 10_000
_MAX_NAME_LENGTH: Final = 200
_DOTTED_NAME: Final = defer_pattern(r"[^\W\d]\w*(?:\.[^\W\d]\w*)++")
_SINGLE_NAME: Final = defer_pattern(r"[^\W\d]\w*+")
# Data sets use keys such as ``target`` as well. Under such a key, only a name that runs code counts:
# ``os.system`` or ``subprocess.run``, or such a function by a longer path: ``torch.os.system``.
_CODE_RUNNING_NAME: Final = defer_pattern(
    r"(?:(?:os|posix|nt|subprocess|builtins|pty|ctypes|importlib|runpy|shutil|pickle|marshal|webbrowser)\.\w++"
    r"|(?:\w+\.){1,20}_?(?:os|subprocess|builtins)\.(?:system|popen|Popen|run|call|check_output|eval|exec|exec[lv]p?e?))"
    r"(?:\.\w+)*+"
)
# A file name such as ``pickle.py`` runs nothing.
_FILE_NAME: Final = defer_pattern(
    r".*\.(?:py|txt|json|jsonl|csv|pkl|md|html?|ya?ml|zip|gz|png|jpe?g|wav|js|ts|so|bin|pt)"
)


def is_code_running_name(name: str) -> bool:
    """Whether the name runs code, whatever its key: ``os.system``, ``a.b.subprocess.run``."""
    return _CODE_RUNNING_NAME.fullmatch(name) is not None and not is_file_name(name)


def is_file_name(name: str) -> bool:
    """Whether the name ends like a file: ``pickle.py``."""
    return _FILE_NAME.fullmatch(name) is not None


def is_dotted_name(value: object) -> bool:
    """Whether ``value`` is a dotted Python name: ``os.system``."""
    return isinstance(value, str) and _DOTTED_NAME.fullmatch(value) is not None


def is_module_name(value: object) -> bool:
    """Whether ``value`` can be a module name: ``os``, ``mlflow.sklearn``."""
    return is_dotted_name(value) or (isinstance(value, str) and _SINGLE_NAME.fullmatch(value) is not None)


def make_python_mention(use: str, name: str, setting: Setting, detail: str = "") -> Mention:
    """Return a mention of ``name``; the form ``module:name`` of entry points becomes a dotted name."""
    # In an interpolation such as ``${name:argument}`` the colon has another meaning.
    dotted_name = name if "$" in name else name.replace(":", ".")
    return Mention(PYTHON_NAMES, use, dotted_name[:_MAX_NAME_LENGTH], setting.where, detail)


def build_outlines(mentions: Iterable[Mention]) -> Iterator[Reading]:
    """Yield one outline of the distinct mentions, or nothing if there are none.

    Raises:
        LimitReachedError: there are more than ``MAX_MENTIONS``, or ``mentions`` raised it. Before that, the outline of
            the first mentions was yielded.
    """
    distinct: dict[tuple[str, str, str], Mention] = {}
    is_cut = False
    try:
        for mention in mentions:
            if len(distinct) >= MAX_MENTIONS:
                is_cut = True
                break
            distinct.setdefault((mention.vocabulary, mention.use, mention.name), mention)
    except LimitReachedError:
        if distinct:
            yield Outline(FORMAT, tuple(distinct.values()))
        raise
    if distinct:
        yield Outline(FORMAT, tuple(distinct.values()))
    if is_cut:
        raise LimitReachedError(f"only the first {MAX_MENTIONS} names of the configuration were analysed")
