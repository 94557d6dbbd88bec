"""Write repositories with torch, Keras, ONNX, GGUF, spaCy and timm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from cards import repository

_WORDS = ("the", "a", "model", "reads", "good", "bad", "film", "was", "and", "very", "fast", "slow", "people", "like")


def _make_layers() -> torch.nn.Sequential:
    return torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.LayerNorm(16), torch.nn.Linear(16, 2))


@repository("apache-2.0", "pytorch", "image-classification", text=True)
def _write_torch_state_dict(folder: Path) -> None:
    torch.save(_make_layers().state_dict(), folder / "pytorch_model.bin")


@repository("mit", "pytorch", "image-classification", text=True)
def _write_torch_module(folder: Path) -> None:
    torch.save(_make_layers(), folder / "model.pt")


@repository("mit", "pytorch", "image-classification")
def _write_torch_checkpoint(folder: Path) -> None:
    model = _make_layers()
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 8)).sum().backward()
    optimizer.step()
    state = {"epoch": 3, "model": model.state_dict(), "optimizer": optimizer.state_dict(), "args": {"lr": 2e-5}}
    torch.save(state, folder / "checkpoint.pth")


@repository("bsd-3-clause", "pytorch", "image-classification")
def _write_torchscript(folder: Path) -> None:
    torch.jit.trace(_make_layers().eval(), torch.ones(1, 8)).save(str(folder / "model.ts"))


@repository("apache-2.0", "pytorch", "image-classification")
def _write_torch_export(folder: Path) -> None:
    torch.export.save(torch.export.export(_make_layers().eval(), (torch.ones(1, 8),)), folder / "model.pt2")


@repository("apache-2.0", "safetensors", "feature-extraction", text=True)
def _write_safetensors_plain(folder: Path) -> None:
    from safetensors.torch import save_file

    save_file(_make_layers().state_dict(), folder / "model.safetensors", {"format": "pt"})


def _make_keras() -> object:
    import keras

    layers = [keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dropout(0.1), keras.layers.Dense(2)]
    model = keras.Sequential(layers, name="classifier")
    model.compile(keras.optimizers.Adam(), "mse")
    model.fit(np.ones((4, 8)), np.ones((4, 2)), verbose=0)
    return model


@repository("apache-2.0", "keras", "tabular-regression", text=True)
def _write_keras_archive(folder: Path) -> None:
    _make_keras().save(folder / "model.keras")


@repository("apache-2.0", "keras", "tabular-regression")
def _write_keras_hdf5(folder: Path) -> None:
    _make_keras().save(folder / "model.h5")


@repository("mit", "keras", "tabular-regression")
def _write_keras_weights(folder: Path) -> None:
    model = _make_keras()
    model.save_weights(folder / "model.weights.h5")
    (folder / "config.json").write_text(model.to_json())


@repository("mit", "onnx", "feature-extraction")
def _write_onnx_helper(folder: Path) -> None:
    from onnx import TensorProto, helper, numpy_helper, save

    weight = numpy_helper.from_array(np.ones((8, 2), np.float32), "weight")
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size]) for name, size in (("x", 8), ("y", 2))]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weight"], ["y"])], "g", values[:1], values[1:], [weight]
    )
    save(helper.make_model(graph, producer_name="example"), folder / "model.onnx")


@repository("apache-2.0", "gguf", "text-generation", base="Qwen/Qwen2.5-0.5B")
def _write_gguf(folder: Path) -> None:
    from gguf import GGUFWriter, TokenType

    writer = GGUFWriter(folder / "model-f16.gguf", "qwen2")
    writer.add_name("small")
    writer.add_license("apache-2.0")
    writer.add_context_length(64)
    writer.add_embedding_length(16)
    writer.add_block_count(1)
    writer.add_head_count(2)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([*_WORDS])
    writer.add_token_types([TokenType.NORMAL] * len(_WORDS))
    writer.add_chat_template("{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}")
    writer.add_tensor("token_embd.weight", np.ones((len(_WORDS), 16), np.float16))
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file, writer.close):
        step()


@repository("mit", "spacy", "token-classification", text=True)
def _write_spacy_entities(folder: Path) -> None:
    import spacy

    pipeline = spacy.blank("en")
    pipeline.add_pipe("ner").add_label("PERSON")
    pipeline.initialize()
    pipeline.to_disk(folder)


@repository("mit", "spacy", "text-classification")
def _write_spacy_categories(folder: Path) -> None:
    import spacy

    pipeline = spacy.blank("en")
    for label in ("GOOD", "BAD"):
        (pipeline.get_pipe("textcat") if "textcat" in pipeline.pipe_names else pipeline.add_pipe("textcat")).add_label(
            label
        )
    pipeline.initialize()
    pipeline.to_disk(folder)


@repository("apache-2.0", "timm", "image-classification")
def _write_timm(folder: Path) -> None:
    import timm

    timm.models.save_for_hf(timm.create_model("test_resnet"), folder)
