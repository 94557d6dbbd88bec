"""Judge what a source puts in the place of a module, or of something in one.

``sys.modules["torch.nn"] = sys.modules[name]`` has every later import of ``torch.nn`` return another module, so that
the names which the source takes from it say nothing. A package that is missing is ordinarily replaced by ``None``, by a
new module or by a class of the source, and an old name of a module by the module itself.
"""

from __future__ import annotations

import sys
from typing import Final

from modelaudit.languages.python import walks
from modelaudit.languages.python.values import Constant, ExternalName, Unknown, Value, collect_tags, list_alternatives

FOUND_VALUE_NAME: Final = "(module or member that the source does not name)[=]"
"""The name of an overwriting by a module, a namespace or a member of one that the source does not name."""
LIBRARY_NAME: Final = "(module of Python or of the loader)[=]"
"""The name of an entry of ``sys.modules`` that replaces such a module."""
_FOUND_TAGS: Final = frozenset({"module", "walked", "namespace", "object", "member", walks.PICKED})
_LOADERS: Final = frozenset(
    {"torch", "transformers", "numpy", "safetensors", "huggingface_hub", "tokenizers", "accelerate"}
)
# The source itself, and modules of one platform that stubs replace.
_OWN: Final = frozenset({"__main__"})


def is_found_value(value: Value) -> bool:
    """Whether a value may be a module, or something in one, by a name that the source does not write."""
    return any(
        isinstance(each, Unknown) and not each.tags.isdisjoint(_FOUND_TAGS) and walks.OWN_MODULE not in each.tags
        for each in list_alternatives(value)
    )


def replaces_library(module: str, value: Value) -> bool:
    """Whether a value replaces a module of the standard library, or of a library that loads models.

    ``None`` forbids the import, and a module that the source names is judged by the members that the source takes.
    """
    package = module.partition(".")[0]
    if package in _OWN or (package not in _LOADERS and package not in sys.stdlib_module_names):
        return False
    return not all(_is_plain(each) for each in list_alternatives(value))


def _is_plain(value: Value) -> bool:
    """Whether a value is ``None``, or a module by its name."""
    if isinstance(value, Constant):
        return value.value is None
    return isinstance(value, ExternalName) and not value.is_result and not collect_tags(value) & _FOUND_TAGS
