"""The schema of ExecuTorch programs: the fields of every table.

Source: schema/program.fbs of ExecuTorch
"""

from __future__ import annotations

from typing import Final

from modelaudit.wire.flatbuffer_schema import FlatSchema

_TABLES: Final = {
    "ContainerMetadata": "text text",
    "Null": "",
    "AllocationDetails": "4 4 4",
    "ExtraTensorInfo": "8 text 1 1 1",
    "Tensor": "1 4 4* 1* 1 4 AllocationDetails 1 1 ExtraTensorInfo",
    "Int": "8",
    "Bool": "1",
    "Double": "8",
    "String": "text",
    "IntList": "8*",
    "DoubleList": "8*",
    "BoolList": "1*",
    "TensorList": "4*",
    "OptionalTensorList": "4*",
    "EValue": "1 union",
    "Operator": "text text",
    "KernelCall": "4 4*",
    "DelegateCall": "4 4*",
    "MoveCall": "4 4",
    "JumpFalseCall": "4 4",
    "FreeCall": "4",
    "Instruction": "1 union",
    "Frame": "text 4 text text",
    "FrameList": "Frame[]",
    "BackendDelegateDataReference": "1 4",
    "CompileSpec": "text 1*",
    "BackendDelegate": "text BackendDelegateDataReference CompileSpec[]",
    "Chain": "4* 4* Instruction[] FrameList[]",
    "ExecutionPlan": (
        "text ContainerMetadata EValue[] 4* 4* Chain[] Operator[] BackendDelegate[] 8* NonConstBufferDevice[]"
    ),
    "NonConstBufferDevice": "4 1 1",
    "Buffer": "data",
    "BackendDelegateInlineData": "data",
    "DataSegment": "8 8",
    "SubsegmentOffsets": "4 8*",
    "NamedData": "text 4",
    "Program": (
        "4 ExecutionPlan[] Buffer[] BackendDelegateInlineData[] DataSegment[] SubsegmentOffsets "
        "SubsegmentOffsets[] NamedData[]"
    ),
}
"""The types of the fields of each table, in the order of their slots."""

SCHEMA: Final = FlatSchema.from_words(
    "Program",
    _TABLES,
    {
        "EValue.1": "Null Int Bool Double Tensor String IntList DoubleList BoolList TensorList OptionalTensorList",
        "Instruction.1": "KernelCall DelegateCall MoveCall JumpFalseCall FreeCall",
    },
)
