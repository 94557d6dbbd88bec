"""The schema of ONNX models: the fields of every message.

Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from typing import Final

from modelaudit.wire.protobuf_schema import MessageSchema

SCHEMA: Final = MessageSchema.from_words(
    "ModelProto",
    {
        "ModelProto": (
            "1:n 2:text 3:text 4:text 5:n 6:text 7:GraphProto 8:OperatorSetIdProto 14:StringStringEntryProto "
            "20:TrainingInfoProto 25:FunctionProto 26:DeviceConfigurationProto"
        ),
        "GraphProto": (
            "1:NodeProto 2:text 5:TensorProto 10:text 11:ValueInfoProto 12:ValueInfoProto 13:ValueInfoProto "
            "14:TensorAnnotation 15:SparseTensorProto 16:StringStringEntryProto"
        ),
        "OperatorSetIdProto": "1:text 2:n",
        "StringStringEntryProto": "1:text 2:text",
        "TrainingInfoProto": "1:GraphProto 2:GraphProto 3:StringStringEntryProto 4:StringStringEntryProto",
        "FunctionProto": (
            "1:text 4:text 5:text 6:text 7:NodeProto 8:text 9:OperatorSetIdProto 10:text 11:AttributeProto "
            "12:ValueInfoProto 13:text 14:StringStringEntryProto"
        ),
        "DeviceConfigurationProto": "1:text 2:n 3:text",
        "NodeProto": (
            "1:text 2:text 3:text 4:text 5:AttributeProto 6:text 7:text 8:text 9:StringStringEntryProto "
            "10:NodeDeviceConfigurationProto"
        ),
        "TensorProto": (
            "1:n 2:n 3:TensorProto.Segment 4:data 5:data 6:data 7:data 8:text 9:data 10:data 11:data 12:text "
            "13:StringStringEntryProto 14:n 16:StringStringEntryProto"
        ),
        "ValueInfoProto": "1:text 2:TypeProto 3:text 4:StringStringEntryProto",
        "TensorAnnotation": "1:text 2:StringStringEntryProto",
        "SparseTensorProto": "1:TensorProto 2:TensorProto 3:n",
        "AttributeProto": (
            "1:text 2:n 3:n 4:text 5:TensorProto 6:GraphProto 7:n 8:n 9:text 10:TensorProto 11:GraphProto 13:text "
            "14:TypeProto 15:TypeProto 20:n 21:text 22:SparseTensorProto 23:SparseTensorProto"
        ),
        "NodeDeviceConfigurationProto": "1:text 2:ShardingSpecProto 3:n",
        "TensorProto.Segment": "1:n 2:n",
        "TypeProto": (
            "1:TypeProto.Tensor 4:TypeProto.Sequence 5:TypeProto.Map 6:text 7:TypeProto.Opaque "
            "8:TypeProto.SparseTensor 9:TypeProto.Optional"
        ),
        "ShardingSpecProto": "1:text 2:n 3:IntIntListEntryProto 4:ShardedDimProto",
        "TypeProto.Tensor": "1:n 2:TensorShapeProto",
        "TypeProto.Sequence": "1:TypeProto",
        "TypeProto.Map": "1:n 2:TypeProto",
        "TypeProto.Opaque": "1:text 2:text",
        "TypeProto.SparseTensor": "1:n 2:TensorShapeProto",
        "TypeProto.Optional": "1:TypeProto",
        "IntIntListEntryProto": "1:n 2:n",
        "ShardedDimProto": "1:n 2:SimpleShardedDimProto",
        "TensorShapeProto": "1:TensorShapeProto.Dimension",
        "SimpleShardedDimProto": "1:n 2:text 3:n",
        "TensorShapeProto.Dimension": "1:n 2:text 3:text",
    },
)
