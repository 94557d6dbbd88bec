"""The schema of ORT models: the fields of every table.

Source: onnxruntime/core/flatbuffers/schema/ort.fbs of ONNX Runtime
"""

from __future__ import annotations

from typing import Final

from modelaudit.wire.flatbuffer_schema import FlatSchema

_TABLES: Final = {
    "InferenceSession": "text Model - KernelTypeStrResolver",
    "Model": "8 OperatorSetId[] text text text 8 text Graph text StringStringEntry[]",
    "KernelTypeStrResolver": "OpIdKernelTypeStrArgsEntry[]",
    "OperatorSetId": "text 8",
    "Graph": "Tensor[] ValueInfo[] Node[] 4 NodeEdge[] text[] text[] SparseTensor[] RuntimeOptimizations",
    "StringStringEntry": "text text",
    "OpIdKernelTypeStrArgsEntry": "text KernelTypeStrArgsEntry[]",
    "Tensor": "text text 8* 4 data text[] 8",
    "ValueInfo": "text text TypeInfo",
    "Node": "text text text 4 4 text 4 text text[] text[] Attribute[] 4* text[]",
    "NodeEdge": "4 12* 12*",
    "SparseTensor": "Tensor Tensor 8*",
    "RuntimeOptimizations": "RuntimeOptimizationRecordContainerEntry[]",
    "KernelTypeStrArgsEntry": "text ArgTypeAndIndex[]",
    "TypeInfo": "text 1 union",
    "Attribute": "text text 4 4 8 text Tensor Graph 4* 8* text[] Tensor[] Graph[]",
    "RuntimeOptimizationRecordContainerEntry": "text RuntimeOptimizationRecord[]",
    "ArgTypeAndIndex": "1 4",
    "TensorTypeAndShape": "4 Shape",
    "SequenceType": "TypeInfo",
    "MapType": "4 TypeInfo",
    "RuntimeOptimizationRecord": "text NodesToOptimizeIndices - text[]",
    "Shape": "Dimension[]",
    "NodesToOptimizeIndices": "4* 4 4 1 1 4 4",
    "Dimension": "DimensionValue text",
    "DimensionValue": "1 8 text",
}
"""The types of the fields of each table, in the order of their slots."""

SCHEMA: Final = FlatSchema.from_words(
    "InferenceSession",
    _TABLES,
    {
        "TypeInfo.2": "TensorTypeAndShape SequenceType MapType",
    },
)
