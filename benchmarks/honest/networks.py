"""Write repositories with libraries on top of torch, and with Keras and Flax over JAX."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from cards import repository

_SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


@repository("apache-2.0", "diffusers", "image-classification")
def _write_diffusers_unconditional(folder: Path) -> None:
    from diffusers import DDPMPipeline, DDPMScheduler

    DDPMPipeline(_make_unet(3, None), DDPMScheduler()).save_pretrained(folder)


@repository("apache-2.0", "diffusers", "image-classification")
def _write_diffusers_parts(folder: Path) -> None:
    from diffusers import AutoencoderKL, DDIMScheduler

    _make_unet(4, 16).save_pretrained(folder / "unet")
    AutoencoderKL(block_out_channels=(8,), norm_num_groups=2).save_pretrained(folder / "vae")
    DDIMScheduler().save_pretrained(folder / "scheduler")


def _make_unet(channels: int, attention: int | None) -> object:
    from diffusers import UNet2DConditionModel, UNet2DModel

    sizes = {"sample_size": 8, "in_channels": channels, "out_channels": channels, "norm_num_groups": 2}
    blocks = {"block_out_channels": (8,), "layers_per_block": 1}
    if attention is None:
        kinds = {"down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",)}
        return UNet2DModel(**sizes, **blocks, **kinds, attention_head_dim=4)
    kinds = {"down_block_types": ("CrossAttnDownBlock2D",), "up_block_types": ("CrossAttnUpBlock2D",)}
    return UNet2DConditionModel(**sizes, **blocks, **kinds, cross_attention_dim=attention, attention_head_dim=4)


def _make_lightning(library: str) -> tuple[object, object]:
    """Return the module ``pytorch_lightning`` or ``lightning.pytorch``, and a small model for it."""
    import importlib

    pl = importlib.import_module(library)

    class Classifier(pl.LightningModule):
        def __init__(self, width: int = 8, rate: float = 1e-3) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(4, 2)

        def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
            return self.layer(batch[0]).sum()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    return pl, Classifier()


def _train_lightning(folder: Path, library: str) -> None:
    pl, model = _make_lightning(library)
    rows = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(4, 4)), 2)
    checkpoint = pl.callbacks.ModelCheckpoint(dirpath=folder, filename="best")
    trainer = pl.Trainer(
        max_epochs=1, accelerator="cpu", logger=False, callbacks=[checkpoint], enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(model, rows)


@repository("apache-2.0", "pytorch-lightning", "tabular-classification")
def _write_pytorch_lightning(folder: Path) -> None:
    _train_lightning(folder, "pytorch_lightning")


@repository("apache-2.0", "lightning", "tabular-classification")
def _write_lightning(folder: Path) -> None:
    _train_lightning(folder, "lightning.pytorch")


@repository("apache-2.0", "torchmetrics", "tabular-classification")
def _write_torchmetrics(folder: Path) -> None:
    from torchmetrics import MeanMetric, MetricCollection
    from torchmetrics.classification import BinaryAccuracy, MulticlassF1Score

    metrics = MetricCollection({"accuracy": BinaryAccuracy(), "f1": MulticlassF1Score(3)})
    torch.save({"model": torch.nn.Linear(4, 2).state_dict(), "metrics": metrics.state_dict()}, folder / "checkpoint.pt")
    torch.save(MeanMetric(), folder / "loss.pt")


@repository("bsd-3-clause", "torchvision", "image-classification")
def _write_torchvision_weights(folder: Path) -> None:
    from torchvision.models import squeezenet1_1

    torch.save(squeezenet1_1(num_classes=3).state_dict(), folder / "squeezenet.pth")


@repository("bsd-3-clause", "torchvision", "image-classification")
def _write_torchvision_module(folder: Path) -> None:
    from torchvision.models import shufflenet_v2_x0_5
    from torchvision.transforms import v2

    torch.save(shufflenet_v2_x0_5(num_classes=3), folder / "model.pt")
    torch.save(v2.Compose([v2.Resize(32), v2.Normalize([0.5] * 3, [0.5] * 3)]), folder / "transforms.pt")


@repository("apache-2.0", "accelerate", "text-generation")
def _write_accelerate(folder: Path) -> None:
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    layer = torch.nn.Linear(4, 2)
    model, optimizer = accelerator.prepare(layer, torch.optim.AdamW(layer.parameters()))
    model(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    accelerator.save_state(str(folder / "checkpoint"))
    accelerator.save_model(model, str(folder))


@repository("apache-2.0", "setfit", "text-classification")
def _write_setfit(folder: Path) -> None:
    import shutil

    from sentence_transformers import SentenceTransformer
    from setfit import SetFitModel
    from sklearn.linear_model import LogisticRegression
    from transformer_models import fill_sentence_model

    body = folder.with_name("setfit.body")
    body.mkdir()
    fill_sentence_model(body, False)
    head = LogisticRegression().fit(np.random.default_rng(1).normal(size=(8, 16)), [0, 1] * 4)
    SetFitModel(SentenceTransformer(str(body), device="cpu"), head, labels=["bad", "good"]).save_pretrained(folder)
    shutil.rmtree(body)


@repository("mit", "open_clip", "feature-extraction")
def _write_open_clip(folder: Path) -> None:
    import open_clip
    from safetensors.torch import save_file

    tower = {"width": 16, "layers": 1}
    sizes = {
        "embed_dim": 8,
        "vision_cfg": {**tower, "image_size": 32, "patch_size": 16, "head_width": 8},
        "text_cfg": {**tower, "context_length": 8, "vocab_size": 64, "heads": 2},
    }
    model = open_clip.CLIP(**sizes)
    save_file(
        {key: value.contiguous() for key, value in model.state_dict().items()}, folder / "open_clip_model.safetensors"
    )
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": sizes, "preprocess_cfg": {"size": 32}}))


@repository("bsd-3-clause", "skorch", "tabular-classification")
def _write_skorch(folder: Path) -> None:
    from skorch import NeuralNetClassifier

    model = NeuralNetClassifier(torch.nn.Linear(4, 2), criterion=torch.nn.CrossEntropyLoss, max_epochs=1, verbose=0)
    model.fit(np.ones((16, 4), np.float32), np.array([0, 1] * 8))
    model.save_params(str(folder / "params.pt"), str(folder / "optimizer.pt"), f_history=str(folder / "history.json"))


@repository("mit", "pytorch-tabnet", "tabular-classification")
def _write_tabnet(folder: Path) -> None:
    from pytorch_tabnet.tab_model import TabNetClassifier

    model = TabNetClassifier(n_d=4, n_a=4, n_steps=2, verbose=0)
    model.fit(np.ones((16, 4), np.float32), np.array([0, 1] * 8), max_epochs=1, batch_size=8, virtual_batch_size=4)
    model.save_model(str(folder / "tabnet"))


@repository("mit", "torch-geometric", "tabular-classification")
def _write_torch_geometric(folder: Path) -> None:
    from torch_geometric.data import Data
    from torch_geometric.nn import GCN

    torch.save(GCN(4, 8, 2).state_dict(), folder / "gcn.pt")
    torch.save(Data(torch.ones(3, 4), torch.tensor([[0, 1], [1, 2]])), folder / "graph.pt")


@repository("mit", "stable-baselines3", "tabular-classification")
def _write_stable_baselines3(folder: Path) -> None:
    from stable_baselines3 import PPO

    PPO("MlpPolicy", "CartPole-v1", n_steps=16, batch_size=8, policy_kwargs={"net_arch": [4]}, device="cpu").save(
        folder / "ppo-CartPole-v1"
    )


@repository("mit", "stable-baselines3", "tabular-classification")
def _write_stable_baselines3_off_policy(folder: Path) -> None:
    from stable_baselines3 import DQN

    DQN("MlpPolicy", "CartPole-v1", buffer_size=10, policy_kwargs={"net_arch": [4]}, device="cpu").save(
        folder / "dqn-CartPole-v1"
    )


@repository("mit", "segmentation-models-pytorch", "image-classification")
def _write_segmentation_models(folder: Path) -> None:
    import segmentation_models_pytorch as smp

    sizes = {"encoder_weights": None, "encoder_depth": 3, "decoder_channels": (8, 8, 8)}
    smp.Unet("timm-mobilenetv3_small_minimal_100", **sizes).save_pretrained(folder)


@repository("apache-2.0", "monai", "image-classification")
def _write_monai(folder: Path) -> None:
    from monai.networks.nets import UNet

    sizes = {"spatial_dims": 2, "in_channels": 1, "out_channels": 2, "channels": [4, 8], "strides": [2]}
    (folder / "models").mkdir()
    (folder / "configs").mkdir()
    torch.save(UNet(**sizes).state_dict(), folder / "models" / "model.pt")
    config = {
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "network_def": {"_target_": "UNet", **sizes},
        "network": "$@network_def.to(@device)",
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": "image"},
                {"_target_": "EnsureChannelFirstd", "keys": "image"},
                {"_target_": "ScaleIntensityd", "keys": "image"},
            ],
        },
    }
    (folder / "configs" / "inference.json").write_text(json.dumps(config, indent=2))


@repository("apache-2.0", "speechbrain", "automatic-speech-recognition")
def _write_speechbrain(folder: Path) -> None:
    from speechbrain.dataio.encoder import CategoricalEncoder
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

    sizes = {"channels": [8, 8, 8, 8, 24], "kernel_sizes": [5, 3, 3, 3, 1], "dilations": [1, 2, 3, 4, 1]}
    torch.save(
        ECAPA_TDNN(8, lin_neurons=8, attention_channels=4, se_channels=4, **sizes).state_dict(),
        folder / "embedding_model.ckpt",
    )
    encoder = CategoricalEncoder()
    encoder.update_from_iterable(["en", "de", "fr"])
    encoder.save(str(folder / "label_encoder.ckpt"))
    (folder / "hyperparams.yaml").write_text(
        "embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN\n    input_size: 8\n"
        "    channels: [8, 8, 8, 8, 24]\n    lin_neurons: 8\n"
        "compute_features: !new:speechbrain.lobes.features.Fbank\n    n_mels: 8\n"
        "modules:\n    embedding_model: !ref <embedding_model>\n    compute_features: !ref <compute_features>\n"
        "label_encoder: !new:speechbrain.dataio.encoder.CategoricalEncoder\n"
        "pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer\n"
        "    loadables:\n        embedding_model: !ref <embedding_model>\n        label_encoder: !ref <label_encoder>\n"
    )


@repository("apache-2.0", "flax", "tabular-classification")
def _write_flax_msgpack(folder: Path) -> None:
    import jax
    from flax import linen, serialization

    variables = linen.Dense(2).init(jax.random.key(0), np.ones((1, 4)))
    (folder / "flax_model.msgpack").write_bytes(serialization.to_bytes(variables))


@repository("apache-2.0", "orbax", "tabular-classification")
def _write_orbax(folder: Path) -> None:
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(folder.resolve() / "checkpoint", {"w": np.ones((4, 2), np.float32), "b": np.zeros(2)})


@repository("mit", "model2vec", "feature-extraction")
def _write_model2vec(folder: Path) -> None:
    from model2vec import StaticModel
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "[PAD]": 1, "good": 2, "film": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    StaticModel(np.ones((4, 8), np.float32), tokenizer, {"normalize": True}).save_pretrained(folder)


@repository("apache-2.0", "kornia", "feature-extraction")
def _write_kornia(folder: Path) -> None:
    from kornia.feature import HardNet

    torch.save({"state_dict": HardNet(pretrained=False).state_dict()}, folder / "hardnet.pth")


@repository("mit", "gpytorch", "tabular-regression")
def _write_gpytorch(folder: Path) -> None:
    import gpytorch

    class Process(gpytorch.models.ExactGP):
        def __init__(self, points: torch.Tensor, likelihood: object) -> None:
            super().__init__(points, points.sum(-1), likelihood)
            self.mean_module = gpytorch.means.ConstantMean()
            self.covar_module = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel())

    model = Process(torch.ones(4, 2), gpytorch.likelihoods.GaussianLikelihood())
    torch.save(model.state_dict(), folder / "process.pth")


@repository("apache-2.0", "pyro", "tabular-regression")
def _write_pyro(folder: Path) -> None:
    import pyro

    pyro.clear_param_store()
    pyro.param("scale", torch.ones(2), constraint=pyro.distributions.constraints.positive)
    pyro.get_param_store().save(str(folder / "params.pt"))
    torch.save({"scale": pyro.param("scale").detach()}, folder / "values.pt")


@repository("apache-2.0", "peft", "text-classification", base="google-bert/bert-base-uncased")
def _write_peft_ia3(folder: Path) -> None:
    from peft import IA3Config, get_peft_model
    from transformers import BertConfig, BertForSequenceClassification

    model = BertForSequenceClassification(BertConfig(**_SIZES, vocab_size=40))
    model.config._name_or_path = model.name_or_path = "google-bert/bert-base-uncased"
    get_peft_model(model, IA3Config(task_type="SEQ_CLS")).save_pretrained(folder)


@repository("apache-2.0", "transformers", "text-generation")
def _write_qwen3_trained(folder: Path) -> None:
    from transformers import Qwen3Config, Qwen3ForCausalLM, Trainer, TrainingArguments

    model = Qwen3ForCausalLM(Qwen3Config(**_SIZES, vocab_size=60, num_key_value_heads=2, head_dim=8))
    arguments = TrainingArguments(
        str(folder / "run"), max_steps=1, report_to=[], use_cpu=True, save_steps=1, disable_tqdm=True
    )
    rows = [{"input_ids": [1, 2, 3], "labels": [1, 2, 3]}] * 2
    Trainer(model, arguments, train_dataset=rows).train()


@repository("apache-2.0", "sentence-transformers", "feature-extraction")
def _write_cross_encoder(folder: Path) -> None:
    from transformer_models import make_bert_tokenizer
    from transformers import BertConfig, BertForSequenceClassification

    make_bert_tokenizer(folder).save_pretrained(folder)
    BertForSequenceClassification(BertConfig(**_SIZES, vocab_size=19, num_labels=1)).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config["sentence_transformers"] = {"activation_fn": "torch.nn.modules.activation.Sigmoid", "version": "6.2.0"}
    (folder / "config.json").write_text(json.dumps(config))


@repository("apache-2.0", "torch", "image-classification")
def _write_torch_onnx(folder: Path) -> None:
    layers = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LazyLinear(2))
    layers(torch.ones(1, 3, 8, 8))
    torch.onnx.export(layers.eval(), (torch.ones(1, 3, 8, 8),), str(folder / "model.onnx"), dynamo=True, verbose=False)


@repository("apache-2.0", "timm", "image-classification")
def _write_timm_training(folder: Path) -> None:
    import argparse

    import timm

    model = timm.create_model("test_vit", num_classes=3)
    state = {"epoch": 1, "arch": "test_vit", "state_dict": model.state_dict(), "args": argparse.Namespace(lr=0.1)}
    torch.save(state, folder / "model_best.pth.tar")
