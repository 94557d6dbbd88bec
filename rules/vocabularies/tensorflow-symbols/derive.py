"""Derive the functions of TensorFlow that compute and do nothing else: ``python rules/vocabularies/…/derive.py``.

The script needs tensorflow. The namespaces below were reviewed. Functions that read or write files, run Python, print
or keep state across calls are in other namespaces or are refused by name.
"""

from __future__ import annotations

import inspect
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SPACES = {
    "math": "mathematics", "nn": "a part of a network", "linalg": "linear algebra", "signal": "signal processing",
    "bitwise": "arithmetic of bits", "sets": "sets", "ragged": "ragged tensors", "sparse": "sparse tensors",
    "image": "an image in memory", "strings": "texts in memory", "random": "random numbers", "": "an array",
    "keras.backend": "tensors on any backend", "keras.activations": "an activation", "keras.ops": "an array",
}  # fmt: skip
# Some functions at the top of the package are not mathematics.
REFUSED = {
    "Assert", "Graph", "Module", "Variable", "all_candidate_sampler", "case", "clear_session", "cond",
    "create_rng_state", "custom_gradient", "device", "foldl", "foldr", "function", "get_global_generator",
    "get_logger", "get_session", "get_static_value", "grad_pass_through", "import_graph_def", "init_scope",
    "load_library", "load_op_library", "make_ndarray", "make_tensor_proto", "manual_variable_initialization",
    "map_fn", "name_scope", "no_gradient", "nondifferentiable_batch_function", "numpy_function", "print",
    "py_func", "py_function", "recompute_grad", "register_tensor_conversion_function", "rnn", "scan",
    "set_epsilon", "set_floatx", "set_global_generator", "set_image_data_format", "set_learning_phase",
    "set_seed", "set_session", "switch_case", "tf_py_func", "timestamp", "variable_creator_scope",
    "vectorized_map", "while_loop",
}  # fmt: skip


def main() -> None:
    """Write the list."""
    import tensorflow as tf

    lines = ["# Derived by derive.py; change that.", f"library: tensorflow {tf.__version__}", "trusted:", "  alike:"]
    seen: set[str] = set()
    spaces = dict(SPACES)
    for prefix in ("", "compat.v1."):
        for space, why in spaces.items():
            if prefix and space.startswith("keras"):
                continue
            holder: object = tf.compat.v1 if prefix else tf
            for part in space.split(".") if space else ():
                holder = getattr(holder, part, None)
            names = sorted(
                f"{prefix}{space}.{name}" if space else f"{prefix}{name}"
                for name, value in (vars(holder).items() if inspect.ismodule(holder) else ())
                if inspect.isfunction(value) or (callable(value) and inspect.isroutine(value))
                if not name.startswith("_") and name not in REFUSED and (space or not prefix or name in seen)
            )
            fresh = [name for name in names if name not in seen]
            seen.update(fresh)
            if fresh:
                lines += [f"    - why: it computes {why}", "      names:", *(f"        - {name}" for name in fresh)]
    operators = (
        "getitem",
        "add",
        "sub",
        "mul",
        "truediv",
        "floordiv",
        "mod",
        "pow",
        "eq",
        "ne",
        "ragged_getitem",
        "and",
        "or",
        "xor",
    )
    lines += ["    - why: it implements an operator between tensors", "      names:"]
    lines += [f"        - __operators__.{name}" for name in operators]
    (Path(__file__).parent / "computing.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
