"""Derives the lists of trusted classes that are too long to write by hand, from the installed libraries.

Run it where scikit-learn, torch, pandas, scipy and transformers are installed, and review the difference::

    python rules/callables/derive.py

It walks the packages named below and keeps classes that a rule of theirs makes harmless: estimators, whose constructors
by convention only store their parameters; layers and optimizers, whose constructors allocate tensors; enumerations;
sparse matrices. What a library does not promise is decided by hand in the files that have no such heading.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import io
import pkgutil
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
SKIPPED = ("tests", "testing", "conftest", "_build_utils", "externals", "datasets", "experimental", "distributed")

REFERENCE = "harmless to refer to, while a file has no need to call it"

# Where scikit-learn kept its modules before 0.22, for the models that are still stored from then.
OLD_SKLEARN = {
    "sklearn.cluster._affinity_propagation": "sklearn.cluster.affinity_propagation_",
    "sklearn.cluster._agglomerative": "sklearn.cluster.hierarchical",
    "sklearn.cluster._bicluster": "sklearn.cluster.bicluster",
    "sklearn.cluster._birch": "sklearn.cluster.birch",
    "sklearn.cluster._dbscan": "sklearn.cluster.dbscan_",
    "sklearn.cluster._kmeans": "sklearn.cluster.k_means_",
    "sklearn.cluster._mean_shift": "sklearn.cluster.mean_shift_",
    "sklearn.cluster._optics": "sklearn.cluster.optics_",
    "sklearn.cluster._spectral": "sklearn.cluster.spectral",
    "sklearn.covariance._elliptic_envelope": "sklearn.covariance.elliptic_envelope",
    "sklearn.covariance._empirical_covariance": "sklearn.covariance.empirical_covariance_",
    "sklearn.covariance._graph_lasso": "sklearn.covariance.graph_lasso_",
    "sklearn.covariance._robust_covariance": "sklearn.covariance.robust_covariance",
    "sklearn.covariance._shrunk_covariance": "sklearn.covariance.shrunk_covariance_",
    "sklearn.cross_decomposition._pls": "sklearn.cross_decomposition.pls_",
    "sklearn.decomposition._dict_learning": "sklearn.decomposition.dict_learning",
    "sklearn.decomposition._factor_analysis": "sklearn.decomposition.factor_analysis",
    "sklearn.decomposition._fastica": "sklearn.decomposition.fastica_",
    "sklearn.decomposition._incremental_pca": "sklearn.decomposition.incremental_pca",
    "sklearn.decomposition._kernel_pca": "sklearn.decomposition.kernel_pca",
    "sklearn.decomposition._lda": "sklearn.decomposition.online_lda",
    "sklearn.decomposition._nmf": "sklearn.decomposition.nmf",
    "sklearn.decomposition._pca": "sklearn.decomposition.pca",
    "sklearn.decomposition._sparse_pca": "sklearn.decomposition.sparse_pca",
    "sklearn.decomposition._truncated_svd": "sklearn.decomposition.truncated_svd",
    "sklearn.ensemble._bagging": "sklearn.ensemble.bagging",
    "sklearn.ensemble._forest": "sklearn.ensemble.forest",
    "sklearn.ensemble._gb": "sklearn.ensemble.gradient_boosting",
    "sklearn.ensemble._iforest": "sklearn.ensemble.iforest",
    "sklearn.ensemble._voting": "sklearn.ensemble.voting",
    "sklearn.ensemble._weight_boosting": "sklearn.ensemble.weight_boosting",
    "sklearn.feature_extraction._dict_vectorizer": "sklearn.feature_extraction.dict_vectorizer",
    "sklearn.feature_extraction._hash": "sklearn.feature_extraction.hashing",
    "sklearn.feature_selection._from_model": "sklearn.feature_selection.from_model",
    "sklearn.feature_selection._rfe": "sklearn.feature_selection.rfe",
    "sklearn.feature_selection._univariate_selection": "sklearn.feature_selection.univariate_selection",
    "sklearn.feature_selection._variance_threshold": "sklearn.feature_selection.variance_threshold",
    "sklearn.gaussian_process._gpc": "sklearn.gaussian_process.gpc",
    "sklearn.gaussian_process._gpr": "sklearn.gaussian_process.gpr",
    "sklearn.impute._base": "sklearn.impute",
    "sklearn.linear_model._base": "sklearn.linear_model.base",
    "sklearn.linear_model._bayes": "sklearn.linear_model.bayes",
    "sklearn.linear_model._coordinate_descent": "sklearn.linear_model.coordinate_descent",
    "sklearn.linear_model._huber": "sklearn.linear_model.huber",
    "sklearn.linear_model._least_angle": "sklearn.linear_model.least_angle",
    "sklearn.linear_model._logistic": "sklearn.linear_model.logistic",
    "sklearn.linear_model._omp": "sklearn.linear_model.omp",
    "sklearn.linear_model._passive_aggressive": "sklearn.linear_model.passive_aggressive",
    "sklearn.linear_model._perceptron": "sklearn.linear_model.perceptron",
    "sklearn.linear_model._ransac": "sklearn.linear_model.ransac",
    "sklearn.linear_model._ridge": "sklearn.linear_model.ridge",
    "sklearn.linear_model._stochastic_gradient": "sklearn.linear_model.stochastic_gradient",
    "sklearn.linear_model._theil_sen": "sklearn.linear_model.theil_sen",
    "sklearn.manifold._isomap": "sklearn.manifold.isomap",
    "sklearn.manifold._locally_linear": "sklearn.manifold.locally_linear",
    "sklearn.manifold._mds": "sklearn.manifold.mds",
    "sklearn.manifold._spectral_embedding": "sklearn.manifold.spectral_embedding_",
    "sklearn.manifold._t_sne": "sklearn.manifold.t_sne",
    "sklearn.mixture._bayesian_mixture": "sklearn.mixture.bayesian_mixture",
    "sklearn.mixture._gaussian_mixture": "sklearn.mixture.gaussian_mixture",
    "sklearn.neighbors._classification": "sklearn.neighbors.classification",
    "sklearn.neighbors._kde": "sklearn.neighbors.kde",
    "sklearn.neighbors._lof": "sklearn.neighbors.lof",
    "sklearn.neighbors._nca": "sklearn.neighbors.nca",
    "sklearn.neighbors._nearest_centroid": "sklearn.neighbors.nearest_centroid",
    "sklearn.neighbors._regression": "sklearn.neighbors.regression",
    "sklearn.neighbors._unsupervised": "sklearn.neighbors.unsupervised",
    "sklearn.neural_network._multilayer_perceptron": "sklearn.neural_network.multilayer_perceptron",
    "sklearn.neural_network._rbm": "sklearn.neural_network.rbm",
    "sklearn.preprocessing._data": "sklearn.preprocessing.data",
    "sklearn.preprocessing._label": "sklearn.preprocessing.label",
    "sklearn.semi_supervised._label_propagation": "sklearn.semi_supervised.label_propagation",
    "sklearn.svm._classes": "sklearn.svm.classes",
    "sklearn.tree._classes": "sklearn.tree.tree",
}


@dataclass(frozen=True, slots=True)
class Group:
    """Names that share a reason.

    ``construct_only`` where calling the class does more than making it, ``refer_only`` where a file has no need for
    either and hostile arguments could reach into memory.
    """

    why: str
    names: frozenset[str]
    construct_only: bool = False
    refer_only: bool = False


def modules(package: str) -> Iterator[object]:
    """The package and every importable module in it."""
    root = importlib.import_module(package)
    yield root
    for info in pkgutil.walk_packages(getattr(root, "__path__", ()), package + ".", onerror=lambda _: None):
        if not any(part in SKIPPED for part in info.name.split(".")):
            try:
                yield importlib.import_module(info.name)
            except (ImportError, AttributeError, RuntimeError, OSError, ValueError, TypeError, SystemExit):
                continue


def classes(package: str, kept: Callable[[type], bool]) -> frozenset[str]:
    """Names, as pickles write them, of the classes that are defined in ``package`` and for which ``kept`` holds."""
    names = set()
    for module in modules(package):
        for value in list(vars(module).values()):
            if not inspect.isclass(value) or not value.__module__.startswith(package):
                continue
            name = f"{value.__module__}.{value.__qualname__}"
            if "<" not in name and "." not in value.__qualname__ and resolves(value) and kept(value):
                names.add(name)
    return frozenset(names)


def resolves(value: type) -> bool:
    """Whether a pickle that names the class would find it."""
    return getattr(sys.modules.get(value.__module__), value.__qualname__, None) is value


def unpicklers(package: str) -> frozenset[str]:
    """The functions that Cython writes for remaking its extension types."""
    return frozenset(
        f"{module.__name__}.{name}"
        for module in modules(package)
        for name in vars(module)
        if name.startswith("__pyx_unpickle_")
    )


def scikit_learn() -> Iterable[Group]:
    """Estimators under their present and former names, kernels, losses and what trees and neighbours consist of."""
    from sklearn.base import BaseEstimator
    from sklearn.gaussian_process.kernels import Kernel

    estimators = classes("sklearn", lambda value: issubclass(value, BaseEstimator))
    old = {
        f"{OLD_SKLEARN[module]}.{name}"
        for module, _, name in (full.rpartition(".") for full in estimators)
        if module in OLD_SKLEARN
    }
    yield Group("an estimator; its constructor stores its parameters and computes nothing", estimators)
    yield Group("an estimator under the name it had before scikit-learn 0.22", frozenset(old))
    kernels = classes("sklearn.gaussian_process.kernels", lambda value: issubclass(value, Kernel))
    yield Group("a kernel of a Gaussian process; stores its parameters", kernels)
    losses = classes("sklearn._loss", lambda value: not issubclass(value, BaseException))
    yield Group("a loss; stores constants and its link function", losses)
    splitters = classes("sklearn.model_selection._split", lambda value: True)
    yield Group("a way to split data; stores its parameters", splitters)
    yield Group("remakes a compiled object of this very type from its state", unpicklers("sklearn._loss"))
    yield Group(f"computes a score from arrays; {REFERENCE}", metrics(), construct_only=True)
    distances = classes("sklearn.metrics._dist_metrics", lambda value: not value.__name__.startswith("PyFunc"))
    former = {
        name.replace("sklearn.metrics._dist_metrics.", place).replace("64", "")
        for name in distances
        for place in (
            "sklearn.neighbors._dist_metrics.",
            "sklearn.neighbors.dist_metrics.",
            "sklearn.metrics._dist_metrics.",
        )
        if name.endswith("64")
    }
    yield Group("a distance between points; stores its parameters", distances | former)


def metrics() -> frozenset[str]:
    """The scores of ``sklearn.metrics``, under the names that pickles write."""
    import sklearn.metrics

    scores = (getattr(sklearn.metrics, name) for name in sklearn.metrics.__all__)
    kept = {f"{score.__module__}.{score.__name__}" for score in scores if inspect.isfunction(score)}
    places = ("_classification", "_ranking", "_regression", "cluster._supervised", "cluster._unsupervised")
    return frozenset(name for name in kept if name.startswith(tuple(f"sklearn.metrics.{place}." for place in places)))


def torch_layers() -> Iterable[Group]:
    """Layers, optimizers, schedules, dtypes and storages."""
    import torch

    yield Group(
        "a layer; makes tensors of the sizes it is given and stores its settings",
        classes("torch.nn.modules", lambda value: issubclass(value, torch.nn.Module)),
    )
    yield Group(
        "an optimizer; stores its parameter groups",
        classes("torch.optim", lambda value: issubclass(value, torch.optim.Optimizer)),
    )
    yield Group(
        "a learning-rate schedule; as a call it would step once and call functions it was given",
        classes("torch.optim.lr_scheduler", lambda value: value.__name__ != "Counter")
        | classes("torch.optim.swa_utils", lambda value: True),
        construct_only=True,
    )
    yield Group(
        "a quantized layer; packs the weights it is given",
        classes("torch.ao.nn", lambda value: issubclass(value, torch.nn.Module)),
        construct_only=True,
    )
    yield Group(
        "a probability distribution; stores its parameters",
        classes("torch.distributions", lambda value: issubclass(value, torch.distributions.Distribution)),
        construct_only=True,
    )
    dtypes = {f"torch.{name}" for name, value in vars(torch).items() if isinstance(value, torch.dtype)}
    layouts = {f"torch.{name}" for name, value in vars(torch).items() if isinstance(value, torch.layout)}
    yield Group("a constant that names a type of number", frozenset(dtypes))
    yield Group("a constant that names a layout in memory", frozenset(layouts))
    yield Group(f"names the type of a storage; {REFERENCE}", storages(), refer_only=True)


def storages() -> frozenset[str]:
    """Storage and tensor classes of every number type, on the processor and on CUDA."""
    kinds = ["BFloat16", "Bool", "Byte", "Char", "ComplexDouble", "ComplexFloat", "Double", "Float", "Half", "Int"]
    kinds += ["Long", "Short", "QInt8", "QInt32", "QUInt8", "QUInt4x2", "QUInt2x4"]
    return frozenset(
        f"torch.{place}{kind}{what}" for kind in kinds for place in ("", "cuda.") for what in ("Storage", "Tensor")
    )


def numpy_functions() -> Iterable[Group]:
    """Universal functions, number types and their dtypes, under the name of every module that has had them."""
    import numpy as np

    ufuncs = {name: value for name, value in vars(np).items() if isinstance(value, np.ufunc)}
    places = ("numpy.core._multiarray_umath", "numpy._core._multiarray_umath", "numpy.core.umath", "numpy._core.umath")
    names = {f"numpy.{name}" for name in ufuncs}
    names |= {f"{place}.{value.__name__}" for value in ufuncs.values() for place in places}
    for place in ("scipy.special._ufuncs", "scipy.special._special_ufuncs"):
        found = vars(importlib.import_module(place)).items()
        names |= {f"{place}.{name}" for name, value in found if isinstance(value, np.ufunc) and name[0] != "_"}
    yield Group(f"an element-wise function; {REFERENCE}", frozenset(names), construct_only=True)
    types = {name for name, value in vars(np).items() if inspect.isclass(value) and issubclass(value, np.generic)}
    types |= {"bool8", "cfloat", "complex_", "float_", "int0", "int_", "longcomplex", "object0", "singlecomplex"}
    types |= {"str0", "string_", "uint0", "unicode_", "void0", "bool_", "complex256", "float128"}
    yield Group(f"a type of number; {REFERENCE}", frozenset(f"numpy.{name}" for name in types), refer_only=True)
    dtypes = {f"numpy.dtypes.{name}" for name, value in vars(np.dtypes).items() if inspect.isclass(value)}
    yield Group("the description of a number in memory", frozenset(dtypes))


def scipy_sparse() -> Iterable[Group]:
    """Sparse matrices and arrays under their present and former names."""
    from scipy.sparse import sparray, spmatrix

    names = classes("scipy.sparse", lambda value: issubclass(value, (spmatrix, sparray)))
    old = {name.replace("scipy.sparse._", "scipy.sparse.") for name in names if name.endswith("_matrix")}
    yield Group("a sparse matrix; holds its numbers and their places", names | old)


def transformers_settings() -> Iterable[Group]:
    """The enumerations and settings that a training run leaves behind in training_args.bin."""
    enumerations: set[str] = set()
    for package in ("transformers.trainer_utils", "transformers.training_args", "accelerate.utils", "accelerate.state"):
        enumerations |= classes(package, lambda value: issubclass(value, enum.Enum))
    yield Group("an enumeration; finds a member by its value", frozenset(enumerations))


def write(name: str, library: str, distribution: str, groups: Iterable[Group]) -> None:
    """Write one list, groups in the order given and names in theirs."""
    release = version(distribution).partition("+")[0]
    lines = [
        f"# Derived by ../derive.py from {distribution} {release}; do not edit by hand.",
        f"library: {library}",
        "alike:",
    ]
    seen: set[str] = set()
    for group in groups:
        names = sorted(group.names - seen)
        if names:
            seen |= group.names
            lines.append(f"  - why: {group.why}")
            lines += ["    construct-only: true"] if group.construct_only else []
            lines += ["    refer-only: true"] if group.refer_only else []
            lines += ["    names:", *(f"      - {entry}" for entry in names)]
    (HERE / "trusted" / f"{name}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Derive every list."""
    warnings.simplefilter("ignore")
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        write("scikit-learn-derived", "scikit-learn", "scikit-learn", scikit_learn())
        write("torch-derived", "torch", "torch", torch_layers())
        write("numpy-derived", "numpy", "numpy", numpy_functions())
        write("scipy-derived", "scipy", "scipy", scipy_sparse())
        write("transformers-derived", "transformers", "transformers", transformers_settings())


if __name__ == "__main__":
    main()
