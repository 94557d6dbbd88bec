"""Detect the classes that sentence-transformers imports from ``modules.json``, possibly from the repository itself.

Source: ``sentence_transformers/SentenceTransformer.py`` (``_load_module_class_from_ref``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.python_names import FORMAT, build_outlines, is_dotted_name, make_python_mention
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Reference, ReferenceKind, References
from modelaudit.wire.base import Reading

_MODULES_FILE: Final = "modules.json"
_LIBRARY_PREFIX: Final = "sentence_transformers."


def read_modules(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the classes, and references to the files and folders that they are loaded from."""
    # The file is a list of objects, so that the path of a setting is the number of its object and the key.
    rows = [
        setting for setting in settings if len(setting.path) == 2 and isinstance(setting.value, str) and setting.value
    ]
    yield from build_outlines(_collect_classes(rows))
    references = tuple(_collect_files(rows))
    if references:
        yield References(FORMAT, references)


def _collect_classes(rows: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each class that ``modules.json`` names."""
    for setting in rows:
        if setting.key == "type":
            yield make_python_mention("target", str(setting.value), setting)


def _collect_files(rows: Sequence[Setting]) -> Iterator[Reference]:
    """Yield the code file of each class that the repository itself may define, and the folder of each module."""
    for setting in rows:
        value = str(setting.value)
        # A class with one dot, ``custom.Model``, may be in a file of the repository; longer names are of packages.
        is_own_module = is_dotted_name(value) and value.count(".") == 1 and not value.startswith(_LIBRARY_PREFIX)
        if setting.key == "type" and is_own_module:
            file = f"{value.partition('.')[0]}.py"
            yield Reference(ReferenceKind.CODE, file, f"type {value}"[:200], where=setting.where)
        elif setting.key == "path":
            yield Reference(ReferenceKind.MODEL, value[:1000], "path", where=setting.where)


MODULES = Interpreter(frozenset(), read_modules, frozenset({_MODULES_FILE}))
