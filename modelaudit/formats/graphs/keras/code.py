"""Code that a configuration brings along: marshalled bytecode in ``Lambda`` layers and ``__lambda__`` objects.

Source: ``func_dump`` and ``func_load`` of ``keras/src/utils/python_utils.py``; CVE-2024-3660.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Final

from modelaudit.formats.graphs.keras.objects import KerasObject
from modelaudit.formats.pickles.pickle.code import begins_code, outline_marshalled_code
from modelaudit.languages.settings import Setting
from modelaudit.model.structure import CodeOutline

_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.>]{0,199}")
_LONGEST_CODE: Final = 4 * 1024 * 1024
_DETAIL: Final = 300
_FEW: Final = 8
_TYPES: Final = {"function": "function_type", "output_shape": "output_shape_type", "mask": "mask_type"}


def named_function(layer: KerasObject) -> tuple[str, Setting] | None:
    """The name of the function that a ``Lambda`` layer of Keras 2 only refers to; ``None`` if it may bring code."""
    for key, type_key in _TYPES.items():
        types = layer.configured_texts(type_key)
        if "lambda" in types or len(types) > 1:
            return None
        inside = layer.inside.get(key, [])
        if key == "function":
            continue
        if any(isinstance(each.value, str) for _, each in inside) and types != ["function"]:
            return None
    given = layer.config.get("function", [])
    if len(given) != 1 or layer.configured_texts("function_type") != ["function"]:
        return None
    value = given[0].value
    return (value, given[0]) if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else None


def refers_to_object(layer: KerasObject) -> bool:
    """Whether the function of a ``Lambda`` layer of Keras 3 is an object, which is judged by itself."""
    inside = layer.inside.get("function", [])
    return any(steps == ("class_name",) for steps, _ in inside) and not layer.config.get("function")


def code_of(layer: KerasObject) -> str:
    """One line about the code that an object brings along; empty where it can not be read."""
    texts = [each.value for _, each in layer.inside.get("function", []) if isinstance(each.value, str)]
    texts += layer.configured_texts("code") + layer.configured_texts("value") + layer.configured_texts("")
    for text in texts:
        told = _outline(text)
        if told:
            return told
    source = next((text for text in texts if "lambda" in text or "(" in text), "")
    return f"the text {source[:120]!r}" if source else ""


def _outline(text: str) -> str:
    if not 16 < len(text) <= _LONGEST_CODE:
        return ""
    try:
        data = base64.b64decode(text.encode("ascii", "replace"), validate=False)
    except (binascii.Error, ValueError):
        return ""
    if not begins_code(data):
        data = text.encode("latin-1", "replace")  # as Keras 2.0 kept it
    return _line(outline_marshalled_code(data, 0)) if begins_code(data) else ""


def _line(outlines: Iterable[CodeOutline]) -> str:
    told = list(outlines)
    parts = []
    for what, each in (
        ("imports", [name for one in told for name in one.imports]),
        ("uses", [name for one in told for name in one.names]),
        ("constants", [name for one in told for name in one.constants]),
    ):
        if each:
            parts.append(f"{what} {', '.join(list(dict.fromkeys(each))[:_FEW])}")
    names = ", ".join(one.name for one in told[:_FEW])
    return f"code object {names}: {'; '.join(parts) or 'names nothing'}"[:_DETAIL] if told else ""
