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


# The methods of ``tf.Tensor`` that Keras writes for arithmetic between layers.
OPERATORS = (
    *("getitem", "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "eq", "ne", "ragged_getitem"),
    *("and", "or", "xor"),
)


def main() -> None:
    """Write ``computing.yaml``."""
    import tensorflow as tf

    lines = ["# Derived by derive.py; change that.", f"library: tensorflow {tf.__version__}", "trusted:", "  alike:"]
    seen: set[str] = set()
    for prefix, package in (("", tf), ("compat.v1.", tf.compat.v1)):
        for space, why in SPACES.items():
            # The former Keras of ``compat.v1`` was not reviewed.
            if prefix and space.startswith("keras"):
                continue
            functions = list_functions(find_space(package, space))
            if prefix and not space:
                # At the top of ``compat.v1``, only functions that the top of the package has too were reviewed.
                functions = [name for name in functions if name in seen]
            path = f"{prefix}{space}." if space else prefix
            new_names = [name for name in sorted(path + name for name in functions) if name not in seen]
            seen.update(new_names)
            if new_names:
                lines += [f"    - why: it computes {why}", "      names:", *(f"        - {name}" for name in new_names)]
    lines += ["    - why: it implements an operator between tensors", "      names:"]
    lines += [f"        - __operators__.{name}" for name in OPERATORS]
    (Path(__file__).parent / "computing.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def find_space(package: object, space: str) -> object | None:
    """Find the namespace ``space`` of a package, such as ``math``; ``None`` if there is none."""
    for part in space.split(".") if space else ():
        package = getattr(package, part, None)
    return package


def list_functions(space: object | None) -> list[str]:
    """List the public functions of a namespace that are not refused; none if it is not a module."""
    members = vars(space).items() if inspect.ismodule(space) else ()
    functions = [name for name, value in members if callable(value) and inspect.isroutine(value)]
    return [name for name in functions if not name.startswith("_") and name not in REFUSED]


if __name__ == "__main__":
    main()
