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


# Names at the top of the package.
TOP_LEVEL = (
    *("Sequential", "Model", "Functional", "DTypePolicy", "FloatDTypePolicy", "Input", "InputSpec", "Variable"),
)
# Folders below "src" whose classes a configuration may name.
INNER_FOLDERS = {
    "layers", "models", "ops", "engine", "optimizers", "losses", "metrics", "initializers", "regularizers",
    "constraints", "dtype_policies", "quantizers", "mixed_precision",
}  # fmt: skip


def iter_public_names(package: ModuleType, family: str) -> Iterator[tuple[str, object]]:
    """Yield (name, object) for the callables that the package exports under ``family``, such as ``layers``.

    Refused names and private ones are left out; a family that the package lacks yields nothing.
    """
    try:
        module = importlib.import_module(f"{package.__name__}.{family}")
    except ImportError:
        return
    for name, value in vars(module).items():
        is_refused = name.startswith("_") or name in REFUSED
        if not is_refused and not inspect.ismodule(value) and callable(value):
            yield name, value


def collect_family_names(package: ModuleType, root: str) -> dict[str, set[str]]:
    """Collect the exported names of a package by reason: bare as Keras 2 writes them, and with their module.

    Args:
        package: keras or tf_keras.
        root: the package's name in the names with a module.
    """
    names_by_reason: dict[str, set[str]] = {}
    for family, why in FAMILIES.items():
        for name, value in iter_public_names(package, family):
            names = names_by_reason.setdefault(why, set())
            names.add(f"{root}.{family}.{name}")
            # Keras 2 writes the name under which it registered some of its own: Custom>Adam.
            if inspect.isclass(value) and ">" in package.saving.get_registered_name(value):
                names.add(package.saving.get_registered_name(value))
            # Functions of these families are too many and too common as words to be trusted without their module.
            if family not in ("ops", "models") or name[0].isupper():
                names.add(name)
    for name in TOP_LEVEL:
        # Keras does not export ``Functional``, and writes it for every model that is a graph of layers.
        if hasattr(package, name) or name == "Functional":
            names_by_reason.setdefault(FAMILIES["models"], set()).update((name, f"{root}.{name}"))
    return names_by_reason


def collect_inner_classes(package: ModuleType, roots: tuple[str, ...], base: tuple[type, ...]) -> set[str]:
    """Collect the full paths of the classes below ``base``, which Keras writes for classes that it does not export.

    Args:
        package: keras or tf_keras.
        roots: the package names under which files write the paths.
        base: the classes whose subclasses count.
    """
    names: set[str] = set()
    start = importlib.import_module(f"{package.__name__}.src")
    for info in pkgutil.walk_packages(start.__path__, start.__name__ + "."):
        parts = info.name.split(".")
        # The third part is the folder below "keras.src".
        if parts[2] not in INNER_FOLDERS or parts[-1].endswith("test") or "testing" in info.name:
            continue
        try:
            module = importlib.import_module(info.name)
        except (ImportError, AttributeError):
            continue
        path = info.name.removeprefix(package.__name__ + ".")
        for name, value in vars(module).items():
            if not inspect.isclass(value) or value.__module__ != info.name or name.startswith("_"):
                continue
            if name in REFUSED or not issubclass(value, base):
                continue
            names.update(f"{root}.{path}.{name}" for root in roots)
            if parts[2] == "ops":  # The legacy format writes the operations of a functional model so.
                names.add(name)
            # Keras 2 had no folder "src" before it became tf_keras.
            if "keras" in roots and package.__name__ == "tf_keras":
                names.add(f"keras.{path.removeprefix('src.')}.{name}")
    return names


def write_list(file: str, library: str, names_by_reason: dict[str, set[str]], others: tuple[str, ...]) -> None:
    """Write one list without the names that the files ``others`` hold, because a name may be in one list only."""
    lines = ["# Derived by derive.py; change that.", f"library: {library}", "trusted:", "  alike:"]
    seen = {name for other in others for name in read_listed_names(HERE / other)}
    for why, names in sorted(names_by_reason.items()):
        new_names = sorted(names - seen)
        seen |= names
        if new_names:
            lines += [f"    - why: {why}", "      names:", *(f"        - {name}" for name in new_names)]
    (HERE / file).write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_listed_names(path: Path) -> Iterator[str]:
    """Yield every name of a list, trusted or dangerous."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for part in (content.get("trusted", {}), *content.get("dangerous", ())):
        yield from part.get("names", ())
        for alike in part.get("alike", ()):
            yield from alike["names"]


BASES = {
    "layers": "Layer", "losses": "Loss", "metrics": "Metric", "optimizers": "Optimizer", "initializers": "Initializer",
    "regularizers": "Regularizer", "constraints": "Constraint", "optimizers.legacy": "Optimizer",
}  # fmt: skip


def find_base_classes(package: ModuleType) -> tuple[type, ...]:
    """Return the classes of ``BASES`` that the package has; a configuration may name their subclasses."""
    classes = []
    for family, base in BASES.items():
        module = importlib.import_module(f"{package.__name__}.{family}")
        if hasattr(module, base):
            classes.append(getattr(module, base))
    return tuple(classes)


def main() -> None:
    """Write ``keras3.yaml`` and ``keras2.yaml``."""
    import keras
    import tf_keras
    from keras.src.saving.keras_saveable import KerasSaveable

    inner_reason = "a class of Keras under the module that defines it"
    keras3 = collect_family_names(keras, "keras")
    keras3[inner_reason] = collect_inner_classes(keras, ("keras",), (KerasSaveable, *find_base_classes(keras)))
    write_list("keras3.yaml", f"keras {keras.__version__}", keras3, ("dangerous.yaml", "former.yaml"))
    keras2 = collect_family_names(tf_keras, "keras")
    for why, names in collect_family_names(tf_keras, "tf_keras").items():
        keras2.setdefault(why, set()).update(names)
    keras2[inner_reason] = collect_inner_classes(tf_keras, ("keras", "tf_keras"), find_base_classes(tf_keras))
    others = ("dangerous.yaml", "former.yaml", "keras3.yaml")
    write_list("keras2.yaml", f"tf_keras {tf_keras.__version__}", keras2, others)


if __name__ == "__main__":
    main()
