"""Write repositories with libraries that stand beside torch, JAX and transformers, and with runtimes of other formats.

They are chosen as those of ``companions`` are.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from cards import repository

_SEED = 2026
_ROWS = 96
_WORDS = ("the", "a", "model", "reads", "good", "bad", "film", "was", "and", "very", "fast", "slow")


def _make_layers() -> object:
    import torch

    torch.manual_seed(_SEED)
    return torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2)).eval()


def _make_bert(sizes: dict[str, int] | None = None) -> object:
    from transformers import BertConfig

    options = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return BertConfig(**options, intermediate_size=32, max_position_embeddings=32, **(sizes or {}))


def _make_gpt2() -> object:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(vocab_size=len(_WORDS) + 1, n_positions=32, n_embd=16, n_layer=1, n_head=2))


@repository("mit", "tiktoken", "text-generation")
def _write_tiktoken(folder: Path) -> None:
    from tiktoken.load import dump_tiktoken_bpe

    ranks = {bytes([each]): each for each in range(256)}
    ranks |= {word.encode(): 256 + index for index, word in enumerate(("th", "the", " a", " the"))}
    dump_tiktoken_bpe(ranks, str(folder / "tokenizer.tiktoken"))


@repository("mit", "onnxruntime", "feature-extraction")
def _write_onnxruntime(folder: Path) -> None:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
    from onnxruntime.quantization import quantize_dynamic

    weight = numpy_helper.from_array(np.random.default_rng(_SEED).normal(size=(8, 2)).astype(np.float32), "weight")
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size]) for name, size in (("x", 8), ("y", 2))]
    node = helper.make_node("MatMul", ["x", "weight"], ["y"], name="product")
    model = helper.make_model(
        helper.make_graph([node], "g", values[:1], values[1:], [weight]),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=8,
    )  # fmt: skip
    for name in ("optimized.onnx", "model.ort"):
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(folder / name)
        if name.endswith(".ort"):
            options.add_session_config_entry("session.save_model_format", "ORT")
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    quantize_dynamic(model, str(folder / "quantized.onnx"))


@repository("mit", "ctranslate2", "text-generation")
def _write_ctranslate2(folder: Path) -> None:
    from ctranslate2.converters import TransformersConverter
    from transformers import AddedToken, GPT2Tokenizer

    parts = folder.parent / "gpt2-parts"
    model = _make_gpt2()
    model.save_pretrained(parts)
    vocabulary = {"<|endoftext|>": 0, **{word: index + 1 for index, word in enumerate(_WORDS)}}
    GPT2Tokenizer(vocab=vocabulary, merges=[], unk_token=AddedToken("<|endoftext|>")).save_pretrained(parts)
    TransformersConverter(str(parts)).convert(str(folder), quantization="int8", force=True)


@repository("apache-2.0", "gguf", "text-generation")
def _write_gguf(folder: Path) -> None:
    import gguf

    writer = gguf.GGUFWriter(folder / "model-q8_0.gguf", "llama")
    writer.add_name("small")
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_head_count(2)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(list(_WORDS))
    writer.add_token_scores([0.0] * len(_WORDS))
    writer.add_token_types([gguf.TokenType.NORMAL] * len(_WORDS))
    weights = np.random.default_rng(_SEED).normal(size=(len(_WORDS), 32)).astype(np.float32)
    for name, type_ in (
        ("token_embd.weight", gguf.GGMLQuantizationType.Q8_0),
        ("output.weight", gguf.GGMLQuantizationType.Q4_0),
    ):
        writer.add_tensor(name, gguf.quants.quantize(weights, type_), raw_dtype=type_)
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file, writer.close):
        step()


@repository("bsd-3-clause", "torchao", "text-generation")
def _write_torchao(folder: Path) -> None:
    import torch
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    model = _make_layers()
    quantize_(model, Int8WeightOnlyConfig())
    torch.save(model.state_dict(), folder / "model.pt")


@repository("apache-2.0", "compressed-tensors", "text-generation")
def _write_compressed_tensors(folder: Path) -> None:
    from compressed_tensors.compressors import ModelCompressor
    from compressed_tensors.quantization import QuantizationConfig, QuantizationScheme, apply_quantization_config
    from compressed_tensors.quantization.quant_args import QuantizationArgs

    model = _make_gpt2()
    scheme = QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(num_bits=8, symmetric=True))
    apply_quantization_config(model, QuantizationConfig(config_groups={"all": scheme}, ignore=[]))
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    model.save_pretrained(folder)
    compressor.update_config(folder)


@repository("mit", "pytorch-metric-learning", "feature-extraction")
def _write_metric_learning(folder: Path) -> None:
    import torch
    from pytorch_metric_learning.losses import ArcFaceLoss

    loss = ArcFaceLoss(num_classes=3, embedding_size=8)
    torch.save({"trunk": _make_layers().state_dict(), "loss": loss.state_dict()}, folder / "checkpoint.pth")
    torch.save(loss, folder / "loss.pt")


@repository("mit", "tensordict", "feature-extraction")
def _write_tensordict(folder: Path) -> None:
    from tensordict import TensorDict

    TensorDict.from_module(_make_layers()).detach().memmap(str(folder / "weights"))


@repository("apache-2.0", "equinox", "tabular-classification")
def _write_equinox(folder: Path) -> None:
    import equinox
    import jax

    equinox.tree_serialise_leaves(folder / "model.eqx", equinox.nn.MLP(4, 2, 8, 1, key=jax.random.PRNGKey(0)))


@repository("apache-2.0", "haiku", "tabular-classification")
def _write_haiku(folder: Path) -> None:
    import haiku
    import jax

    network = haiku.transform(lambda x: haiku.nets.MLP([8, 2])(x))
    parameters = network.init(jax.random.PRNGKey(0), np.ones((1, 4), np.float32))
    (folder / "parameters.pkl").write_bytes(pickle.dumps(jax.device_get(parameters)))


@repository("apache-2.0", "optax", "tabular-classification")
def _write_optax(folder: Path) -> None:
    import jax
    import optax

    parameters = {"kernel": np.ones((4, 2), np.float32), "bias": np.zeros(2, np.float32)}
    state = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-3)).init(parameters)
    kept = jax.device_get({"parameters": parameters, "state": state})
    (folder / "checkpoint.pkl").write_bytes(pickle.dumps(kept))


@repository("apache-2.0", "numpyro", "tabular-regression")
def _write_numpyro(folder: Path) -> None:
    import jax
    import numpyro
    from numpyro.distributions import Normal
    from numpyro.infer import MCMC, NUTS

    def draw(values: np.ndarray) -> None:
        numpyro.sample("y", Normal(numpyro.sample("mean", Normal(0, 1)), 1), obs=values)

    chain = MCMC(NUTS(draw), num_warmup=5, num_samples=5, progress_bar=False)
    chain.run(jax.random.PRNGKey(0), np.ones(8))
    (folder / "samples.pkl").write_bytes(pickle.dumps(jax.device_get(chain.get_samples())))


@repository("apache-2.0", "openvino", "image-classification")
def _write_openvino(folder: Path) -> None:
    import openvino
    import torch

    model = openvino.convert_model(_make_layers(), example_input=torch.ones(1, 8))
    openvino.save_model(model, str(folder / "openvino_model.xml"))


@repository("apache-2.0", "gluonts", "time-series-forecasting")
def _write_gluonts(folder: Path) -> None:
    import pandas as pd
    from gluonts.dataset.pandas import PandasDataset
    from gluonts.torch import SimpleFeedForwardEstimator

    values = np.sin(np.arange(_ROWS) / 4).astype(np.float32)
    series = pd.DataFrame({"target": values}, index=pd.period_range("2025-01-01", periods=_ROWS, freq="D"))
    options = {"max_epochs": 1, "logger": False, "enable_progress_bar": False, "default_root_dir": str(folder.parent)}
    estimator = SimpleFeedForwardEstimator(4, hidden_dimensions=[4], num_batches_per_epoch=2, trainer_kwargs=options)
    estimator.train(PandasDataset(series)).serialize(folder)


@repository("mit", "mlx", "text-generation")
def _write_mlx(folder: Path) -> None:
    import mlx.core
    import mlx.nn

    model = mlx.nn.Sequential(mlx.nn.Linear(64, 8), mlx.nn.Linear(8, 2))
    model.save_weights(str(folder / "model.safetensors"))
    model.save_weights(str(folder / "weights.npz"))
    mlx.core.save_gguf(str(folder / "model.gguf"), {"weight": mlx.core.ones((4, 8))}, {"general.name": "small"})


@repository("mit", "botorch", "tabular-regression")
def _write_botorch(folder: Path) -> None:
    import torch
    from botorch.models import SingleTaskGP

    table = torch.linspace(0, 1, 24, dtype=torch.float64).reshape(12, 2)
    model = SingleTaskGP(table, table.sum(1, keepdim=True))
    torch.save(model.state_dict(), folder / "process.pth")


@repository("apache-2.0", "mmengine", "image-classification")
def _write_mmengine(folder: Path) -> None:
    from mmengine.config import Config
    from mmengine.runner.checkpoint import save_checkpoint

    config = Config({"model": {"type": "ResNet", "depth": 18}, "default_scope": "mmpretrain"})
    config.dump(folder / "config.py")
    state = {"meta": {"epoch": 3, "cfg": config.pretty_text}, "state_dict": _make_layers().state_dict()}
    save_checkpoint(state, str(folder / "epoch_3.pth"))


@repository("mit", "sb3-contrib", "tabular-classification")
def _write_sb3_contrib(folder: Path) -> None:
    from sb3_contrib import TRPO

    model = TRPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=16, policy_kwargs={"net_arch": [4]}, seed=_SEED)
    model.learn(32).save(folder / "trpo.zip")


@repository("mit", "pytorch-crf", "token-classification")
def _write_torchcrf(folder: Path) -> None:
    import torch
    from torchcrf import CRF

    torch.save(CRF(4, batch_first=True), folder / "crf.pt")


@repository("agpl-3.0", "ultralytics", "image-classification")
def _write_ultralytics(folder: Path) -> None:
    from ultralytics import YOLO

    YOLO("yolo11n-cls.yaml").save(str(folder / "yolo11n-cls.pt"))


@repository("agpl-3.0", "ultralytics", "object-detection")
def _write_ultralytics_detection(folder: Path) -> None:
    from ultralytics import YOLO

    YOLO("yolov8n.yaml").save(str(folder / "yolov8n.pt"))


@repository("bsd-3-clause", "coremltools", "image-classification")
def _write_coremltools(folder: Path) -> None:
    import coremltools
    import torch

    traced = torch.jit.trace(_make_layers(), torch.ones(1, 8))
    model = coremltools.convert(
        traced, inputs=[coremltools.TensorType("x", (1, 8))], minimum_deployment_target=coremltools.target.iOS16
    )
    model.save(str(folder / "model.mlpackage"))


@repository("apache-2.0", "chronos", "time-series-forecasting")
def _write_chronos(folder: Path) -> None:
    from chronos.chronos_bolt import ChronosBoltModelForForecasting
    from transformers import T5Config

    config = T5Config(vocab_size=2, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, feed_forward_proj="relu")
    config.chronos_config = {
        "context_length": 64, "prediction_length": 8, "input_patch_size": 8, "input_patch_stride": 8,
        "quantiles": [0.1, 0.5, 0.9], "use_reg_token": True,
    }  # fmt: skip
    config.reg_token_id, config.pad_token_id = 1, 0
    ChronosBoltModelForForecasting(config).save_pretrained(folder)


def _adapt(folder: Path, adapter: object) -> None:
    from peft import get_peft_model

    get_peft_model(_make_gpt2(), adapter).save_pretrained(folder)


@repository("apache-2.0", "peft", "text-generation", base="openai-community/gpt2")
def _write_peft_prompt(folder: Path) -> None:
    from peft import PromptTuningConfig

    _adapt(folder, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4))


@repository("apache-2.0", "peft", "text-generation", base="openai-community/gpt2")
def _write_peft_adalora(folder: Path) -> None:
    from peft import AdaLoraConfig

    _adapt(folder, AdaLoraConfig(task_type="CAUSAL_LM", target_modules=["c_attn"], total_step=10))


@repository("apache-2.0", "peft", "text-generation", base="openai-community/gpt2")
def _write_peft_dora(folder: Path) -> None:
    from peft import LoraConfig

    _adapt(folder, LoraConfig(task_type="CAUSAL_LM", target_modules=["c_attn"], use_dora=True, r=2))


@repository("apache-2.0", "sentence-transformers", "feature-extraction")
def _write_sparse_encoder(folder: Path) -> None:
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.models import MLMTransformer, SpladePooling
    from transformers import BertForMaskedLM, BertTokenizer

    parts = folder.parent / "sparse-parts"
    parts.mkdir(exist_ok=True)
    (parts / "vocab.txt").write_text("\n".join(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_WORDS)) + "\n")
    BertTokenizer(str(parts / "vocab.txt")).save_pretrained(parts)
    BertForMaskedLM(_make_bert()).save_pretrained(parts)
    SparseEncoder(modules=[MLMTransformer(str(parts)), SpladePooling()], device="cpu").save_pretrained(str(folder))
