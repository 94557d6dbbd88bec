"""The schema of TensorFlow Lite models: the fields of every table, and the options of every built-in operator.

Source: tensorflow/compiler/mlir/lite/schema/schema.fbs
"""

from __future__ import annotations

from typing import Final

from modelaudit.wire.flatbuffer_schema import FlatSchema

_TABLES: Final = {
    "Model": (
        "4 OperatorCode[] SubGraph[] text Buffer[] 4* Metadata[] SignatureDef[] ExternalBufferGroup[] ExternalBuffer[]"
    ),
    "OperatorCode": "1 text 4 4",
    "SubGraph": "Tensor[] 4* 4* Operator[] text 4",
    "Buffer": "data 8 8",
    "Metadata": "text 4",
    "SignatureDef": "TensorMap[] TensorMap[] text - 4",
    "ExternalBufferGroup": "text",
    "ExternalBuffer": "4 4 8 - text",
    "Tensor": "4* 1 4 text QuantizationParameters 1 SparsityParameters 4* 1 VariantSubType[] 4",
    "Operator": "4 4* 4* 1 union 1* 1 1* 4* 8 8 1 union 4",
    "TensorMap": "text 4",
    "QuantizationParameters": "4* 4* 4* 8* 1 union 4",
    "SparsityParameters": "4* 4* DimensionMetadata[]",
    "VariantSubType": "4* 1 1",
    "Conv2DOptions": "1 4 4 1 4 4 1",
    "DepthwiseConv2DOptions": "1 4 4 4 1 4 4",
    "ConcatEmbeddingsOptions": "4 4* 4*",
    "LSHProjectionOptions": "1",
    "Pool2DOptions": "1 4 4 4 4 1",
    "SVDFOptions": "4 1 1",
    "RNNOptions": "1 1",
    "FullyConnectedOptions": "1 1 1 1 1 1*",
    "SoftmaxOptions": "4",
    "ConcatenationOptions": "4 1",
    "AddOptions": "1 1",
    "L2NormOptions": "1",
    "LocalResponseNormalizationOptions": "4 4 4 4",
    "LSTMOptions": "1 4 4 1 1",
    "ResizeBilinearOptions": "- - 1 1",
    "CallOptions": "4",
    "ReshapeOptions": "4*",
    "SkipGramOptions": "4 4 1",
    "SpaceToDepthOptions": "4",
    "EmbeddingLookupSparseOptions": "1",
    "MulOptions": "1",
    "GatherOptions": "4 4",
    "ReducerOptions": "1",
    "SubOptions": "1 1",
    "DivOptions": "1",
    "SqueezeOptions": "4*",
    "SequenceRNNOptions": "1 1 1",
    "StridedSliceOptions": "4 4 4 4 4 1",
    "SplitOptions": "4",
    "CastOptions": "1 1",
    "ArgMaxOptions": "1",
    "TransposeConvOptions": "1 4 4 1 1",
    "SparseToDenseOptions": "1",
    "ShapeOptions": "1",
    "ArgMinOptions": "1",
    "FakeQuantOptions": "4 4 4 1",
    "PackOptions": "4 4",
    "OneHotOptions": "4",
    "UnpackOptions": "4 4",
    "BidirectionalSequenceLSTMOptions": "1 4 4 1 1 1",
    "BidirectionalSequenceRNNOptions": "1 1 1 1",
    "UnidirectionalSequenceLSTMOptions": "1 4 4 1 1 1",
    "ResizeNearestNeighborOptions": "1 1",
    "LeakyReluOptions": "4",
    "MirrorPadOptions": "1",
    "SplitVOptions": "4",
    "UniqueOptions": "1",
    "ReverseSequenceOptions": "4 4",
    "IfOptions": "4 4",
    "WhileOptions": "4 4",
    "DepthToSpaceOptions": "4",
    "BatchMatMulOptions": "1 1 1",
    "CumsumOptions": "1 1",
    "CallOnceOptions": "4",
    "Conv3DOptions": "1 4 4 4 1 4 4 4",
    "HashtableOptions": "4 1 1",
    "VarHandleOptions": "text text",
    "RandomOptions": "8 8",
    "BucketizeOptions": "4*",
    "GeluOptions": "1",
    "StablehloConcatenateOptions": "8",
    "StablehloBroadcastInDimOptions": "8*",
    "StablehloSliceOptions": "8* 8* 8*",
    "StablehloConvolutionOptions": "8* 8* 8* 8* 1* 8 8 8* 8 8 8* 8 8 8* 8 8 4*",
    "StablehloCustomCallOptions": "text 1 text 4 4* 1*",
    "StablehloReduceOptions": "8* 4",
    "StablehloScatterOptions": "1 8* 8* 8* 8 1 4",
    "StablehloCompareOptions": "4 4",
    "StablehloDynamicSliceOptions": "8*",
    "StablehloPadOptions": "8* 8* 8*",
    "StablehloIotaOptions": "8",
    "StablehloDotGeneralOptions": "8* 8* 8* 8* 4*",
    "StablehloReduceWindowOptions": "8* 8* 8* 8* 8* 4",
    "StablehloSortOptions": "8 1 4",
    "StablehloWhileOptions": "4 4",
    "StablehloGatherOptions": "8* 8* 8* 8 8* 1",
    "StablehloTransposeOptions": "8*",
    "StablehloRngBitGeneratorOptions": "1",
    "ReduceWindowOptions": "4",
    "StableHLOCompositeOptions": "text 4 1* 1 4",
    "StablehloCaseOptions": "4*",
    "CustomQuantization": "1*",
    "BlockwiseQuantization": "4 4 4 4*",
    "MultiAxisQuantization": "4 4 4 4*",
    "DimensionMetadata": "1 4 1 union 1 union",
    "Int32Vector": "4*",
    "Uint16Vector": "2*",
    "Uint8Vector": "1*",
}
"""The types of the fields of each table, in the order of their slots."""

_EMPTY_TABLES: Final = """
ATan2Options AbsOptions AddNOptions AssignVariableOptions BatchToSpaceNDOptions BitcastOptions BitwiseXorOptions
BroadcastToOptions CosOptions DensifyOptions DequantizeOptions DilateOptions DynamicUpdateSliceOptions EqualOptions
ExpOptions ExpandDimsOptions FillOptions FloorDivOptions FloorModOptions GatherNdOptions GreaterEqualOptions
GreaterOptions HardSwishOptions HashtableFindOptions HashtableImportOptions HashtableSizeOptions LessEqualOptions
LessOptions LogSoftmaxOptions LogicalAndOptions LogicalNotOptions LogicalOrOptions MatrixDiagOptions
MatrixSetDiagOptions MaximumMinimumOptions NegOptions NonMaxSuppressionV4Options NonMaxSuppressionV5Options
NotEqualOptions PadOptions PadV2Options PowOptions QuantizeOptions RangeOptions RankOptions ReadVariableOptions
ReverseV2Options Rfft2dOptions RightShiftOptions ScatterNdOptions SegmentSumOptions SelectOptions SelectV2Options
SignOptions SliceOptions SpaceToBatchNDOptions SquareOptions SquaredDifferenceOptions StablehloShiftLeftOptions
TileOptions TopKV2Options TransposeOptions UnsortedSegmentMaxOptions UnsortedSegmentMinOptions
UnsortedSegmentProdOptions UnsortedSegmentSumOptions WhereOptions ZerosLikeOptions
"""
"""Tables without fields."""

_BUILTIN_OPTIONS: Final = """
Conv2DOptions DepthwiseConv2DOptions ConcatEmbeddingsOptions LSHProjectionOptions Pool2DOptions SVDFOptions
RNNOptions FullyConnectedOptions SoftmaxOptions ConcatenationOptions AddOptions L2NormOptions
LocalResponseNormalizationOptions LSTMOptions ResizeBilinearOptions CallOptions ReshapeOptions SkipGramOptions
SpaceToDepthOptions EmbeddingLookupSparseOptions MulOptions PadOptions GatherOptions BatchToSpaceNDOptions
SpaceToBatchNDOptions TransposeOptions ReducerOptions SubOptions DivOptions SqueezeOptions SequenceRNNOptions
StridedSliceOptions ExpOptions TopKV2Options SplitOptions LogSoftmaxOptions CastOptions DequantizeOptions
MaximumMinimumOptions ArgMaxOptions LessOptions NegOptions PadV2Options GreaterOptions GreaterEqualOptions
LessEqualOptions SelectOptions SliceOptions TransposeConvOptions SparseToDenseOptions TileOptions ExpandDimsOptions
EqualOptions NotEqualOptions ShapeOptions PowOptions ArgMinOptions FakeQuantOptions PackOptions LogicalOrOptions
OneHotOptions LogicalAndOptions LogicalNotOptions UnpackOptions FloorDivOptions SquareOptions ZerosLikeOptions
FillOptions BidirectionalSequenceLSTMOptions BidirectionalSequenceRNNOptions UnidirectionalSequenceLSTMOptions
FloorModOptions RangeOptions ResizeNearestNeighborOptions LeakyReluOptions SquaredDifferenceOptions MirrorPadOptions
AbsOptions SplitVOptions UniqueOptions ReverseV2Options AddNOptions GatherNdOptions CosOptions WhereOptions
RankOptions ReverseSequenceOptions MatrixDiagOptions QuantizeOptions MatrixSetDiagOptions HardSwishOptions IfOptions
WhileOptions DepthToSpaceOptions NonMaxSuppressionV4Options NonMaxSuppressionV5Options ScatterNdOptions
SelectV2Options DensifyOptions SegmentSumOptions BatchMatMulOptions CumsumOptions CallOnceOptions BroadcastToOptions
Rfft2dOptions Conv3DOptions HashtableOptions HashtableFindOptions HashtableImportOptions HashtableSizeOptions
VarHandleOptions ReadVariableOptions AssignVariableOptions RandomOptions BucketizeOptions GeluOptions
DynamicUpdateSliceOptions UnsortedSegmentProdOptions UnsortedSegmentMaxOptions UnsortedSegmentMinOptions
UnsortedSegmentSumOptions ATan2Options SignOptions BitcastOptions BitwiseXorOptions RightShiftOptions
"""
_BUILTIN_OPTIONS_2: Final = """
StablehloConcatenateOptions StablehloBroadcastInDimOptions StablehloSliceOptions StablehloConvolutionOptions
StablehloCustomCallOptions StablehloReduceOptions StablehloScatterOptions StablehloCompareOptions
StablehloDynamicSliceOptions StablehloPadOptions StablehloIotaOptions StablehloDotGeneralOptions
StablehloReduceWindowOptions StablehloSortOptions StablehloWhileOptions StablehloGatherOptions
StablehloTransposeOptions DilateOptions StablehloRngBitGeneratorOptions ReduceWindowOptions
StableHLOCompositeOptions StablehloShiftLeftOptions StablehloCaseOptions
"""
_QUANTIZATION_DETAILS: Final = """
CustomQuantization BlockwiseQuantization MultiAxisQuantization
"""
_SPARSE_INDEX: Final = """
Int32Vector Uint16Vector Uint8Vector
"""
"""The tables of each union, in the order of their numbers, which begin at 1."""

SCHEMA: Final = FlatSchema.from_words(
    "Model",
    {**_TABLES, **dict.fromkeys(_EMPTY_TABLES.split(), "")},
    {
        "Operator.4": _BUILTIN_OPTIONS,
        "Operator.12": _BUILTIN_OPTIONS_2,
        "QuantizationParameters.5": _QUANTIZATION_DETAILS,
        "DimensionMetadata.3": _SPARSE_INDEX,
        "DimensionMetadata.5": _SPARSE_INDEX,
    },
)
