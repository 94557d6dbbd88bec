"""Checkpoints of lightning, settings of omegaconf, detectors of ultralytics."""

from __future__ import annotations

import argparse
import collections
import copy
import importlib
import pathlib
import tempfile
from datetime import datetime

import torch
from torch import nn


def write_samples(samples):
    """Write checkpoints of each library that the environment has."""
    for package in ("pytorch_lightning", "lightning.pytorch"):
        with samples.omit_on_refusal(package):
            write_lightning_checkpoints(samples, package)
    with samples.omit_on_refusal("omegaconf"):
        write_omegaconf_settings(samples)
    with samples.omit_on_refusal("ultralytics"):
        write_ultralytics_checkpoints(samples)


def write_lightning_checkpoints(samples, package):
    """Write checkpoints by the Trainer of ``package``, with callbacks and hyperparameters of several kinds."""
    pl = importlib.import_module(package)
    library = package.split(".")[0].replace("_", "-")
    kind = build_lightning_class(pl)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(4, 3)), batch_size=2)
    for name, extra in (
        ("plain", None),
        ("namespace", argparse.Namespace(lr=1, sizes=[1])),
        ("mapping", {"a": {"b": torch.float16}}),
    ):
        with tempfile.TemporaryDirectory() as folder:
            trainer = train_module(pl, folder, kind(extra=extra), data, averaged=name == "mapping")
            save_all = lambda path, trainer=trainer: trainer.save_checkpoint(str(path))  # noqa: E731
            samples.add_file(library, name + ".ckpt", "Trainer.save_checkpoint(path)", save_all)
            save_weights = lambda path, trainer=trainer: trainer.save_checkpoint(str(path), weights_only=True)  # noqa: E731
            samples.add_file(
                library, name + "-weights.ckpt", "Trainer.save_checkpoint(path, weights_only=True)", save_weights
            )
    parsing = importlib.import_module(package + ".utilities.parsing")
    state = {
        "hyper_parameters": parsing.AttributeDict(lr=0.1, sub=parsing.AttributeDict(a=1)),
        "state_dict": collections.OrderedDict(),
    }
    samples.write_torch(library, "attributes.ckpt", state)
    # Before 1.7 the keys of callbacks were their classes.
    by_class = {pl.callbacks.ModelCheckpoint: {"best": 1}, pl.callbacks.EarlyStopping: {"wait": 0}}
    samples.write_torch(library, "callbacks-by-class.ckpt", {"callbacks": by_class})


def build_lightning_class(pl):
    """Return a class of modules whose checkpoint stores hyperparameters of several kinds; ``pl`` is the package."""

    class Net(pl.LightningModule):
        def __init__(self, width=2, path=pathlib.Path("data"), rate=0.1, layers=(1, 2), extra=None):
            super().__init__()
            self.save_hyperparameters()
            self.layer = nn.Linear(3, width)

        def training_step(self, batch, index):
            loss = self.layer(batch[0]).sum()
            self.log("loss", loss)
            return loss

        def configure_optimizers(self):
            optimizer = torch.optim.Adam(self.parameters(), lr=0.1)
            return {"optimizer": optimizer, "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1)}

    return Net


def train_module(pl, folder, module, data, averaged):
    """Return a trainer with several callbacks after two epochs; ``averaged`` selects the averaging of weights."""
    calls = pl.callbacks
    callbacks = [
        calls.ModelCheckpoint(folder, monitor="loss", save_last=True), calls.EarlyStopping("loss"),
        calls.LearningRateMonitor(), calls.StochasticWeightAveraging(0.1) if averaged else calls.Timer(),
    ]  # fmt: skip
    quiet = {"logger": pl.loggers.CSVLogger(folder), "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(max_epochs=2, accelerator="cpu", callbacks=callbacks, default_root_dir=folder, **quiet)
    trainer.fit(module, data)
    return trainer


def write_omegaconf_settings(samples):
    """Write a tree of omegaconf settings, alone and inside a checkpoint."""
    import omegaconf

    tree = omegaconf.OmegaConf.create(
        {"lr": 0.1, "layers": [1, {"a": None}], "name": "x", "ref": "${lr}", "flag": True}
    )
    samples.write_pickle("omegaconf", "tree", tree, protocols=(0, 2, 4, 5))
    samples.write_torch("omegaconf", "checkpoint.ckpt", {"cfg": tree, "state_dict": {"w": torch.ones(2)}})


def write_ultralytics_checkpoints(samples):
    """Write checkpoints as ultralytics saves them: the whole model, its settings, version and date."""
    from ultralytics.nn import tasks
    from ultralytics.utils import DEFAULT_CFG_DICT, IterableSimpleNamespace

    kinds = {
        "detect": (tasks.DetectionModel, "yolov8n.yaml"), "segment": (tasks.SegmentationModel, "yolov8n-seg.yaml"),
        "pose": (tasks.PoseModel, "yolov8n-pose.yaml"), "classify": (tasks.ClassificationModel, "yolov8n-cls.yaml"),
        "oriented": (tasks.OBBModel, "yolov8n-obb.yaml"), "v5": (tasks.DetectionModel, "yolov5n.yaml"),
        "v9": (tasks.DetectionModel, "yolov9t.yaml"), "v10": (tasks.DetectionModel, "yolov10n.yaml"),
        "v11": (tasks.DetectionModel, "yolo11n.yaml"), "v12": (tasks.DetectionModel, "yolo12n.yaml"),
        "v26": (tasks.DetectionModel, "yolo26n.yaml"), "v3": (tasks.DetectionModel, "yolov3-tiny.yaml"),
        "v6": (tasks.DetectionModel, "yolov6n.yaml"), "world": (tasks.WorldModel, "yolov8s-worldv2.yaml"),
        "rtdetr": (tasks.RTDETRDetectionModel, "rtdetr-resnet50.yaml"), "p6": (tasks.DetectionModel, "yolov8n-p6.yaml"),
    }  # fmt: skip
    for name, (kind, file) in kinds.items():
        with samples.omit_on_refusal("ultralytics/" + name):
            model = kind(file, ch=3, nc=2, verbose=False)
            model.args = dict(DEFAULT_CFG_DICT)
            slim = copy.deepcopy(model).half().to("meta")
            checkpoint = {
                "epoch": -1, "best_fitness": None, "model": slim, "ema": None, "updates": None, "optimizer": None,
                "scaler": None,
                "train_args": dict(DEFAULT_CFG_DICT), "train_metrics": {"fitness": 0.1},
                "train_results": {"epoch": [1]},
                "date": datetime(2024, 1, 1).isoformat(), "version": "8", "git": {"root": "", "branch": None},
                "license": "AGPL-3.0",
            }  # fmt: skip
            samples.write_torch("ultralytics", name + ".pt", checkpoint)
    model = tasks.DetectionModel("yolov8n.yaml", ch=3, nc=2, verbose=False)
    model.args = IterableSimpleNamespace(**DEFAULT_CFG_DICT)
    model.names = {0: "cat", 1: "dog"}
    slim = model.half().to("meta")
    samples.write_torch(
        "ultralytics",
        "namespace.pt",
        {"model": slim, "date": datetime(2024, 1, 1), "ema": slim, "optimizer": {"state": {}}},
    )
