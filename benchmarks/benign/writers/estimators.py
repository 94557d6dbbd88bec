"""Every estimator of scikit-learn that small data can fit, each in a file of its own, and compositions of them."""

from __future__ import annotations

import importlib
import inspect
from contextlib import suppress

import numpy as np
import sklearn

# The pickle protocols in turn, so that all are met without writing each estimator five times.
PROTOCOLS = (4, 2, 5, 3, 0)
# One file for each estimator in the oldest and the newest of them; all of a module in one file elsewhere.
SINGLY = ("scikit-learn-0.20", "scikit-learn-1.9")
# Settings that make an estimator small and fast, by the name of the parameter.
SMALL_SETTINGS = {
    "max_iter": 20, "n_estimators": 5, "n_init": 1, "n_components": 2, "n_clusters": 2, "max_trials": 20, "cv": 2,
    "n_quantiles": 5,
    "n_refinements": 1, "min_samples": 2, "n_neighbors": 3, "n_epochs": 5, "max_bins": 16,
}  # fmt: skip


def list_estimators():
    """Return (name, class) of every estimator that scikit-learn lists, also of the experimental ones."""
    for extra in ("enable_halving_search_cv", "enable_iterative_imputer", "enable_hist_gradient_boosting"):
        with suppress(ImportError):
            importlib.import_module("sklearn.experimental." + extra)
    try:
        from sklearn.utils import all_estimators as listed
    except ImportError:
        from sklearn.utils.testing import all_estimators as listed
    return listed()


def build_estimator(kind):
    """Return an estimator of the class ``kind`` with small settings, and with ordinary parts where it requires some."""
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.preprocessing import StandardScaler

    accepted = inspect.signature(kind.__init__).parameters
    settings = {
        name: value
        for name, value in SMALL_SETTINGS.items()
        if name in accepted and accepted[name].default is not inspect.Parameter.empty
    }
    inner = LinearRegression() if "Regress" in kind.__name__ else LogisticRegression(max_iter=20)
    if kind.__name__ in ("OutputCodeClassifier", "MultiOutputClassifier", "OneVsRestClassifier", "OneVsOneClassifier"):
        inner = LogisticRegression(max_iter=20)
    parts = {
        "estimator": inner,
        "base_estimator": inner,
        "estimators": [("a", inner), ("b", type(inner)())],
        "param_grid": {"fit_intercept": [True, False]},
        "param_distributions": {"fit_intercept": [True, False]},
        "steps": [("a", LinearRegression())],
        "transformer_list": [("a", StandardScaler())],
        "transformers": [("a", StandardScaler(), [0, 1])],
        "dictionary": np.eye(4),
    }
    required = {name for name, parameter in accepted.items() if parameter.default is inspect.Parameter.empty}
    settings.update({name: value for name, value in parts.items() if name in required})
    if "param_distributions" in accepted:
        settings["n_iter" if "n_iter" in accepted else "n_candidates"] = 2
    return kind(**settings)


def fit_estimator(estimator, x, targets):
    """Fit the estimator to the first target that it accepts; return it unfitted if it accepts none.

    A target is the target of ``x``, or a tuple of all arguments of ``fit``.
    """
    for target in targets:
        try:
            return estimator.fit(*target) if isinstance(target, tuple) else estimator.fit(x, target)
        except (AttributeError, IndexError, TypeError, ValueError):  # how a target that does not fit is refused
            continue
    return estimator


def write_samples(samples):
    """Write every estimator, alone or together with those of its module; then compositions and variants."""
    random = np.random.RandomState(0)
    x = np.abs(random.rand(24, 4))
    label = np.arange(24) % 2
    texts = ["red apple", "green pear", "red pear", "blue sky"] * 6
    several_labels = np.c_[label, 1 - label]
    # What one estimator or another accepts; a tuple has all arguments of fit.
    targets = [
        label,
        x[:, 0] + 0.1,
        several_labels,
        several_labels + 0.5,
        (x[:, 0], label),
        (texts,),
        ([{"a": 1, "b": 2.0}] * 4,),
        (label,),
        ([[1], [0, 1]],),
    ]
    families = {}
    for turn, (name, kind) in enumerate(list_estimators()):
        with samples.omit_on_refusal("scikit-learn/" + name):
            targets_of = [targets[1], *targets] if "Regress" in name else targets
            estimator = fit_estimator(build_estimator(kind), x, targets_of)
            families.setdefault(kind.__module__.split(".")[1], {})[name] = estimator
            if samples.environment in SINGLY:
                samples.write_pickle("scikit-learn", name, estimator, protocols=(PROTOCOLS[turn % len(PROTOCOLS)],))
    for family, members in sorted(families.items()):
        samples.write_pickle("scikit-learn", "all-" + family, members, protocols=(2, 4))
    with samples.omit_on_refusal("compositions"):
        write_compositions(samples, x, label)
    with samples.omit_on_refusal("variants"):
        write_variants(samples, x, label)


def write_compositions(samples, x, label):
    """Write pipelines, column transformers, searches and data sets."""
    import pandas as pd
    from sklearn import datasets
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.feature_selection import SelectKBest, chi2, f_classif
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    every = range(6)
    pipeline = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=20)).fit(x, label)
    samples.write_pickle("scikit-learn", "composed-pipeline", pipeline, protocols=every)
    select = make_pipeline(SelectKBest(chi2, k=2), SelectKBest(f_classif, k=1), RandomForestClassifier(3)).fit(x, label)
    samples.write_pickle("scikit-learn", "composed-selection", select, protocols=(2, 4))
    logs = make_pipeline(FunctionTransformer(np.log1p, np.expm1, validate=True), LogisticRegression(max_iter=20)).fit(
        x, label
    )
    samples.write_pickle("scikit-learn", "composed-function", logs, protocols=(0, 2, 4, 5))
    text = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), SGDClassifier(max_iter=5, tol=None)).fit(
        ["red apple", "green pear"] * 4, [0, 1] * 4
    )
    samples.write_pickle("scikit-learn", "composed-text", text, protocols=(2, 4))
    frame = pd.DataFrame({"a": x[:, 0], "b": ["u", "v"] * 12})
    parts = ColumnTransformer(
        [("n", StandardScaler(), ["a"]), ("c", OneHotEncoder(handle_unknown="ignore"), ["b"])], remainder="drop"
    )
    samples.write_pickle(
        "scikit-learn",
        "composed-columns",
        Pipeline([("p", parts), ("m", LogisticRegression())]).fit(frame, label),
        protocols=(2, 4),
    )
    with samples.omit_on_refusal("scikit-learn/selector"):
        from sklearn.compose import make_column_selector

        chosen = ColumnTransformer([("n", StandardScaler(), make_column_selector(dtype_include=np.number))]).fit(frame)
        samples.write_pickle("scikit-learn", "composed-selector", chosen, protocols=(4,))
    write_searches(samples, x, label)
    samples.write_pickle(
        "scikit-learn",
        "composed-bunch",
        {"model": pipeline, "features": ["a"], "version": sklearn.__version__},
        protocols=(2, 4),
    )
    for name in ("load_iris", "load_wine"):
        samples.write_pickle("scikit-learn", "bunch-" + name, getattr(datasets, name)(), protocols=(4,))


def write_searches(samples, x, label):
    """Write searches for hyperparameters, with scorers, folds and distributions."""
    import scipy.stats
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedKFold

    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    grid = GridSearchCV(LogisticRegression(max_iter=20), {"C": [0.1, 1.0]}, cv=folds, scoring="accuracy").fit(x, label)
    samples.write_pickle("scikit-learn", "composed-grid", grid, protocols=(2, 4))
    several = GridSearchCV(
        LogisticRegression(max_iter=20), {"C": [1.0]}, cv=2, scoring=["f1", "roc_auc"], refit="f1"
    ).fit(x, label)
    samples.write_pickle("scikit-learn", "composed-scorers", several, protocols=(4,))
    listed = RandomizedSearchCV(
        LogisticRegression(max_iter=20), {"C": np.logspace(-1, 1, 5)}, n_iter=2, cv=2, random_state=0
    )
    samples.write_pickle("scikit-learn", "composed-random", listed.fit(x, label), protocols=(2, 4))
    drawn = RandomizedSearchCV(
        LogisticRegression(max_iter=20), {"C": scipy.stats.uniform(0.1, 1)}, n_iter=2, cv=2, random_state=0
    )
    samples.write_pickle("scikit-learn", "composed-distribution", drawn.fit(x, label), protocols=(4,))


def write_variants(samples, x, label):
    """Write estimators whose settings add further compiled objects: trees of neighbours, losses, kernels."""
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, IsolationForest
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, RationalQuadratic, WhiteKernel
    from sklearn.linear_model import SGDClassifier, SGDRegressor
    from sklearn.neighbors import BallTree, KDTree, KNeighborsClassifier
    from sklearn.svm import SVC

    for tree in ("kd_tree", "ball_tree", "brute"):
        for metric in ("euclidean", "manhattan", "chebyshev"):
            model = KNeighborsClassifier(3, algorithm=tree, metric=metric).fit(x, label)
            samples.write_pickle("scikit-learn", f"neighbors-{tree}-{metric}", model, protocols=(4,))
    samples.write_pickle(
        "scikit-learn",
        "trees",
        [KDTree(x), BallTree(x, metric="haversine") if x.shape[1] == 2 else BallTree(x)],
        protocols=(2, 4),
    )
    for loss in ("hinge", "modified_huber", "squared_hinge", "perceptron", "huber", "epsilon_insensitive"):
        samples.write_pickle(
            "scikit-learn",
            "descent-" + loss,
            SGDClassifier(loss=loss, max_iter=5, tol=None).fit(x, label),
            protocols=(4,),
        )
    samples.write_pickle(
        "scikit-learn", "descent-regression", SGDRegressor(max_iter=5, tol=None).fit(x, x[:, 0]), protocols=(2,)
    )
    for loss in ("huber", "quantile"):
        samples.write_pickle(
            "scikit-learn",
            "boosting-" + loss,
            GradientBoostingRegressor(loss=loss, n_estimators=3).fit(x, x[:, 0]),
            protocols=(4,),
        )
    initial = GradientBoostingClassifier(n_estimators=3, loss="exponential").fit(x, label)
    samples.write_pickle("scikit-learn", "boosting-exponential", initial, protocols=(4,))
    samples.write_pickle("scikit-learn", "isolation", IsolationForest(n_estimators=5).fit(x), protocols=(2, 4))
    kernel = ConstantKernel() * RBF() + WhiteKernel() + Matern() * RationalQuadratic()
    samples.write_pickle(
        "scikit-learn", "process", GaussianProcessRegressor(kernel, optimizer=None).fit(x, x[:, 0]), protocols=(2, 4)
    )
    for kernel in ("linear", "poly", "sigmoid"):
        samples.write_pickle(
            "scikit-learn", "vectors-" + kernel, SVC(kernel=kernel, probability=True).fit(x, label), protocols=(4,)
        )
    with samples.omit_on_refusal("histogram"):
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        for kind in (HistGradientBoostingClassifier, HistGradientBoostingRegressor):
            model = kind(max_iter=3, early_stopping=True, scoring="loss").fit(x, label)
            samples.write_pickle("scikit-learn", "histogram-" + kind.__name__, model, protocols=(2, 4))
