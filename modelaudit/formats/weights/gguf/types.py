"""List the types of values and tensors in GGUF, with their sizes.

Sources: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, ``ggml/include/ggml.h`` (numbers of the types) and
``gguf-py/gguf/constants.py`` (``GGML_QUANT_SIZES``). The types 4, 5, 31 to 33 and 36 to 38 were withdrawn, but files
with them exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

BOOL: Final = 7
STRING: Final = 8
ARRAY: Final = 9

VALUE_CODES: Final[dict[int, str]] = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", BOOL: "B", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
"""The ``struct`` format character of each value type of fixed width."""

VALUE_WIDTHS: Final[dict[int, int]] = {
    0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, BOOL: 1, 10: 8, 11: 8, 12: 8,
}  # fmt: skip
"""The width of each such value type in bytes."""

BlockSizes = Mapping[int, tuple[str, int, int]]

BLOCK_SIZES: Final[BlockSizes] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 4: ("Q4_2", 16, 10),
    5: ("Q4_3", 16, 12), 6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292), 16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4),
    27: ("I64", 1, 8), 28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 31: ("Q4_0_4_4", 32, 18),
    32: ("Q4_0_4_8", 32, 18), 33: ("Q4_0_8_8", 32, 18), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66),
    36: ("IQ4_NL_4_4", 32, 18), 37: ("IQ4_NL_4_8", 32, 18), 38: ("IQ4_NL_8_8", 32, 18), 39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
}  # fmt: skip
"""For each type of tensor: its name, the numbers in a block, and the bytes of a block."""
