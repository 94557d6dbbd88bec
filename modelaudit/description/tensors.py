"""Count the parameters of a model by the shapes of its tensors, over all shards and each tensor once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from math import prod
from pathlib import PurePosixPath
from typing import Final

from msgspec import Struct, field

from modelaudit.model.address import file_of, is_member
from modelaudit.model.description import Confidence, Fact, Topic
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.stated import StoredTensor, TensorTable
from modelaudit.model.structure import Location

_SHARD: Final = defer_pattern(r"[-_.]?(\d{4,5})-of-(\d{4,5})")
_NO_PARAMETER: Final = defer_pattern(
    r"(?:^|\.)(?:position_ids|num_batches_tracked|inv_freq|g_idx|attn\.bias|masked_bias)\Z"
)
_PACKED_WEIGHT: Final = defer_pattern(r"(?:^|[._])(?:qweight|weight_packed)\Z")
_PACKED_AID: Final = defer_pattern(
    r"(?:^|[._])(?:qzeros|scales?|biases|g_idx|zeros|weight_scale(?:_inv)?|weight_zero_point|weight_shape|absmax"
    r"|quant_map|nested_absmax|nested_quant_map|quant_state[\w.]*|SCB|weight_format)\Z"
)
_INDEX_TYPES: Final = frozenset({"I64", "I16", "U16", "U64", "BOOL", "int64", "bool", "int16"})
_PACKED_TYPES: Final = {"I32": 32, "U32": 32, "U8": 8, "I8": 8, "int32": 32, "uint8": 8}
_PRECISIONS: Final = {
    "F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64", "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2", "I8": "int8", "U8": "uint8", "I32": "int32", "F4": "float4",
}  # fmt: skip
_EMBEDDING: Final = defer_pattern(
    r"(?:^|\.)(?:embed_tokens|wte|wpe|word_embeddings|position_embeddings|tok_embeddings|embed_in|embed_out|lm_head|shared"
    r"|token_embd|output)\.weight\Z"
)
_CHECKPOINT: Final = defer_pattern(
    r"(?:pytorch_model|model|adapter_model|diffusion_pytorch_model)[\w.-]*\.(?:bin|pth?)"
)
"""Names of checkpoints that hold weights and no state of an optimizer."""
_STORAGES: Final = {
    "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16", "DoubleStorage": "F64",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "BoolStorage": "BOOL", "CharStorage": "I8",
    "ByteStorage": "U8",
}  # fmt: skip
_TYPED: Final = frozenset({"safetensors", "torch"})
"""Formats whose types of tensors are those of numbers in memory, so that quantised weights are packed into them."""
_NOTABLE: Final = 100
"""Whole numbers are weights if there is one for so many fractions; fewer are buffers."""
_MOST_NAMES: Final = 2_000_000


class WeightSet(Struct):
    """The tensors of one file, or of its shards together.

    Attributes:
        artifact: the first file.
        stated_shards: how many files its names state.
        parts: the files that were read.
        numbers: of elements, by type.
        packed: of elements in packed weights, in units of their type.
        embeddings: elements of the tables of tokens, and of the head with the same size.
        files: the paths of the files that hold it.
    """

    artifact: str
    stated_shards: int = 1
    parts: int = 0
    is_complete: bool = True
    numbers: Counter[str] = field(default_factory=Counter)
    packed: Counter[str] = field(default_factory=Counter)
    format: str = ""
    is_adapter: bool = False
    embeddings: int = 0
    names: set[int] = field(default_factory=set)
    files: set[str] = field(default_factory=set)

    def add(self, tensor: StoredTensor) -> None:
        """Count a tensor, unless one of its name was counted before or it holds no parameters."""
        key = hash(tensor.name)
        if key in self.names:
            return
        if len(self.names) >= _MOST_NAMES:
            self.is_complete = False
            return
        self.names.add(key)
        is_aid = self.format in _TYPED and _PACKED_AID.search(tensor.name) is not None
        is_parameter = tensor.type not in _INDEX_TYPES and not _NO_PARAMETER.search(tensor.name) and not is_aid
        if _PACKED_WEIGHT.search(tensor.name):
            self.packed[tensor.type] += prod(tensor.shape)
        elif is_parameter:
            self.numbers[tensor.type] += prod(tensor.shape)
            self.embeddings += prod(tensor.shape) if _EMBEDDING.search(tensor.name) else 0
        self.is_adapter = self.is_adapter or "lora_" in tensor.name

    def count(self, bits: int) -> int | None:
        """Return the number of parameters; ``None`` if it cannot be computed.

        Args:
            bits: of one packed weight; 0 if unknown.
        """
        if not self.is_complete or self.parts != self.stated_shards:
            return None
        floats = sum(number for type_, number in self.numbers.items() if type_ not in _PACKED_TYPES)
        total = floats if self.format in _TYPED else self.numbers.total()
        if self.format in _TYPED:
            # bitsandbytes and MLX pack several weights into a number, and keep the name of the weight.
            packed = self.packed + Counter({each: self.numbers[each] for each in _PACKED_TYPES})
            for type_, number in packed.items():
                if type_ in ("I8", "int8") and type_ not in self.packed:
                    total += number
                elif number * _NOTABLE > floats:
                    if not bits or type_ not in _PACKED_TYPES:
                        return None
                    total += number * _PACKED_TYPES[type_] // bits
        return total or None


def list_storages(program: PickleProgram) -> TensorTable:
    """Return the storages of a checkpoint of torch as a table; tensors that share one count once.

    It is not complete if a storage has no single type and count, or a type that does not state its numbers.
    """
    tensors = []
    is_complete = all(stream.complete for stream in program.streams)
    for claim in program.storages:
        kind = _STORAGES.get(claim.types[0]) if len(claim.types) == len(claim.counts) == 1 else None
        if kind is None:
            is_complete = False
        else:
            tensors.append(StoredTensor(claim.key, kind, (max(claim.counts[0], 0),)))
    return TensorTable("torch", tuple(tensors), is_complete)


class WeightCounter:
    """Collects the tables of tensors of a model."""

    def __init__(self, no_weights: re.Pattern[str]) -> None:
        """Begin without tables; files with a part of a name that ``no_weights`` matches do not count."""
        self._no_weights = no_weights
        self._sets: dict[tuple[str, str], WeightSet] = {}

    def add(self, table: TensorTable, address: str) -> None:
        """Add the table of one file."""
        path = PurePosixPath(file_of(address) if table.format == "torch" else address)
        is_checkpoint = table.format != "torch" or _CHECKPOINT.fullmatch(path.name.lower()) is not None
        if is_member(str(path)) or self._no_weights.search(path.name.lower()) or not is_checkpoint:
            return
        shard = _SHARD.search(path.stem)
        stem = _SHARD.sub("", path.stem)
        folder = "" if str(path.parent) == "." else str(path.parent)
        kept = self._sets.setdefault((folder, stem + path.suffix.lower()), WeightSet(str(path), format=table.format))
        kept.stated_shards = int(shard[2]) if shard is not None else 1
        kept.parts += 1
        kept.files.add(str(path))
        kept.is_complete = kept.is_complete and table.is_complete
        kept.is_adapter = kept.is_adapter or path.name.lower().startswith("adapter")
        for tensor in table.tensors:
            kept.add(tensor)

    def list_sets(self) -> list[WeightSet]:
        """List the sets of weights of the model itself, the largest first: those of the root, else of one folder."""
        folders = {folder for folder, _ in self._sets}
        if "" in folders:
            chosen = [each for (folder, _), each in self._sets.items() if not folder]
        else:
            chosen = list(self._sets.values()) if len(folders) == 1 else []
        return sorted(chosen, key=lambda each: (each.is_adapter, -each.numbers.total(), each.artifact))

    def describe(self, bits: int, unfinished: Collection[str] = ()) -> Iterator[Fact]:
        """Yield the number of parameters and the precision of the main set of weights.

        Args:
            bits: of one packed weight; 0 if unknown.
            unfinished: the paths of the files that were not read to their end: what the others show is found, and
                not verified.
        """
        for main in self.list_sets()[:1]:
            is_whole = main.is_complete and main.files.isdisjoint(unfinished)
            trust = Confidence.VERIFIED if is_whole and main.parts == main.stated_shards else Confidence.FOUND
            count = main.count(bits)
            if count is not None:
                where = Location(key="shapes of all tensors")
                parts = (("part", "adapter"),) if main.is_adapter else ()
                embeddings = (("embeddings", str(main.embeddings)),) if main.embeddings else ()
                qualifiers = (*embeddings, *parts)
                yield Fact(Topic.PARAMETERS, str(count), trust, main.artifact, where, qualifiers)
            for type_, number in main.numbers.most_common(1):
                if number and main.format in _TYPED and not main.packed and type_ in _PRECISIONS:
                    where = Location(key="types of the tensors")
                    yield Fact(Topic.PRECISION, _PRECISIONS[type_], trust, main.artifact, where)
