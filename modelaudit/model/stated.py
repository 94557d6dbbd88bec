"""Values that a file states about its model, and the table of its tensors: the facts behind the description.

Readers yield them undecided, and ``modelaudit.description`` decides by ``rules/description/`` what each one means.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from modelaudit.model.structure import NOWHERE, Location

MOST_VALUES: Final = 2_000
"""Values that a reader keeps of one file; no file that describes a model needs as many."""
LONGEST_VALUE: Final = 2_000
"""Characters that a reader keeps of one value."""

CARD_SOURCE: Final = "card"
"""The source of the front matter of a model card."""


class StatedValue(Struct, frozen=True):
    """One value.

    Attributes:
        path: the keys and, in lists, the positions that lead to it, as text.
        value: as text, bounded by ``LONGEST_VALUE``.
    """

    path: tuple[str, ...]
    value: str
    where: Location = NOWHERE


class StatedValues(Struct, frozen=True):
    """The values of one file.

    Attributes:
        source: the name of the file in lower case (``config.json``), or the format: ``card``, ``gguf``.
        is_complete: whether no value was left out.
    """

    source: str
    items: tuple[StatedValue, ...]
    is_complete: bool = True


class StoredTensor(Struct, frozen=True):
    """One tensor of a table.

    Attributes:
        name: bounded.
        type: as the format spells it: ``BF16``.
        shape: in the order of the format.
    """

    name: str
    type: str
    shape: tuple[int, ...]


class TensorTable(Struct, frozen=True):
    """The tensors of one file.

    Attributes:
        format: ``safetensors``, ``gguf``, ``onnx``.
        is_complete: whether no tensor was left out.
    """

    format: str
    tensors: tuple[StoredTensor, ...]
    is_complete: bool = True
