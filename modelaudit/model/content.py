"""The formats that containers state for the bytes of their members."""

from __future__ import annotations

from typing import Final

TENSOR_STORAGE: Final = "tensor-storage"
"""Content that a loader reads as numbers."""

PICKLE: Final = "pickle"
"""Content that a loader unpickles, whatever its first bytes are."""

TORCHSCRIPT: Final = "torchscript"
"""Content of a pickle whose types are defined by the code in its own archive, or a source of that code."""

TORCH_EXPORT: Final = "torch-export"
"""Content that ``torch.export.load`` reads as a graph."""

TORCH_WEIGHT: Final = "torch-weight"
"""Content that ``torch.export.load`` reads as numbers, or unpickles where another member declares it a pickle."""

TORCH_TAR: Final = "torch-tar-records"
"""Content that torch reads from its old tar archives: pickles with numbers between them."""

JINJA: Final = "jinja"
"""Content that a loader renders as a Jinja template, whatever it looks like."""
