"""Read ONNX and ONNX Runtime (ORT) models: operators, external data, and the sizes of tensors.

An ONNX model is a protocol buffer with a graph of nodes; each node calls an operator. An ORT model holds the same graph
in a FlatBuffer. Both readers report the operators for review and compare the shape of each tensor with its bytes.
"""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import FIRST_OF_MESSAGE, Declaration, Magic, Sign
from modelaudit.model.defect_kind import DefectKind


class TensorSizeDefect(DefectKind):
    """Defects in the shapes and sizes of tensors, which ONNX and ONNX Runtime models share."""

    NEGATIVE_LENGTH = "negative-length"
    SIZE_MISMATCH = "size-mismatch"
    SIZE_OVERFLOW = "size-overflow"


class OnnxDefect(DefectKind):
    """Defects in the external data of an ONNX model, that is, tensors whose bytes are in another file."""

    DUPLICATE_KEY = "duplicate-key"
    EXTERNAL_KEY = "external-key"
    EXTERNAL_MISSING = "external-missing"
    EXTERNAL_RANGE = "external-range"
    MEMORY_ADDRESS = "memory-address"


DECLARATIONS: Final = (
    Declaration(
        "onnx",
        read=f"{__name__}.model:read",
        recognise=f"{__name__}.recognition:recognises",
        signs=(Sign(among=FIRST_OF_MESSAGE), Sign(path=(".onnx",))),
        extensions=(".onnx", ".ort"),
        defects=(OnnxDefect, TensorSizeDefect),
    ),
    Declaration(
        "onnx-tensor",
        fixtures="onnx",
        read=f"{__name__}.tensor_file:read",
        recognise=f"{__name__}.tensor_file:recognises",
        signs=(Sign(path=(".pb",)),),
    ),
    Declaration(
        "ort",
        read=f"{__name__}.ort:read",
        recognise=Magic((b"ORTM",), offset=4),
        extensions=(".ort",),
        defects=(TensorSizeDefect,),
    ),
)
