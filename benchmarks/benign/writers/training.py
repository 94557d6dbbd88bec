"""Files that training runs write: states of optimizers and schedules, Trainer settings, adapters, random states."""

from __future__ import annotations

import inspect
import random

import numpy as np
import torch
from torch import nn


def write_samples(samples):
    """Write files of torch alone, then those of transformers, peft, trl and sentence-transformers."""
    network = nn.Linear(3, 2)
    write_optimizers(samples, network)
    write_schedules(samples, network)
    optimizer = torch.optim.AdamW(network.parameters())
    samples.write_torch(
        "torch", "scaler.pt", torch.amp.GradScaler("cpu").state_dict() if hasattr(torch.amp, "GradScaler") else {}
    )
    checkpoint = {
        "epoch": 1, "model": network.state_dict(), "optimizer": optimizer.state_dict(), "best": float("inf"),
        "rng": torch.get_rng_state(), "numpy": np.random.get_state(), "python": random.getstate(),
        "ema": dict(network.named_parameters()),
    }  # fmt: skip
    samples.write_torch("torch", "checkpoint.pt", checkpoint)
    samples.write_torch("torch", "checkpoint-legacy.pth", checkpoint, zipped=False)
    for part in (write_trainer_files, write_adapters, write_trl_arguments, write_sentence_transformer_arguments):
        with samples.omit_on_refusal(part.__name__):
            part(samples)


def write_optimizers(samples, network):
    """Write the state of every optimizer after a step, and the optimizer itself."""
    for name, kind in sorted(vars(torch.optim).items()):
        if inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer) and name != "Optimizer":
            with samples.omit_on_refusal("torch/" + name):
                # Muon takes matrices only.
                parameters = [network.weight] if name == "Muon" else list(network.parameters())
                optimizer = kind(parameters, lr=0.1)
                if name == "LBFGS":
                    optimizer.step(lambda: compute_loss(network))
                elif name != "SparseAdam":  # which takes no gradients of a dense layer
                    compute_loss(network).backward()
                    optimizer.step()
                samples.write_torch("torch", f"optimizer-{name}.pt", optimizer.state_dict())
                samples.write_torch("torch", f"optimizer-{name}-whole.pt", optimizer)


def compute_loss(network):
    """Clear the gradients of the network, and return a loss for one row of ones."""
    network.zero_grad()
    return network(torch.ones(1, 3)).sum()


def write_schedules(samples, network):
    """Write the state of each schedule of learning rates, and the schedule itself."""
    schedules = torch.optim.lr_scheduler
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    settings_of_schedules = {
        "StepLR": {"step_size": 2}, "MultiStepLR": {"milestones": [1, 2]}, "ConstantLR": {}, "LinearLR": {},
        "ExponentialLR": {"gamma": 0.9},
        "PolynomialLR": {}, "CosineAnnealingLR": {"T_max": 3}, "CosineAnnealingWarmRestarts": {"T_0": 2},
        "ReduceLROnPlateau": {},
        "CyclicLR": {"base_lr": 0.1, "max_lr": 0.2}, "OneCycleLR": {"max_lr": 0.1, "total_steps": 5},
    }  # fmt: skip
    for name, settings in settings_of_schedules.items():
        with samples.omit_on_refusal("torch/" + name):
            schedule = getattr(schedules, name)(optimizer, **settings)
            samples.write_torch("torch", f"schedule-{name}.pt", schedule.state_dict())
            if name != "CyclicLR":  # some releases keep a weak reference in it, which pickle refuses
                samples.write_torch("torch", f"schedule-{name}-whole.pt", schedule)
    with samples.omit_on_refusal("torch/SequentialLR"):
        parts = [schedules.ConstantLR(optimizer), schedules.ExponentialLR(optimizer, 0.9)]
        samples.write_torch(
            "torch", "schedule-SequentialLR.pt", schedules.SequentialLR(optimizer, parts, [2]).state_dict()
        )


def write_trainer_files(samples):
    """Write the files of a run of the Trainer over one tiny model, its arguments, and other objects of transformers."""
    import tempfile
    from pathlib import Path

    import transformers

    config = transformers.BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=16,
    )
    model = transformers.BertForSequenceClassification(config)
    data = [
        {"input_ids": torch.tensor([1, 2, 3]), "attention_mask": torch.tensor([1, 1, 1]), "labels": torch.tensor(0)}
    ] * 4
    with tempfile.TemporaryDirectory() as folder:
        settings = transformers.TrainingArguments(
            folder, max_steps=2, save_steps=1, report_to="none", use_cpu=True, logging_steps=1
        )
        runner = transformers.Trainer(model, settings, train_dataset=data)
        runner.train()
        for file in sorted(Path(folder).rglob("*")):
            if file.suffix in (".bin", ".pt", ".pth"):
                name = f"{file.parent.name}-{file.name}"
                content = file.read_bytes()
                samples.add_file(
                    "transformers", name, "Trainer.train()", lambda path, content=content: path.write_bytes(content)
                )
        samples.write_torch("transformers", "model.bin", model.state_dict())
        samples.write_torch("transformers", "model-whole.pt", model)
    write_training_arguments(samples, transformers)
    samples.write_pickle("transformers", "config", config, protocols=(2, 4))
    with samples.omit_on_refusal("transformers/state"):
        state = transformers.trainer_callback.TrainerState(best_metric=0.5)
        samples.write_torch("transformers", "trainer-state.pt", state)
    alarm = "an output of a model sets attributes on itself by names that the file chooses"
    samples.write_torch(
        "transformers", "output.pt", transformers.modeling_outputs.BaseModelOutput(torch.ones(1, 2)), alarm=alarm
    )
    for name in ("gelu", "gelu_new", "silu", "quick_gelu", "relu", "mish"):
        with samples.omit_on_refusal("transformers/" + name):
            samples.write_torch("transformers", f"activation-{name}.pt", transformers.activations.ACT2FN[name])


def write_training_arguments(samples, transformers):
    """Write ``training_args.bin`` with different settings; ``transformers`` is the imported package."""
    several = {
        "default": {}, "steps": {"eval_strategy": "steps", "save_strategy": "steps", "lr_scheduler_type": "cosine",
        "optim": "adafactor"},
        "epochs": {"logging_strategy": "epoch", "save_strategy": "epoch", "eval_strategy": "epoch",
        "load_best_model_at_end": True},
        "hub": {"push_to_hub": False, "hub_strategy": "every_save", "warmup_steps": 10, "lr_scheduler_type": "linear"},
        "checkpointing": {"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": False},
        "seed": 1},
        "accelerator": {"accelerator_config": {"split_batches": True}, "bf16": False, "torch_compile": False},
    }  # fmt: skip
    for name, settings in several.items():
        with samples.omit_on_refusal("transformers/arguments-" + name):
            arguments = transformers.TrainingArguments("out", report_to="none", use_cpu=True, **settings)
            samples.write_torch("transformers", f"training_args-{name}.bin", arguments)
    with samples.omit_on_refusal("transformers/seq2seq"):
        arguments = transformers.Seq2SeqTrainingArguments(
            "out", report_to="none", use_cpu=True, predict_with_generate=True
        )
        samples.write_torch("transformers", "training_args-seq2seq.bin", arguments)
    with samples.omit_on_refusal("transformers/seq2seq-generation"):
        generation = transformers.GenerationConfig(max_new_tokens=3)
        arguments = transformers.Seq2SeqTrainingArguments(
            "out", report_to="none", use_cpu=True, generation_config=generation
        )
        samples.write_torch("transformers", "training_args-generation.bin", arguments)


def write_adapters(samples):
    """Write adapters of several methods of peft as ``adapter_model.bin``, and their settings as pickles."""
    import peft

    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, value):
            return self.second(self.first(value))

    for name, config in {
        "lora": peft.LoraConfig(r=2, target_modules=["first"]), "ia3": peft.IA3Config(target_modules=["first"],
        feedforward_modules=[]),
        "loha": peft.LoHaConfig(r=2, target_modules=["first"]), "lokr": peft.LoKrConfig(r=2, target_modules=["second"]),
        "adalora": peft.AdaLoraConfig(target_r=1, init_r=2, total_step=9, target_modules=["first"]),
    }.items():  # fmt: skip
        with samples.omit_on_refusal("peft/" + name):
            model = peft.get_peft_model(Small(), config)
            samples.write_torch("peft", f"adapter-{name}.bin", peft.get_peft_model_state_dict(model))
            samples.write_pickle("peft", "config-" + name, config, protocols=(2, 4))
            samples.write_torch("peft", f"layer-{name}.pt", model.base_model.model.first)


def write_trl_arguments(samples):
    """Write ``training_args.bin`` of the trainers of trl."""
    import trl

    for name in (
        "SFTConfig",
        "DPOConfig",
        "RewardConfig",
        "GRPOConfig",
        "KTOConfig",
        "ORPOConfig",
        "CPOConfig",
        "RLOOConfig",
        "PPOConfig",
    ):
        with samples.omit_on_refusal("trl/" + name):
            arguments = getattr(trl, name)(output_dir="out", report_to="none", use_cpu=True, bf16=False)
            samples.write_torch("trl", f"training_args-{name}.bin", arguments)


def write_sentence_transformer_arguments(samples):
    """Write ``training_args.bin`` of sentence-transformers."""
    from sentence_transformers import SentenceTransformerTrainingArguments

    arguments = SentenceTransformerTrainingArguments("out", report_to="none", use_cpu=True)
    samples.write_torch("sentence-transformers", "training_args.bin", arguments)
