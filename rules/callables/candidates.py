"""List the candidates for the trust lists in this environment: ``python candidates.py`` prints them as JSON.

It keeps the classes that a rule makes harmless: estimators, whose constructors by convention only
store their parameters; layers and optimizers, whose constructors allocate tensors; enumerations; sparse matrices; and
classes whose objects can be made and filled without an unreviewed method (``loading.py``). What
a library does not promise is decided by hand in the files that no script writes. Works on Python 3.7 and newer.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import io
import json
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout

from former import OLD_SKLEARN
from loading import is_inert
from walking import IMPORT_FAILURES, Group, collect_class_names, collect_unpicklers, is_enumeration

REFERENCE = "harmless to refer to, while a file has no need to call it"
STATE = "its state is only stored"
ENUMERATION = "an enumeration; finds a member by its value"


def list_scikit_learn():
    """Yield estimators under their present and former names, kernels, losses, and parts of trees and neighbours."""
    from sklearn.base import BaseEstimator
    from sklearn.gaussian_process.kernels import Kernel

    estimators = collect_class_names(lambda value: issubclass(value, BaseEstimator) and is_inert(value), "sklearn")
    former = set()
    for estimator in estimators:
        module, _, name = estimator.rpartition(".")
        if module in OLD_SKLEARN:
            former.add(f"{OLD_SKLEARN[module]}.{name}")
    yield Group("an estimator; its constructor stores its parameters and computes nothing", estimators)
    yield Group("an estimator under the name it had before scikit-learn 0.22", frozenset(former))
    kernels = collect_class_names(lambda value: issubclass(value, Kernel), "sklearn.gaussian_process.kernels")
    yield Group("a kernel of a Gaussian process; stores its parameters", kernels)
    losses = collect_class_names(lambda value: not issubclass(value, BaseException), "sklearn._loss")
    losses |= collect_class_names(lambda value: True, "sklearn.linear_model._glm.link")
    yield Group("a loss; stores constants and its link function", losses)
    # The compiled losses of some releases name their module as if it were a top-level one.
    top_level = frozenset("_loss." + name.rpartition(".")[2] for name in losses if ".Cy" in name)
    yield Group("a loss; stores constants and its link function", top_level)
    splitters = collect_class_names(lambda value: True, "sklearn.model_selection._split")
    yield Group("a way to split data; stores its parameters", splitters)
    yield Group("remakes a compiled object of this very type from its state", collect_unpicklers("sklearn._loss"))
    yield Group("computes a score from arrays; " + REFERENCE, list_metrics(), construct_only=True)
    yield Group("a distance between points; stores its parameters", list_distances())


def list_distances():
    """Return the distances of scikit-learn, under the names of every module that has had them.

    Earlier releases had no 32-bit variants, so their names lack the 64. A distance that calls a Python function is
    left out.
    """
    present = "sklearn.metrics._dist_metrics."
    distances = collect_class_names(
        lambda value: not value.__name__.startswith("PyFunc"), "sklearn.metrics._dist_metrics"
    )
    former = set()
    for name in distances:
        if name.endswith("64"):
            for module in ("sklearn.neighbors._dist_metrics.", "sklearn.neighbors.dist_metrics.", present):
                former.add(name.replace(present, module).replace("64", ""))
    return distances | former


def list_metrics():
    """Return the scores of ``sklearn.metrics``, under the names that pickles write."""
    import sklearn.metrics

    scores = (getattr(sklearn.metrics, name) for name in sklearn.metrics.__all__)
    names = {f"{score.__module__}.{score.__name__}" for score in scores if inspect.isfunction(score)}
    modules = ("_classification", "_ranking", "_regression", "cluster._supervised", "cluster._unsupervised")
    # Before scikit-learn 0.22 the names of these modules had no underscore.
    former = ("classification", "ranking", "regression", "cluster.supervised", "cluster.unsupervised")
    prefixes = tuple(f"sklearn.metrics.{module}." for module in modules + former)
    return frozenset(name for name in names if name.startswith(prefixes))


def list_torch_layers():
    """Yield layers, optimizers, schedules, dtypes and storages."""
    import torch

    module = torch.nn.Module
    yield Group(
        "a layer; makes tensors of the sizes it is given and stores its settings",
        collect_class_names(lambda value: issubclass(value, module), "torch.nn.modules"),
    )
    yield Group(
        "an optimizer; stores its parameter groups",
        collect_class_names(lambda value: issubclass(value, torch.optim.Optimizer), "torch.optim"),
    )
    yield Group(
        "a learning-rate schedule; as a call it would step once and call functions it was given",
        collect_class_names(lambda value: value.__name__ != "Counter", "torch.optim.lr_scheduler")
        | collect_class_names(lambda value: True, "torch.optim.swa_utils"),
        construct_only=True,
    )
    yield Group(
        "a quantized layer; packs the weights it is given",
        collect_class_names(lambda value: issubclass(value, module), "torch.ao.nn"),
        construct_only=True,
    )
    yield Group(
        "watches the range of numbers for quantization; " + STATE,
        collect_class_names(
            lambda value: issubclass(value, module) and is_inert(value),
            "torch.ao.quantization.observer",
            "torch.ao.quantization.fake_quantize",
            "torch.ao.quantization.stubs",
        ),
        construct_only=True,
    )
    yield Group(
        "a probability distribution; stores its parameters",
        collect_class_names(lambda value: issubclass(value, torch.distributions.Distribution), "torch.distributions"),
        construct_only=True,
    )
    yield Group(
        "the support of a distribution or a transformation of numbers; " + STATE,
        collect_class_names(is_inert, "torch.distributions.constraints", "torch.distributions.transforms"),
        construct_only=True,
    )
    dtypes = {"torch." + name for name, value in vars(torch).items() if isinstance(value, torch.dtype)}
    layouts = {"torch." + name for name, value in vars(torch).items() if isinstance(value, torch.layout)}
    yield Group("a constant that names a type of number", frozenset(dtypes))
    yield Group("a constant that names a layout in memory", frozenset(layouts))
    yield Group("names the type of a storage; " + REFERENCE, list_storages(), refer_only=True)
    lazy = {
        f"{value.__module__}:{value.__name__}.{method}"
        for value in vars(torch.nn).values()
        for method in ("_infer_parameters", "_lazy_load_hook")
        if inspect.isclass(value) and hasattr(value, method)
    }
    yield Group("makes the tensors of a layer when it first runs; " + REFERENCE, frozenset(lazy), construct_only=True)
    results = collect_class_names(lambda value: issubclass(value, tuple), "torch.return_types")
    yield Group("the tensors that one operation returned, by name", results)


def list_storages():
    """Return the storage and tensor classes of every number type, on the processor and on CUDA."""
    kinds = ["BFloat16", "Bool", "Byte", "Char", "ComplexDouble", "ComplexFloat", "Double", "Float", "Half", "Int"]
    kinds += ["Long", "Short", "QInt8", "QInt32", "QUInt8", "QUInt4x2", "QUInt2x4"]
    names = set()
    for kind in kinds:
        for device in ("", "cuda."):
            names |= {f"torch.{device}{kind}Storage", f"torch.{device}{kind}Tensor"}
    return frozenset(names)


def list_numpy_functions():
    """Yield universal functions, number types and their dtypes, under the name of every module that has had them."""
    import numpy as np

    ufuncs = {name: value for name, value in vars(np).items() if isinstance(value, np.ufunc)}
    modules = ("numpy.core._multiarray_umath", "numpy._core._multiarray_umath", "numpy.core.umath", "numpy._core.umath")
    names = {"numpy." + name for name in ufuncs}
    names |= {f"{module}.{value.__name__}" for value in ufuncs.values() for module in modules}
    for module in ("scipy.special._ufuncs", "scipy.special._special_ufuncs"):
        try:
            members = vars(importlib.import_module(module)).items()
        except IMPORT_FAILURES:
            continue
        names |= {f"{module}.{name}" for name, value in members if isinstance(value, np.ufunc) and name[0] != "_"}
    yield Group("an element-wise function; " + REFERENCE, frozenset(names), construct_only=True)
    types = {name for name, value in vars(np).items() if inspect.isclass(value) and issubclass(value, np.generic)}
    # Names that other releases or platforms have.
    types |= {"bool8", "cfloat", "complex_", "float_", "int0", "int_", "longcomplex", "object0", "singlecomplex"}
    types |= {"str0", "string_", "uint0", "unicode_", "void0", "bool_", "complex256", "float128"}
    yield Group("a type of number; " + REFERENCE, frozenset("numpy." + name for name in types), refer_only=True)
    if hasattr(np, "dtypes"):
        dtypes = {"numpy.dtypes." + name for name, value in vars(np.dtypes).items() if inspect.isclass(value)}
        yield Group("the description of a number in memory", frozenset(dtypes))


def list_scipy_sparse():
    """Yield sparse matrices and arrays under their present and former names."""
    import scipy.sparse

    # Releases before 1.8 have no sparse arrays.
    kinds = (scipy.sparse.spmatrix, getattr(scipy.sparse, "sparray", scipy.sparse.spmatrix))
    names = collect_class_names(lambda value: issubclass(value, kinds), "scipy.sparse")
    former = {name.replace("scipy.sparse._", "scipy.sparse.") for name in names if name.endswith("_matrix")}
    yield Group("a sparse matrix; holds its numbers and their places", names | former)


def list_torch_models(library, is_wanted, *packages):
    """Yield layers and whole models of a library over torch, and its enumerations.

    Args:
        library: its name in the reason.
        is_wanted: whether a class counts.
        packages: where to search.
    """
    import torch

    layers = collect_class_names(
        lambda value: issubclass(value, torch.nn.Module) and is_inert(value) and is_wanted(value), *packages
    )
    yield Group(f"a layer or a model of {library}; {STATE}", layers, construct_only=True)
    yield Group(ENUMERATION, collect_class_names(lambda value: is_enumeration(value) and is_wanted(value), *packages))


def list_torchvision():
    """Yield models, layers, transforms, and other parts of detectors."""
    packages = ("torchvision.models", "torchvision.ops", "torchvision.transforms")

    def is_wanted(value):
        # These look functions up by name, trace code, or hold addresses of weights to download.
        is_reaching = value.__module__.endswith(("._api", ".feature_extraction")) or value.__name__.endswith("Weights")
        return not is_reaching

    yield from list_torch_models("torchvision", is_wanted, *packages)
    other = collect_class_names(
        lambda value: is_inert(value) and is_wanted(value) and not issubclass(value, enum.Enum), *packages
    )
    yield Group("a part of a model or a step that prepares pictures; " + STATE, other, construct_only=True)


def list_timm():
    """Yield the models and layers of timm."""
    yield from list_torch_models("timm", lambda value: True, "timm.layers", "timm.models")


def list_ultralytics():
    """Yield the detectors of ultralytics and their layers."""
    yield from list_torch_models("ultralytics", lambda value: True, "ultralytics.nn.modules", "ultralytics.nn.tasks")


def list_transformers():
    """Yield enumerations and settings that a training run writes, configurations, and common models."""
    from transformers import PretrainedConfig

    places = ("transformers.trainer_utils", "transformers.training_args", "accelerate.utils", "accelerate.state")
    yield Group(ENUMERATION, collect_class_names(lambda value: issubclass(value, enum.Enum), *places))
    kinds = (
        "albert", "bart", "bert", "bloom", "camembert", "clip", "deberta", "deberta_v2", "distilbert", "electra",
        "gpt2", "gpt_neo",
        "gpt_neox", "llama", "longformer", "marian", "mistral", "mpnet", "opt", "pegasus", "roberta", "t5", "vit",
        "wav2vec2",
        "whisper", "xlm_roberta", "xlnet",
    )  # fmt: skip
    packages = tuple(
        f"transformers.models.{kind}.{what}_{kind}" for kind in kinds for what in ("configuration", "modeling")
    )
    settings = collect_class_names(lambda value: issubclass(value, PretrainedConfig) and is_inert(value), *packages)
    yield Group("the configuration of a model; " + STATE, settings, construct_only=True)
    yield from list_torch_models("transformers", lambda value: True, *packages)


def list_peft():
    """Yield the settings, layers and enumerations of adapters."""
    import torch

    enumerations = collect_class_names(is_enumeration, "peft.utils", "peft.tuners")
    yield Group(ENUMERATION, enumerations)
    settings = collect_class_names(
        lambda value: value.__name__.endswith("Config") and is_inert(value), "peft.tuners", "peft.config"
    )
    yield Group("the settings of an adapter; " + STATE, settings, construct_only=True)
    layers = collect_class_names(lambda value: issubclass(value, torch.nn.Module) and is_inert(value), "peft.tuners")
    yield Group("a layer of an adapter; " + STATE, layers, construct_only=True)


def list_training():
    """Yield the settings of trainers over transformers: trl and sentence-transformers."""
    from transformers import TrainingArguments

    packages = ("trl", "sentence_transformers")
    settings = collect_class_names(lambda value: issubclass(value, TrainingArguments) and is_inert(value), *packages)
    why = (
        "the settings of a training run; as a call it would look for devices and read the configuration files it names"
    )
    yield Group(why, settings, construct_only=True)
    yield Group(ENUMERATION, collect_class_names(is_enumeration, *packages))


def list_around_scikit_learn():
    """Yield the estimators of the smaller libraries that keep the conventions of scikit-learn."""
    from sklearn.base import BaseEstimator

    packages = ("imblearn", "hdbscan", "hmmlearn")
    why = "an estimator; its constructor stores its parameters and computes nothing"
    yield Group(why, collect_class_names(lambda value: issubclass(value, BaseEstimator) and is_inert(value), *packages))


def list_gensim():
    """Yield vectors, topics and dictionaries, except classes that open further files when used."""
    from gensim.utils import SaveLoad

    packages = ("gensim.models", "gensim.corpora.dictionary", "gensim.corpora.hashdictionary")
    kept = collect_class_names(lambda value: issubclass(value, SaveLoad) and is_inert(value), *packages)
    yield Group("words, topics or vectors; " + STATE, kept, construct_only=True)


def list_nltk():
    """Yield taggers, tokenizers, stemmers, classifiers and counts, except classes that run programs when used."""
    places = (
        "tag.api", "tag.brill", "tag.hmm", "tag.perceptron", "tag.sequential", "tag.tnt", "tokenize.api",
        "tokenize.casual",
        "tokenize.destructive", "tokenize.mwe", "tokenize.nist", "tokenize.punkt", "tokenize.regexp",
        "tokenize.sexpr", "tokenize.simple",
        "tokenize.texttiling", "tokenize.toktok", "tokenize.treebank", "stem", "classify.api", "classify.decisiontree",
        "classify.naivebayes", "classify.positivenaivebayes", "probability", "lm", "tree", "chunk.api",
        "chunk.regexp", "grammar",
        "collocations", "tbl",
    )  # fmt: skip
    packages = tuple("nltk." + place for place in places)
    kept = collect_class_names(lambda value: is_inert(value) and not issubclass(value, BaseException), *packages)
    yield Group("a part of a language model of nltk; " + STATE, kept, construct_only=True)


# Each list with its distribution and the function that selects its names.
LISTS = {
    "scikit-learn-derived": ("scikit-learn", list_scikit_learn),
    "torch-derived": ("torch", list_torch_layers),
    "numpy-derived": ("numpy", list_numpy_functions),
    "scipy-derived": ("scipy", list_scipy_sparse),
    "transformers-derived": ("transformers", list_transformers),
    "torchvision-derived": ("torchvision", list_torchvision),
    "timm-derived": ("timm", list_timm),
    "ultralytics-derived": ("ultralytics", list_ultralytics),
    "peft-derived": ("peft", list_peft),
    "trl-derived": ("trl", list_training),
    "imbalanced-learn-derived": ("imbalanced-learn", list_around_scikit_learn),
    "gensim-derived": ("gensim", list_gensim),
    "nltk-derived": ("nltk", list_nltk),
}


def find_release(distribution):
    """Return the installed release of a distribution; ``None`` if it is not installed."""
    try:
        from importlib.metadata import PackageNotFoundError, version
    except ImportError:  # Python 3.7
        from pkg_resources import DistributionNotFound, get_distribution

        try:
            return get_distribution(distribution).version
        except DistributionNotFound:
            return None
    try:
        return version(distribution).partition("+")[0]
    except PackageNotFoundError:
        return None


def main():
    """Print the lists of all installed libraries, or of those named as arguments, as one line of JSON."""
    warnings.simplefilter("ignore")
    lists = {}
    # Libraries print while they are imported; the real output must hold the JSON alone.
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        for name, (library, list_groups) in LISTS.items():
            release = find_release(library)
            if release is not None and (len(sys.argv) < 2 or library in sys.argv[1:]):
                groups = [dict(group._asdict(), names=sorted(group.names)) for group in list_groups()]
                lists[name] = {"library": library, "release": release, "groups": groups}
    sys.__stdout__.write(json.dumps(lists))


if __name__ == "__main__":
    main()
