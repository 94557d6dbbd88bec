"""Derive the list of classes and functions of Keras: ``python rules/vocabularies/keras-classes/derive.py``.

The script needs keras 3 and tf_keras with tensorflow, and writes ``keras3.yaml`` and ``keras2.yaml`` beside itself. The
names were reviewed by kind: layers, models, operations and the parts of training compute. Names that load, save,
download, import or contain code are refused below. All other names stay unlisted.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import yaml

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

HERE = Path(__file__).parent
FAMILIES = {
    "layers": "a layer that computes with tensors",
    "models": "a model, whose layers are reviewed separately",
    "optimizers": "it updates weights while a model is trained",
    "optimizers.legacy": "it updates weights while a model is trained",
    "optimizers.schedules": "it computes a learning rate",
    "losses": "it computes a loss",
    "metrics": "it computes a metric",
    "initializers": "it computes initial weights",
    "regularizers": "it computes a penalty on weights",
    "constraints": "it keeps weights within bounds",
    "activations": "it computes an activation",
    "dtype_policies": "it names numeric types",
    "mixed_precision": "it names numeric types",
    "quantizers": "it rounds numbers",
    "ops": "it computes with tensors",
    "layers.experimental": "a layer that computes with tensors",
    "layers.experimental.preprocessing": "a layer that computes with tensors",
}
# By the last part of their names. Each runs or loads something, or wraps third-party code.
REFUSED = {
    "AddLoss", "AddMetric", "Callable", "ClassMethod", "DistributedCallbackModel", "FeatureSpace", "FlaxLayer",
    "GetterSetter", "InstanceMethod", "InstanceProperty", "JaxLayer", "Lambda", "Loop", "Module",
    "ModuleWrapper", "RevivedInputLayer", "RevivedLayer", "RevivedNetwork", "SavedModel", "SlicingOpLambda",
    "TFClassMethodDispatcher", "TFOpLambda", "TFSMLayer", "TensorFlowOpLayer", "TorchModuleWrapper", "Wrapper",
    "associative_scan", "clone_model", "cond", "custom_gradient", "deserialize", "experimental_set_policy",
    "fori_loop", "get", "load_model", "map", "model_from_config", "model_from_json", "model_from_yaml",
    "save_model", "scan", "serialize", "set_dtype_policy", "set_global_policy", "switch", "vectorize",
    "vectorized_map", "while_loop",
}  # fmt: skip


def public(package: ModuleType, family: str) -> Iterator[tuple[str, object]]:
    """What the package offers under ``family``."""
    try:
        module = importlib.import_module(f"{package.__name__}.{family}")
    except ImportError:
        return
    for name, value in vars(module).items():
        if not name.startswith("_") and name not in REFUSED and not inspect.ismodule(value) and callable(value):
            yield name, value


def families(package: ModuleType, root: str) -> dict[str, set[str]]:
    """The names of a package, bare as Keras 2 writes them and with their module, by reason."""
    found: dict[str, set[str]] = {}
    for family, why in FAMILIES.items():
        for name, value in public(package, family):
            found.setdefault(why, set()).add(f"{root}.{family}.{name}")
            # Keras 2 writes the name under which it registered some of its own: Custom>Adam.
            if inspect.isclass(value) and ">" in package.saving.get_registered_name(value):
                found[why].add(package.saving.get_registered_name(value))
            if family not in ("ops", "models") or name[0].isupper():
                found[why].add(name)
    for name in (
        "Sequential",
        "Model",
        "Functional",
        "DTypePolicy",
        "FloatDTypePolicy",
        "Input",
        "InputSpec",
        "Variable",
    ):
        if hasattr(package, name) or name == "Functional":
            found.setdefault(FAMILIES["models"], set()).update((name, f"{root}.{name}"))
    return found


def inner(package: ModuleType, roots: tuple[str, ...], base: tuple[type, ...]) -> set[str]:
    """The full paths of the classes below ``base``, which Keras writes for classes that it does not export."""
    names: set[str] = set()
    start = importlib.import_module(f"{package.__name__}.src")
    for info in pkgutil.walk_packages(start.__path__, start.__name__ + "."):
        parts = info.name.split(".")
        if not {"layers", "models", "ops", "engine", "optimizers", "losses", "metrics", "initializers", "regularizers",
                "constraints", "dtype_policies", "quantizers", "mixed_precision"} & set(parts[2:3]):  # fmt: skip
            continue
        if parts[-1].endswith("test") or "testing" in info.name:
            continue
        try:
            module = importlib.import_module(info.name)
        except (ImportError, AttributeError):
            continue
        for name, value in vars(module).items():
            if not inspect.isclass(value) or value.__module__ != info.name or name.startswith("_"):
                continue
            if name in REFUSED or not issubclass(value, base):
                continue
            path = info.name.removeprefix(package.__name__ + ".")
            names.update(f"{root}.{path}.{name}" for root in roots)
            if parts[2] == "ops":  # the legacy format writes the operations of a functional model so
                names.add(name)
            if "keras" in roots and package.__name__ == "tf_keras":
                names.add(f"keras.{path.removeprefix('src.')}.{name}")
    return names


def write(name: str, library: str, reasons: dict[str, set[str]], others: tuple[str, ...]) -> None:
    """One list, without the names that ``others`` hold; a name is in one list only."""
    lines = ["# Derived by derive.py; change that.", f"library: {library}", "trusted:", "  alike:"]
    seen = {name for other in others for name in listed(HERE / other)}
    for why, names in sorted(reasons.items()):
        fresh = sorted(names - seen)
        seen |= names
        if fresh:
            lines += [f"    - why: {why}", "      names:", *(f"        - {name}" for name in fresh)]
    (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def listed(path: Path) -> Iterator[str]:
    """The names of a list."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    for part in (found.get("trusted", {}), *found.get("dangerous", ())):
        yield from part.get("names", ())
        for alike in part.get("alike", ()):
            yield from alike["names"]


BASES = {
    "layers": "Layer", "losses": "Loss", "metrics": "Metric", "optimizers": "Optimizer", "initializers": "Initializer",
    "regularizers": "Regularizer", "constraints": "Constraint", "optimizers.legacy": "Optimizer",
}  # fmt: skip


def bases(package: ModuleType) -> tuple[type, ...]:
    """The classes below which everything is that a configuration may name."""
    found = []
    for family, base in BASES.items():
        module = importlib.import_module(f"{package.__name__}.{family}")
        found += [getattr(module, base)] if hasattr(module, base) else []
    return tuple(found)


def main() -> None:
    """Write both lists."""
    import keras
    import tf_keras
    from keras.src.saving.keras_saveable import KerasSaveable

    place = "a class of Keras under the module that defines it"
    reasons = families(keras, "keras")
    reasons[place] = inner(keras, ("keras",), (KerasSaveable, *bases(keras)))
    write("keras3.yaml", f"keras {keras.__version__}", reasons, ("dangerous.yaml", "former.yaml"))
    reasons = families(tf_keras, "keras")
    for why, names in families(tf_keras, "tf_keras").items():
        reasons.setdefault(why, set()).update(names)
    reasons[place] = inner(tf_keras, ("keras", "tf_keras"), bases(tf_keras))
    others = ("dangerous.yaml", "former.yaml", "keras3.yaml")
    write("keras2.yaml", f"tf_keras {tf_keras.__version__}", reasons, others)


if __name__ == "__main__":
    main()
