"""Find code in a Keras configuration: marshalled bytecode in ``Lambda`` layers and ``__lambda__`` objects.

Source: ``func_dump`` and ``func_load`` of ``keras/src/utils/python_utils.py``; CVE-2024-3660.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Final

from modelaudit.formats.graphs.keras.objects import KerasObject
from modelaudit.formats.pickles.pickle.code import begins_code, outline_marshalled_code
from modelaudit.languages.settings import Setting
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.structure import CodeOutline

_IDENTIFIER: Final = defer_pattern(r"[A-Za-z_][A-Za-z0-9_.>]{0,199}")
_SHORTEST_CODE: Final = 17  # characters; ``begins_code`` needs as many bytes
_LONGEST_CODE: Final = 4 * 1024 * 1024
_DETAIL_LENGTH: Final = 300
_MOST_QUOTED_NAMES: Final = 8
# The key that states the kind of each function in the configuration of a Lambda layer.
_TYPE_KEYS: Final = {"function": "function_type", "output_shape": "output_shape_type", "mask": "mask_type"}


def find_named_function(layer: KerasObject) -> tuple[str, Setting] | None:
    """Return the function that a Keras 2 ``Lambda`` layer refers to by name, with its setting.

    Returns:
        ``None`` when it refers to no function by name, or when any of its three functions may be code.
    """
    for key, type_key in _TYPE_KEYS.items():
        types = layer.get_config_texts(type_key)
        # The type "lambda" marks code. With two types, parsers differ in the one that counts.
        if "lambda" in types or len(types) > 1:
            return None
        if key == "function":
            continue  # its value is checked below
        # A text without the type "function" may be code.
        has_text = any(isinstance(setting.value, str) for _, setting in layer.inside.get(key, []))
        if has_text and types != ["function"]:
            return None
    functions = layer.config.get("function", [])
    if len(functions) != 1 or layer.get_config_texts("function_type") != ["function"]:
        return None
    value = functions[0].value
    return (value, functions[0]) if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else None


def refers_to_object(layer: KerasObject) -> bool:
    """Whether the function of a Keras 3 ``Lambda`` layer is an object, which is reviewed separately.

    Its ``function`` is then an object with a ``class_name``, and nowhere a single value.
    """
    names_class = any(steps == ("class_name",) for steps, _ in layer.inside.get("function", []))
    return names_class and not layer.config.get("function")


def describe_code(layer: KerasObject) -> str:
    """Describe the code in an object in one line; return an empty text where there is none that can be read."""
    texts = [each.value for _, each in layer.inside.get("function", []) if isinstance(each.value, str)]
    # A __lambda__ object has its code in "code" or "value" of its config, or as the config itself.
    texts += layer.get_config_texts("code") + layer.get_config_texts("value") + layer.get_config_texts("")
    for text in texts:
        description = _describe_bytecode(text)
        if description:
            return description
    # None is bytecode, so quote the first text that looks like source code.
    source = next((text for text in texts if "lambda" in text or "(" in text), "")
    return f"the text {source[:120]!r}" if source else ""


def _describe_bytecode(text: str) -> str:
    """Describe marshalled bytecode in a text, with or without base64; empty where it is none."""
    if not _SHORTEST_CODE <= len(text) <= _LONGEST_CODE:
        return ""
    try:
        data = base64.b64decode(text.encode("ascii", "replace"), validate=False)
    except (binascii.Error, ValueError):
        return ""
    if not begins_code(data):
        data = text.encode("latin-1", "replace")  # Keras 2.0 wrote bytecode without base64
    return _format_outlines(outline_marshalled_code(data, 0)) if begins_code(data) else ""


def _format_outlines(outlines: Iterable[CodeOutline]) -> str:
    """Format code objects in one line: their names, imports, names and constants."""
    codes = list(outlines)
    parts = []
    for label, names in (
        ("imports", [name for code in codes for name in code.imports]),
        ("uses", [name for code in codes for name in code.names]),
        ("constants", [name for code in codes for name in code.constants]),
    ):
        if names:
            parts.append(f"{label} {', '.join(list(dict.fromkeys(names))[:_MOST_QUOTED_NAMES])}")
    titles = ", ".join(code.name for code in codes[:_MOST_QUOTED_NAMES])
    return f"code object {titles}: {'; '.join(parts) or 'no names'}"[:_DETAIL_LENGTH] if codes else ""
