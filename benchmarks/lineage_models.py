"""Build the folders of the lineage pairs: models of one layer of zeros a tensor, with the tokenizer of a base model.

No token of a real vocabulary is needed: each vocabulary on record gets made-up tokens, and a copy of the rule set gets
their digests in the place of the real ones. ``derive.py`` of ``rules/lineage/`` compares the real ones.
"""

from __future__ import annotations

import json
import shutil
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = str(ROOT / "fixtures")
# The folder has fixtures named as packages, so it leaves the search path again.
sys.path.insert(0, FIXTURES)
from builders.gguf_files import build_gguf_model  # noqa: E402

sys.path.remove(FIXTURES)

from modelaudit.languages.architectures.vocabulary import hash_vocabulary  # noqa: E402

_HEAD = 64
"""The size of one head in every configuration that is built."""
_DEFAULT_BYTES = 2
_PARTS = {
    "q_proj": "self_attn",
    "k_proj": "self_attn",
    "v_proj": "self_attn",
    "up_proj": "mlp",
    "gate_proj": "mlp",
    "down_proj": "mlp",
}


def copy_rules(folder: Path) -> Path:
    """Copy the rule set below ``folder``, with the digests of made-up tokens, and return the folder of the copy."""
    rules = folder / "rules"
    shutil.copytree(ROOT / "rules", rules, ignore=shutil.ignore_patterns("*.py", "*.md", "__pycache__"))
    path = rules / "lineage" / "bases.yaml"
    table = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, entry in table["vocabularies"].items():
        if entry.get("segments"):
            entry["segments"] = _digest(name, entry["tokens"])
    path.write_text(yaml.safe_dump(table, allow_unicode=True), encoding="utf-8")
    return rules


@lru_cache(maxsize=64)
def _digest(name: str, size: int) -> str:
    """Return the digests of the made-up tokens of one vocabulary, separated by spaces."""
    fact = hash_vocabulary(_make_tokens(name, size))
    return " ".join(fact.segments) if fact else ""


def _make_tokens(name: str, size: int) -> Iterator[str]:
    """Yield made-up tokens, which differ from those of any other name."""
    return (f"{name}▁{number}" for number in range(size))


def build_model(pair: Mapping[str, Any], folder: Path) -> None:
    """Write the files of the derivative of one pair; ``lineage_pairs`` documents the keys."""
    table = yaml.safe_load((ROOT / "rules" / "lineage" / "bases.yaml").read_text(encoding="utf-8"))
    base = next(each for each in table["bases"] if each["id"] == pair["base"])
    folder.mkdir(parents=True, exist_ok=True)
    _write_card(folder, pair.get("card", {}))
    config = _build_config(base, pair.get("config", {}))
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    for name, content in pair.get("files", {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(text, encoding="utf-8")
    record = table["vocabularies"].get(base.get("vocabulary", ""), {})
    special = pair.get("special-tokens", "base")
    special = record.get("special-tokens", []) if special == "base" else special
    tokens = _choose_tokens(pair.get("vocabulary", "base"), base, table)
    _write_tokenizer(folder, pair, base, tokens, special or [])
    _write_tensors(folder, pair.get("tensors", "none"), base["shape"])


def _write_card(folder: Path, fields: Mapping[str, Any]) -> None:
    """Write the card with its front matter."""
    text = yaml.safe_dump(dict(fields)) if fields else ""
    (folder / "README.md").write_text(f"---\n{text}---\n# A model\n", encoding="utf-8")


def _build_config(base: Mapping[str, Any], changes: Mapping[str, Any] | str) -> dict[str, Any] | None:
    """Build the configuration of the base model with the changes; a value of ``null`` removes a key."""
    if changes == "none":
        return None
    shape = base["shape"]
    config: dict[str, Any] = {
        "model_type": base["architecture"],
        "hidden_size": shape["hidden"],
        "num_hidden_layers": shape["layers"],
        "intermediate_size": shape.get("intermediate"),
        "vocab_size": shape.get("vocabulary"),
        "num_local_experts": shape.get("experts"),
        "max_position_embeddings": base.get("context"),
    }
    if "query" in shape:
        key_heads = max(1, shape.get("key", shape["query"]) // _HEAD)
        config |= {"num_attention_heads": shape["query"] // _HEAD, "num_key_value_heads": key_heads, "head_dim": _HEAD}
    config |= dict(changes)
    return {key: value for key, value in config.items() if value is not None}


def _choose_tokens(stated: Any, base: Mapping[str, Any], table: Mapping[str, Any]) -> list[str]:
    """Return the tokens that a pair asks for; none for ``none``, and where the record has no vocabulary."""
    if stated == "none":
        return []
    name = base.get("vocabulary", "") if stated == "base" else str(stated)
    if name.startswith("own:"):
        return list(_make_tokens("own", int(name.removeprefix("own:"))))
    entry = table["vocabularies"].get(name, {})
    return list(_make_tokens(name, entry["tokens"])) if entry.get("segments") else []


def _write_tokenizer(
    folder: Path, pair: Mapping[str, Any], base: Mapping[str, Any], tokens: Sequence[str], special: Sequence[str]
) -> None:
    """Write the tokenizer in the format that the pair asks for."""
    added = [f"<|added-{number}|>" for number in range(pair.get("added-tokens", 0))]
    kind = pair.get("tokenizer", "tokenizer.json")
    if kind == "gguf":
        _write_gguf(folder / "model-Q4_K_M.gguf", base, [*tokens, *special, *added])
        return
    if special:
        decoder = {str(len(tokens) + number): {"content": token} for number, token in enumerate([*special, *added])}
        settings = {"added_tokens_decoder": decoder, **pair.get("tokenizer-config", {})}
        (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    if not tokens:
        return
    if kind == "tokenizer.model":
        (folder / kind).write_bytes(b"".join(map(_build_piece, tokens)))
    elif kind == "vocab.json":
        (folder / kind).write_text(json.dumps({token: at for at, token in enumerate(tokens)}), encoding="utf-8")
    else:
        contents = [{"id": len(tokens) + at, "content": token} for at, token in enumerate([*special, *added])]
        model = {"type": "BPE", "vocab": {token: at for at, token in enumerate(tokens)}, "merges": []}
        text = json.dumps({"version": "1.0", "added_tokens": contents, "model": model}, ensure_ascii=False)
        (folder / kind).write_text(text, encoding="utf-8")


def _build_piece(token: str) -> bytes:
    """Build a piece of a SentencePiece model: its text and its score."""
    text = token.encode()
    body = b"\x0a" + bytes([len(text)]) + text + b"\x15" + struct.pack("<f", -1.0)
    return b"\x0a" + bytes([len(body)]) + body


def _write_gguf(path: Path, base: Mapping[str, Any], tokens: Sequence[str]) -> None:
    """Write a GGUF file with the metadata of the base model and no tensors."""
    shape, file = base["shape"], build_gguf_model()
    sizes = {
        "embedding_length": shape["hidden"],
        "block_count": shape["layers"],
        "feed_forward_length": shape.get("intermediate"),
        "attention.head_count": shape["query"] // _HEAD,
        "attention.head_count_kv": max(1, shape["key"] // _HEAD),
        "attention.key_length": _HEAD,
        "context_length": base.get("context"),
    }
    file.add_text("general.architecture", "llama")
    for key, value in sizes.items():
        if value:
            file.add_pair(f"llama.{key}", 4, file.encode_u32(value))
    if tokens:
        file.add_texts("tokenizer.ggml.tokens", *tokens)
    path.write_bytes(file.build())


def _write_tensors(folder: Path, stated: Any, shape: Mapping[str, int]) -> None:
    """Write the tensors of a pair as a sparse safetensors file.

    Args:
        folder: of the model.
        stated: ``none``; ``full`` or ``quantised`` for weights of the base model; ``{adapter: [modules]}``; or a
            mapping of names to shapes.
        shape: of the base model.
    """
    if stated == "none":
        return
    name = "model.safetensors"
    if isinstance(stated, Mapping) and "adapter" in stated:
        name, tensors = "adapter_model.safetensors", _list_adapter_tensors(stated["adapter"], shape)
        (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 8}), encoding="utf-8")
    elif isinstance(stated, Mapping):
        tensors = {key: ("F16", tuple(sizes)) for key, sizes in stated.items()}
    else:
        tensors = dict(_iter_weights(shape, is_packed=stated == "quantised"))
    header: dict[str, Any] = {}
    position = 0
    for key, (kind, sizes) in tensors.items():
        size = (4 if kind == "I32" else _DEFAULT_BYTES) * sizes[0] * sizes[1]
        header[key] = {"dtype": kind, "shape": list(sizes), "data_offsets": [position, position + size]}
        position += size
    data = json.dumps(header).encode()
    with (folder / name).open("wb") as file:
        file.write(len(data).to_bytes(8, "little") + data)
        file.truncate(8 + len(data) + position)


def _list_modules(shape: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """List the outputs and inputs of the modules of one layer."""
    hidden, wide = shape["hidden"], shape.get("intermediate", 4 * shape["hidden"])
    return {
        "q_proj": (shape.get("query", hidden), hidden),
        "k_proj": (shape.get("key", hidden), hidden),
        "v_proj": (shape.get("key", hidden), hidden),
        "gate_proj": (wide, hidden),
        "up_proj": (wide, hidden),
        "down_proj": (hidden, wide),
    }


def _iter_weights(shape: Mapping[str, int], is_packed: bool) -> Iterator[tuple[str, tuple[str, tuple[int, int]]]]:
    """Yield the weights of the first and the last layer; packed ones have eight numbers in each stored one."""
    yield "model.embed_tokens.weight", ("F16", (shape.get("vocabulary", 1000), shape["hidden"]))
    for layer in (0, shape["layers"] - 1):
        for module, (outputs, inputs) in _list_modules(shape).items():
            name = f"model.layers.{layer}.{_PARTS[module]}.{module}"
            if is_packed:
                yield f"{name}.qweight", ("I32", (inputs // 8, outputs))
            else:
                yield f"{name}.weight", ("F16", (outputs, inputs))


def _list_adapter_tensors(modules: Sequence[str], shape: Mapping[str, int]) -> dict[str, tuple[str, tuple[int, int]]]:
    """List the low-rank updates of some modules in the first and the last layer."""
    sizes = {module: size for module, size in _list_modules(shape).items() if module in modules}
    tensors = {}
    for layer in (0, shape["layers"] - 1):
        for module, (outputs, inputs) in islice(sizes.items(), len(sizes)):
            name = f"base_model.model.model.layers.{layer}.{_PARTS[module]}.{module}"
            tensors[f"{name}.lora_A.weight"] = ("F16", (8, inputs))
            tensors[f"{name}.lora_B.weight"] = ("F16", (outputs, 8))
    return tensors
