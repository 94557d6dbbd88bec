"""Whole modules, as ``torch.save(model)`` writes them: the layers of torch, models of torchvision and timm."""

from __future__ import annotations

import inspect

import torch
from torch import nn

SETTINGS = {
    "in_features": 3, "out_features": 2, "in_channels": 4, "out_channels": 4, "kernel_size": 2, "num_features": 4,
    "num_embeddings": 5,
    "embedding_dim": 4, "embed_dim": 4, "num_heads": 2, "d_model": 4, "nhead": 2, "input_size": 3, "hidden_size": 2,
    "num_groups": 2,
    "num_channels": 4, "normalized_shape": 4, "padding": 1, "output_size": 2, "upscale_factor": 2,
    "downscale_factor": 2, "in1_features": 2,
    "in2_features": 2, "threshold": 0.1, "value": 0.0, "lower": 0.1, "upper": 0.3, "size": 2, "groups": 2,
    "n_classes": 6, "cutoffs": [2],
    "dim": 1, "unflattened_size": (1, 2), "scale_factor": 2, "num_layers": 1, "num_parameters": 2,
    "num_encoder_layers": 1,
    "num_decoder_layers": 1, "dim_feedforward": 4,
}  # fmt: skip


def list_layers():
    """Yield (name, class, arguments) of every module class in ``torch.nn``; the arguments make a small instance."""
    for name, kind in sorted(vars(nn).items()):
        if inspect.isclass(kind) and issubclass(kind, nn.Module) and kind is not nn.Module:
            accepted = inspect.signature(kind.__init__).parameters
            arguments = {
                key: SETTINGS[key]
                for key, value in accepted.items()
                if key in SETTINGS and value.default is inspect.Parameter.empty
            }
            for key in ("num_encoder_layers", "num_decoder_layers", "dim_feedforward", "d_model", "nhead"):
                if key in accepted:
                    arguments[key] = SETTINGS[key]
            if name in ("GRU", "LSTM", "RNN"):
                arguments = {"input_size": 3, "hidden_size": 2}
            if name.startswith(("LPPool", "FractionalMaxPool")):
                second = {"norm_type": 2} if name.startswith("LPPool") else {"output_size": 2}
                arguments = {"kernel_size": 2, **second}
            if name in ("TransformerEncoder", "TransformerDecoder"):
                kind_of_layer = getattr(nn, name + "Layer")
                first = "encoder_layer" if "Encoder" in name else "decoder_layer"
                arguments = {first: kind_of_layer(4, 2, 4), "num_layers": 1}
            yield name, kind, arguments


def write_samples(samples):
    """Write the layers of each module of torch, small networks, and models of torchvision and timm."""
    families = {}
    for name, kind, arguments in list_layers():
        with samples.omit_on_refusal("torch/" + name):
            families.setdefault(kind.__module__.rpartition(".")[2], {})[name] = kind(**arguments)
    for family, members in sorted(families.items()):
        samples.write_torch("torch", f"layers-{family}.pt", members)
    convolutional = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    samples.write_torch("torch", "sequential.pt", convolutional)
    samples.write_torch("torch", "sequential-legacy.pt", nn.Sequential(nn.Linear(2, 2), nn.GELU()), zipped=False)
    samples.write_torch(
        "torch",
        "containers.pt",
        nn.ModuleDict({"a": nn.ModuleList([nn.Linear(2, 2)]), "p": nn.ParameterList([torch.ones(1)])}),
    )
    samples.write_pickle("torch", "sequential", nn.Sequential(nn.Linear(2, 2), nn.Tanh()), protocols=(2, 4))
    samples.write_torch("torch", "parallel.pt", nn.DataParallel(nn.Linear(2, 2)))
    hooked = nn.utils.spectral_norm(nn.Linear(3, 2))
    samples.write_torch("torch", "spectral.pt", hooked)
    samples.write_torch("torch", "dropped.pt", nn.utils.weight_norm(nn.Linear(3, 2)))
    with samples.omit_on_refusal("torch/quantized"):
        dynamic = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), {nn.Linear})
        samples.write_torch("torch", "quantized-dynamic.pt", dynamic)
        samples.write_torch("torch", "quantized-state.pt", dynamic.state_dict())
    with samples.omit_on_refusal("torch/prepared"):
        network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
        network.qconfig = torch.ao.quantization.get_default_qconfig("x86")
        prepared = torch.ao.quantization.prepare(network)
        prepared(torch.ones(1, 1, 5, 5))
        samples.write_torch("torch", "quantized-static.pt", torch.ao.quantization.convert(prepared))
    averaged = torch.optim.swa_utils.AveragedModel(nn.Linear(2, 2))
    samples.write_torch("torch", "averaged.pt", averaged)
    for distribution in (torch.distributions.Normal(0.0, 1.0), torch.distributions.Categorical(torch.ones(3))):
        samples.write_torch("torch", f"distribution-{type(distribution).__name__}.pt", distribution)
    dataset = torch.utils.data.TensorDataset(torch.ones(3, 2), torch.zeros(3))
    samples.write_torch("torch", "dataset.pt", torch.utils.data.Subset(dataset, [0, 2]))
    write_torchscript(samples)
    write_vision_models(samples)


def write_torchscript(samples):
    """Write TorchScript archives of a network, by script and by trace."""
    network = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    example = torch.ones(1, 2)
    for name, make in (("script", torch.jit.script), ("trace", lambda value: torch.jit.trace(value, example))):
        with samples.omit_on_refusal("torch/" + name):
            program = make(network)
            samples.add_file(
                "torch",
                name + ".pt",
                "torch.jit.save(program, path)",
                lambda path, program=program: torch.jit.save(program, str(path)),
            )


def write_vision_models(samples):
    """Write models and transforms of torchvision and timm, whole and as state; most of them without numbers."""
    import torchvision

    small = {
        "squeezenet1_1": {}, "mobilenet_v2": {"width_mult": 0.1}, "mobilenet_v3_small": {"width_mult": 0.1},
        "shufflenet_v2_x0_5": {},
        "mnasnet0_5": {}, "efficientnet_b0": {}, "resnet18": {}, "densenet121": {},
        "googlenet": {"init_weights": False, "aux_logits": False},
        "vit_b_32": {"image_size": 32}, "swin_t": {}, "convnext_tiny": {}, "vgg11": {}, "alexnet": {},
        "inception_v3": {"init_weights": False}, "maxvit_t": {},
        "fasterrcnn_mobilenet_v3_large_fpn": {"weights_backbone": None},
        "ssdlite320_mobilenet_v3_large": {"weights_backbone": None},
        "lraspp_mobilenet_v3_large": {"weights_backbone": None},
        "deeplabv3_mobilenet_v3_large": {"weights_backbone": None},
        "retinanet_resnet50_fpn": {"weights_backbone": None},
        "fcos_resnet50_fpn": {"weights_backbone": None}, "keypointrcnn_resnet50_fpn": {"weights_backbone": None},
        "raft_small": {},
        "r3d_18": {}, "mvit_v2_s": {}, "swin3d_t": {}, "s3d": {},
    }  # fmt: skip
    for name, settings in small.items():
        with samples.omit_on_refusal("torchvision/" + name), torch.device("meta"):
            model = torchvision.models.get_model(name, weights=None, **settings)
            # On the meta device a model has its whole structure and no numbers, so that each file stays small.
            samples.write_torch("torchvision", name + ".pt", model)
    samples.write_torch(
        "torchvision", "squeezenet-state.pth", torchvision.models.squeezenet1_1(weights=None).state_dict()
    )
    parts = torchvision.transforms
    steps = parts.Compose(
        [
            parts.Resize(8),
            parts.CenterCrop(4),
            parts.ToTensor(),
            parts.Normalize([0.5], [0.5]),
            parts.RandomHorizontalFlip(),
        ]
    )
    samples.write_torch("torchvision", "transforms.pt", steps)
    with samples.omit_on_refusal("torchvision/v2"):
        from torchvision.transforms import v2 as new

        samples.write_torch(
            "torchvision", "transforms-v2.pt", new.Compose([new.Resize(8), new.ToDtype(torch.float32, scale=True)])
        )
    import timm

    for name in ("resnet10t", "vit_tiny_patch16_224", "efficientnet_b0", "mobilenetv3_small_050", "convnext_atto"):
        with samples.omit_on_refusal("timm/" + name), torch.device("meta"):
            samples.write_torch("timm", name + ".pt", timm.create_model(name, pretrained=False))
