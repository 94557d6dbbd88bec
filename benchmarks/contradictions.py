"""Cards that contradict the files beside them, and their honest twins: what a scan names of each.

It is a section of ``benchmarks/documents.py``. Run alone, this module prints every case that is not as expected.
"""

from __future__ import annotations

import argparse
import json
import math
import struct
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from samples import HERE, ROOT

import modelaudit

CASES: Final = HERE / "document_cases/contradictions.yaml"
COUNT: Final = 40
"""Planted contradictions, and honest twins, of a file of cases that states no other ``count``."""
_LAYERS, _HIDDEN, _INNER, _HEADS, _VOCABULARY = 4, 256, 704, 128, 8000
"""The decoder: its layers, width, inner width, width of keys and values, and vocabulary."""
_BITS: Final = {"F32": 32, "BF16": 16, "F16": 16, "I32": 32}
_F32, _Q8_0 = 0, 8
"""Types of tensors in GGUF: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md"""
_GROUP, _PACKED = 64, 8
"""Of weights of 4 bits: the rows with one scale, and the numbers in a word of 32 bits."""

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A repository with a card that contradicts its files, and one with a card that does not.

    Attributes:
        id: a name.
        topics: the topics on which the planted card gives contradictions; one of them at least, and none on others.
        files: path -> content, a text, a value for JSON, or the description of a weight file.
        card: the planted card; empty if the case is an honest look-alike alone.
        twin: the honest card.
    """

    id: str
    topics: tuple[str, ...]
    files: Mapping[str, Any]
    card: str
    twin: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The contradictions that a scan names of one card.

    Attributes:
        topics: of each contradiction.
        sentences: of each contradiction.
    """

    case: Case
    is_planted: bool
    topics: tuple[str, ...]
    sentences: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """Whether the planted contradiction alone is named; of an honest card, whether none is."""
        if not self.is_planted:
            return not self.topics
        return bool(self.topics) and set(self.topics) <= set(self.case.topics)


def read_cases(path: Path = CASES) -> list[Case]:
    """Read the cases. Raises ``ValueError`` unless as many are planted as stated, and each has a name of its own."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    cases = [
        Case(each["id"], tuple(each["topics"]), each["files"], each["card"], each["twin"]) for each in document["cases"]
    ]
    count = document.get("count", COUNT)
    if len(cases) != count:
        raise ValueError(f"{path}: {len(cases)} cases, expected {count}")
    cases += [Case(each["id"], (), each["files"], "", each["twin"]) for each in document.get("look_alikes", ())]
    if len({case.id for case in cases}) != len(cases):
        raise ValueError(f"{path}: two cases have the same name")
    return cases


def judge_cases(path: Path = CASES) -> list[Answer]:
    """Scan the repository of every case with both cards; of a look-alike, with its one."""
    answers = []
    for case in read_cases(path):
        cards = ((True, case.card), (False, case.twin)) if case.card else ((False, case.twin),)
        for is_planted, card in cards:
            with tempfile.TemporaryDirectory() as folder:
                root = Path(folder) / "model"
                write_repository(root, {**case.files, "README.md": card})
                report = modelaudit.scan(root, offline=True, second_opinion=False)
            found = report.description.contradictions
            topics = tuple(str(each.declared.topic) for each in found)
            answers.append(Answer(case, is_planted, topics, tuple(each.sentence for each in found)))
    return answers


def list_faults(answers: Iterable[Answer]) -> Iterator[str]:
    """Yield a line for each answer that is not right."""
    for answer in answers:
        if not answer.is_right:
            kind = "planted" if answer.is_planted else "honest"
            said = "; ".join(map(" ".join, zip(answer.topics, answer.sentences, strict=True))) or "nothing"
            yield f"{answer.case.id}, {kind} ({', '.join(answer.case.topics)}): {said}"


def write_repository(root: Path, files: Mapping[str, Any]) -> None:
    """Write the files of a case below a folder."""
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            file.write_text(content, encoding="utf-8")
        elif file.suffix == ".safetensors":
            _write_safetensors(file, content)
        elif file.suffix == ".gguf":
            _write_gguf(file, content["gguf"])
        elif "fixture" in content:
            file.write_bytes((ROOT / "build/fixtures" / content["fixture"]).read_bytes())
        else:
            file.write_text(json.dumps(content, indent=2), encoding="utf-8")


def _write_safetensors(file: Path, content: Mapping[str, Any]) -> None:
    """Write a safetensors file whose numbers are a hole in the file; ``content`` names one kind of model."""
    ((kind, options),) = content.items()
    list_tensors = {
        "decoder": _list_decoder,
        "mixture": _list_mixture,
        "packed": _list_packed,
        "encoder": _list_encoder,
        "adapter": _list_adapter,
    }[kind]
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in list_tensors(options):
        dtype = "I32" if name.endswith((".qweight", ".qzeros")) else options["dtype"]
        start, end = end, end + math.prod(shape) * _BITS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as written:
        written.write(struct.pack("<Q", len(text)) + text)
        written.truncate(8 + len(text) + end)


def _list_decoder(options: Mapping[str, Any]) -> Iterator[tuple[str, Shape]]:
    """Yield name and shape of the tensors of a Llama, as transformers names them; a tied one has no head."""
    if not options.get("tied"):
        yield "lm_head.weight", (_VOCABULARY, _HIDDEN)
    yield "model.embed_tokens.weight", (_VOCABULARY, _HIDDEN)
    for layer in range(_LAYERS):
        for name, shape in (
            ("input_layernorm", (_HIDDEN,)),
            ("mlp.down_proj", (_HIDDEN, _INNER)),
            ("mlp.gate_proj", (_INNER, _HIDDEN)),
            ("mlp.up_proj", (_INNER, _HIDDEN)),
            ("post_attention_layernorm", (_HIDDEN,)),
            ("self_attn.k_proj", (_HEADS, _HIDDEN)),
            ("self_attn.o_proj", (_HIDDEN, _HIDDEN)),
            ("self_attn.q_proj", (_HIDDEN, _HIDDEN)),
            ("self_attn.v_proj", (_HEADS, _HIDDEN)),
        ):
            yield f"model.layers.{layer}.{name}.weight", shape
    yield "model.norm.weight", (_HIDDEN,)


def _list_mixture(options: Mapping[str, Any]) -> Iterator[tuple[str, Shape]]:
    """Yield name and shape of the tensors of the decoder with experts, as transformers names those of Mixtral."""
    experts = options["experts"]
    for name, shape in _list_decoder({}):
        place, _, part = name.partition(".mlp.")
        if not part:
            yield name, shape
            continue
        if part == "gate_proj.weight":
            yield f"{place}.block_sparse_moe.gate.weight", (experts, _HIDDEN)
        short = {"gate_proj": "w1", "down_proj": "w2", "up_proj": "w3"}[part.removesuffix(".weight")]
        for expert in range(experts):
            yield f"{place}.block_sparse_moe.experts.{expert}.{short}.weight", shape


def _list_packed(_: Mapping[str, Any]) -> Iterator[tuple[str, Shape]]:
    """Yield name and shape of the tensors of the decoder with matrices of 4 bits, as AWQ stores them."""
    for name, shape in _list_decoder({}):
        if not name.endswith("_proj.weight"):
            yield name, shape
            continue
        rows, columns = shape
        place = name.removesuffix(".weight")
        yield f"{place}.qweight", (columns, rows // _PACKED)
        yield f"{place}.qzeros", (columns // _GROUP, rows // _PACKED)
        yield f"{place}.scales", (columns // _GROUP, rows)


def _list_encoder(options: Mapping[str, Any]) -> Iterator[tuple[str, Shape]]:
    """Yield name and shape of the tensors of a BERT with 3 layers; without labels it has no head."""
    labels, width, inner = options["labels"], 128, 512
    prefix = "bert." if labels else ""
    embeddings: Sequence[tuple[str, Shape]] = (
        ("word_embeddings.weight", (6000, width)),
        ("position_embeddings.weight", (512, width)),
        ("token_type_embeddings.weight", (2, width)),
        ("LayerNorm.weight", (width,)),
        ("LayerNorm.bias", (width,)),
    )
    for name, shape in embeddings:
        yield f"{prefix}embeddings.{name}", shape
    linear: Sequence[tuple[str, int, int]] = (
        ("attention.self.query", width, width),
        ("attention.self.key", width, width),
        ("attention.self.value", width, width),
        ("attention.output.dense", width, width),
        ("intermediate.dense", inner, width),
        ("output.dense", width, inner),
    )
    for layer in range(3):
        place = f"{prefix}encoder.layer.{layer}"
        for name, rows, columns in linear:
            yield f"{place}.{name}.weight", (rows, columns)
            yield f"{place}.{name}.bias", (rows,)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            yield f"{place}.{name}.weight", (width,)
            yield f"{place}.{name}.bias", (width,)
    yield f"{prefix}pooler.dense.weight", (width, width)
    yield f"{prefix}pooler.dense.bias", (width,)
    if labels:
        yield "classifier.weight", (labels, width)
        yield "classifier.bias", (labels,)


def _list_adapter(options: Mapping[str, Any]) -> Iterator[tuple[str, Shape]]:
    """Yield name and shape of the tensors of a LoRA adapter for the decoder, as PEFT names them."""
    rank = options["rank"]
    for layer in range(_LAYERS):
        for name, rows in (("q_proj", _HIDDEN), ("v_proj", _HEADS)):
            place = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            yield f"{place}.lora_A.weight", (rank, _HIDDEN)
            yield f"{place}.lora_B.weight", (rows, rank)


def _write_gguf(file: Path, metadata: Mapping[str, Any]) -> None:
    """Write the decoder as GGUF version 3 with matrices of Q8_0; its numbers are a hole in the file."""
    pairs = [_encode_pair(key, value) for key, value in metadata.items() if key != "tokens"]
    pairs.append(_encode_pair("tokenizer.ggml.model", "llama"))
    pairs.append(_encode_pair("tokenizer.ggml.tokens", [f"<{number}>" for number in range(metadata["tokens"])]))
    rows, end = [], 0
    for name, shape in _list_decoder({}):
        kind, size = (_F32, 4 * shape[0]) if len(shape) == 1 else (_Q8_0, math.prod(shape) // 32 * 34)
        dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        rows.append(_encode_text(_rename_for_gguf(name)) + dimensions + struct.pack("<IQ", kind, end))
        end += size + -size % 32
    head = b"GGUF" + struct.pack("<IQQ", 3, len(rows), len(pairs)) + b"".join(pairs) + b"".join(rows)
    with file.open("wb") as written:
        written.write(head)
        written.truncate(len(head) + -len(head) % 32 + end)


_GGUF_NAMES: Final = (
    ("model.embed_tokens", "token_embd"),
    ("model.norm", "output_norm"),
    ("lm_head", "output"),
    ("model.layers", "blk"),
    ("input_layernorm", "attn_norm"),
    ("post_attention_layernorm", "ffn_norm"),
    ("mlp.down_proj", "ffn_down"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
)


def _rename_for_gguf(name: str) -> str:
    """Return the name that llama.cpp gives to a tensor of transformers."""
    for old, new in _GGUF_NAMES:
        name = name.replace(old, new)
    return name


def _encode_text(text: str) -> bytes:
    """Return a text with its length before it."""
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _encode_pair(key: str, value: int | str | Sequence[str]) -> bytes:
    """Return a key with its value: an unsigned number of 32 bits, a text, or a list of texts."""
    if isinstance(value, int):
        return _encode_text(key) + struct.pack("<II", 4, value)
    if isinstance(value, str):
        return _encode_text(key) + struct.pack("<I", 8) + _encode_text(value)
    return _encode_text(key) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_encode_text, value))


def main() -> None:
    """Print every answer that is not right; the exit code is 1 if there is one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=Path, default=CASES, help="file of cases")
    answers = judge_cases(parser.parse_args().cases)
    faults = list(list_faults(answers))
    planted = [answer.is_right for answer in answers if answer.is_planted]
    honest = [not answer.is_right for answer in answers if not answer.is_planted]
    print(f"{sum(planted)} of {len(planted)} named, {sum(honest)} of {len(honest)} honest cards with a contradiction")
    print("\n".join(faults) or "All are right.")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
