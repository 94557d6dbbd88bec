"""Files of torch other than modules: tensors of every kind, parameters, generators, in each of its formats."""

from __future__ import annotations

import collections
import pickle

import numpy as np
import torch


def build_values():
    """Yield (name, value) for tensors of every dtype, layout and class."""
    numbers = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.uint8, torch.int16,
    torch.int32,
               torch.int64, torch.bool, torch.complex64, torch.complex128]  # fmt: skip
    yield "dtypes", {str(kind): torch.zeros(2, 3).to(kind) for kind in numbers}
    small = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu")
    yield "float8", {kind: torch.zeros(4).to(getattr(torch, kind)) for kind in small if hasattr(torch, kind)}
    yield "unsigned", {kind: torch.zeros(4, dtype=getattr(torch, kind)) for kind in ("uint16", "uint32", "uint64")}
    yield "names-of-dtypes", [*numbers, torch.strided, torch.sparse_coo, torch.device("cpu"), torch.Size([1, 2])]
    base = torch.arange(12.0).reshape(3, 4)
    yield "views", {"base": base, "row": base[1], "turned": base.t(), "strided": base[:, ::2]}
    yield "gradient", torch.ones(2, requires_grad=True)
    yield "parameter", torch.nn.Parameter(torch.ones(2, 2))
    yield "buffer", torch.nn.Buffer(torch.ones(2)) if hasattr(torch.nn, "Buffer") else torch.ones(2)
    yield "lazy", torch.nn.parameter.UninitializedParameter()
    yield "parameter-with-state", build_parameter_with_attribute()
    yield "sparse", torch.eye(3).to_sparse()
    yield "sparse-csr", torch.eye(3).to_sparse_csr()
    yield "sparse-csc", torch.eye(4).to_sparse_csc()
    yield "sparse-bsr", torch.eye(4).to_sparse_bsr((2, 2))
    yield "nested", torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    yield "quantized", torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 0, torch.qint8)
    scales, zeros = torch.tensor([0.1, 0.2]), torch.tensor([0, 0])
    yield "quantized-by-channel", torch.quantize_per_channel(torch.ones(2, 2), scales, zeros, 0, torch.quint8)
    yield "meta", torch.ones(2, device="meta")
    yield "conjugate", torch.ones(2, dtype=torch.complex64).conj()
    yield "negative", torch.ones(2, dtype=torch.complex64).conj().imag
    yield "storage", base.untyped_storage()
    yield "typed-storage", base.storage()
    yield "generator", torch.get_rng_state()
    yield "with-arrays", {"w": base, "a": np.arange(3), "s": np.float64(1.5)}
    yield "ordered", collections.OrderedDict([("a.weight", base), ("a.bias", torch.ones(3))])
    yield "shared", [base, base, base[0]]
    yield "empty", torch.zeros(0)
    yield "plain", {"epoch": 3, "loss": 0.5, "name": "x", "betas": (0.9, 0.99)}
    yield "return-type", torch.max(base, 0)


def build_parameter_with_attribute():
    """Return a parameter with an attribute ``label``, which its pickle contains as state."""
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.label = "first"
    return parameter


def build_distributed_tensors():
    """Return a sharded and a replicated DTensor over a mesh of one process."""
    import os

    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor

    os.environ.update(MASTER_ADDR="localhost", MASTER_PORT="29555")
    dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    mesh = init_device_mesh("cpu", (1,))
    return {
        "sharded": distribute_tensor(torch.ones(4, 2), mesh, [Shard(0)]),
        "replicated": distribute_tensor(torch.ones(2), mesh, [Replicate()]),
    }


def write_samples(samples):
    """Write each value as a ZIP archive, and usual ones in the old format, other protocols and as plain pickles too."""
    for name, value in build_values():
        samples.write_torch("torch", name + ".pt", value)
        if name in ("dtypes", "views", "parameter", "sparse", "ordered", "with-arrays", "quantized", "shared"):
            samples.write_torch("torch", name + "-legacy.pt", value, zipped=False)
            samples.write_torch("torch", name + "-p4.pth", value, protocol=4)
            samples.write_torch("torch", name + "-p5.bin", value, protocol=5)
            samples.write_pickle("torch", name, value, protocols=(2, 4))
    for protocol in (2, 3, 4, 5):
        samples.write_torch("torch", f"legacy-p{protocol}.pt", {"a": torch.ones(3)}, zipped=False, protocol=protocol)
    jagged = torch.nested.nested_tensor([torch.ones(2, 1), torch.ones(3, 1)], layout=torch.jagged)
    samples.write_torch("torch", "jagged.pt", jagged, alarm="a jagged tensor is made again by a class of the compiler")
    with samples.omit_on_refusal("torch/DTensor"):
        samples.write_torch("torch", "distributed.pt", build_distributed_tensors())
    with samples.omit_on_refusal("torch/numpy"):
        samples.add_file(
            "torch",
            "array.pkl",
            "pickle.dumps(tensor.numpy())",
            lambda path: path.write_bytes(pickle.dumps(torch.ones(2).numpy())),
        )
