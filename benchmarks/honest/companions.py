"""Write repositories with libraries beside scikit-learn: tables, time series, searches, explanations, graphs.

They are those of the 15000 most downloaded packages of PyPI that fit a model or a state and save it, that pip installs
from a wheel, that need no download, and that had no repository before.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from cards import repository

_SEED = 2026
_ROWS = 96


def _make_table() -> tuple[np.ndarray, np.ndarray]:
    table = np.random.default_rng(_SEED).normal(size=(_ROWS, 4))
    return table, (table[:, 0] + 0.3 * table[:, 1] > 0).astype(np.int64)


def _make_frame() -> object:
    import pandas as pd

    return pd.DataFrame(_make_table()[0], columns=list("abcd"))


def _make_series() -> np.ndarray:
    return np.sin(np.arange(_ROWS) / 4) + np.random.default_rng(_SEED).normal(0, 0.1, _ROWS)


def _make_forest() -> object:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(4, max_depth=3, random_state=_SEED)


def _pickle(model: object, folder: Path, name: str = "model.pkl") -> None:
    (folder / name).write_bytes(pickle.dumps(model))


def _keep(model: object, folder: Path, name: str = "model.joblib") -> None:
    import joblib

    joblib.dump(model, folder / name)


@repository("bsd-3-clause", "dill", "tabular-classification")
def _write_dill(folder: Path) -> None:
    import dill

    (folder / "model.dill").write_bytes(dill.dumps(_make_forest().fit(*_make_table())))


@repository("bsd-3-clause", "cloudpickle", "tabular-classification")
def _write_cloudpickle(folder: Path) -> None:
    import cloudpickle
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), _make_forest()).fit(*_make_table())
    (folder / "model.pkl").write_bytes(cloudpickle.dumps(model))


def _save_mlflow(folder: Path, **options: object) -> None:
    import shutil

    import mlflow.sklearn

    mlflow.sklearn.save_model(_make_forest().fit(*_make_table()), str(folder / "model"), **options)
    for each in (folder / "model").iterdir():
        shutil.move(each, folder)
    (folder / "model").rmdir()


@repository("apache-2.0", "mlflow", "tabular-classification")
def _write_mlflow(folder: Path) -> None:
    _save_mlflow(folder, skops_trusted_types=["sklearn.tree._tree.Tree"])


@repository("apache-2.0", "mlflow", "tabular-classification")
def _write_mlflow_cloudpickle(folder: Path) -> None:
    _save_mlflow(folder, serialization_format="cloudpickle")


@repository("mit", "optuna", "tabular-classification")
def _write_optuna(folder: Path) -> None:
    import optuna

    optuna.logging.disable_default_handler()
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=_SEED))
    study.optimize(lambda trial: trial.suggest_float("x", -2, 2) ** 2, n_trials=12)
    _keep(study, folder, "study.pkl")


@repository("mit", "shap", "tabular-classification")
def _write_shap(folder: Path) -> None:
    import shap

    explainer = shap.TreeExplainer(_make_forest().fit(*_make_table()))
    _keep(explainer, folder, "explainer.joblib")


@repository("bsd-3-clause", "hyperopt", "tabular-classification")
def _write_hyperopt(folder: Path) -> None:
    from hyperopt import Trials, fmin, hp, tpe

    trials = Trials()
    fmin(lambda x: x**2, hp.uniform("x", -2, 2), tpe.suggest, 12, trials=trials, show_progressbar=False)
    _pickle(trials, folder, "trials.pkl")


@repository("mit", "bayesian-optimization", "tabular-regression")
def _write_bayesian_optimization(folder: Path) -> None:
    from bayes_opt import BayesianOptimization

    search = BayesianOptimization(lambda x: -(x**2), {"x": (-2, 2)}, random_state=_SEED, verbose=0)
    search.maximize(init_points=2, n_iter=2)
    search.save_state(str(folder / "state.json"))


@repository("mit", "filterpy", "time-series-forecasting")
def _write_filterpy(folder: Path) -> None:
    from filterpy.kalman import KalmanFilter

    model = KalmanFilter(dim_x=2, dim_z=1)
    model.F, model.H = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 0.0]])
    for value in _make_series()[:8]:
        model.predict()
        model.update(value)
    _pickle(model, folder, "kalman.pkl")


@repository("bsd-3-clause", "pykalman", "time-series-forecasting")
def _write_pykalman(folder: Path) -> None:
    from pykalman import KalmanFilter

    _pickle(KalmanFilter(n_dim_state=1, n_dim_obs=1).em(_make_series(), n_iter=2), folder, "kalman.pkl")


@repository("apache-2.0", "pygam", "tabular-regression")
def _write_pygam(folder: Path) -> None:
    from pygam import LinearGAM, s

    table, _ = _make_table()
    _pickle(LinearGAM(s(0, n_splines=6) + s(1, n_splines=6)).fit(table[:, :2], table[:, 2]), folder)


@repository("mit", "kmodes", "tabular-classification")
def _write_kmodes(folder: Path) -> None:
    from kmodes.kprototypes import KPrototypes

    table, target = _make_table()
    rows = np.column_stack([table[:, :2].astype(object), np.where(target, "yes", "no")])
    _pickle(KPrototypes(2, n_init=1, random_state=_SEED).fit(rows, categorical=[2]), folder)


@repository("mit", "pgmpy", "tabular-classification")
def _write_pgmpy(folder: Path) -> None:
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.models import DiscreteBayesianNetwork
    from pgmpy.readwrite import BIFWriter

    model = DiscreteBayesianNetwork([("rain", "wet")])
    model.add_cpds(TabularCPD("rain", 2, [[0.8], [0.2]]), TabularCPD("wet", 2, [[0.9, 0.1], [0.1, 0.9]], ["rain"], [2]))
    BIFWriter(model).write(str(folder / "network.bif"))
    _pickle(model, folder, "network.pkl")


@repository("apache-2.0", "mlforecast", "time-series-forecasting")
def _write_mlforecast(folder: Path) -> None:
    import pandas as pd
    from mlforecast import MLForecast
    from sklearn.linear_model import LinearRegression

    frame = pd.DataFrame(
        {"unique_id": "a", "ds": pd.date_range("2025-01-01", periods=_ROWS, freq="D"), "y": _make_series()}
    )
    MLForecast([LinearRegression()], freq="D", lags=[1, 7]).fit(frame).save(folder / "forecaster")


@repository("mit", "tsfresh", "time-series-forecasting")
def _write_tsfresh(folder: Path) -> None:
    import pandas as pd
    from tsfresh.transformers import FeatureSelector

    _pickle(FeatureSelector(n_jobs=0).fit(_make_frame(), pd.Series(_make_table()[1])), folder, "selector.pkl")


@repository("mit", "linearmodels", "tabular-regression")
def _write_linearmodels(folder: Path) -> None:
    from linearmodels.iv import IV2SLS

    frame = _make_frame()
    _pickle(IV2SLS(frame["a"], frame[["b"]], frame[["c"]], frame[["d"]]).fit(), folder, "result.pkl")


@repository("bsd-3-clause", "tslearn", "time-series-forecasting")
def _write_tslearn(folder: Path) -> None:
    from tslearn.clustering import TimeSeriesKMeans

    model = TimeSeriesKMeans(2, max_iter=2, random_state=_SEED).fit(_make_series().reshape(12, 8, 1))
    model.to_json(str(folder / "clusters.json"))
    model.to_pickle(str(folder / "clusters.pkl"))


@repository("mit", "arch", "time-series-forecasting")
def _write_arch(folder: Path) -> None:
    from arch import arch_model

    _pickle(arch_model(10 * _make_series(), p=1, q=1).fit(disp="off"), folder, "garch.pkl")


@repository("mit", "tbats", "time-series-forecasting")
def _write_tbats(folder: Path) -> None:
    from tbats import BATS

    options = {"use_box_cox": False, "use_trend": False, "use_arma_errors": False, "n_jobs": 1}
    _pickle(BATS(**options).fit(_make_series() + 5), folder, "bats.pkl")


@repository("bsd-3-clause", "skforecast", "time-series-forecasting")
def _write_skforecast(folder: Path) -> None:
    import pandas as pd
    from skforecast.recursive import ForecasterRecursive
    from skforecast.utils import save_forecaster
    from sklearn.linear_model import Ridge

    index = pd.date_range("2025-01-01", periods=_ROWS, freq="D")
    forecaster = ForecasterRecursive(Ridge(), lags=7)
    forecaster.fit(pd.Series(_make_series(), index))
    save_forecaster(forecaster, str(folder / "forecaster.joblib"), verbose=False)


@repository("bsd-3-clause", "aeon", "time-series-forecasting")
def _write_aeon(folder: Path) -> None:
    from aeon.classification.interval_based import TimeSeriesForestClassifier

    series = _make_series().reshape(12, 1, 8)
    _pickle(TimeSeriesForestClassifier(n_estimators=3, random_state=_SEED).fit(series, np.arange(12) % 2), folder)


@repository("bsd-3-clause", "boruta", "tabular-classification")
def _write_boruta(folder: Path) -> None:
    from boruta import BorutaPy

    _keep(BorutaPy(_make_forest(), n_estimators=5, max_iter=4, random_state=_SEED).fit(*_make_table()), folder)


@repository("bsd-3-clause", "mapie", "tabular-classification")
def _write_mapie(folder: Path) -> None:
    from mapie.classification import SplitConformalClassifier

    table, target = _make_table()
    model = SplitConformalClassifier(_make_forest(), confidence_level=0.9, prefit=False)
    _keep(model.fit(table[:64], target[:64]).conformalize(table[64:], target[64:]), folder)


@repository("mit", "fairlearn", "tabular-classification")
def _write_fairlearn(folder: Path) -> None:
    from fairlearn.postprocessing import ThresholdOptimizer

    table, target = _make_table()
    model = ThresholdOptimizer(estimator=_make_forest(), predict_method="predict_proba")
    _pickle(model.fit(table, target, sensitive_features=np.where(table[:, 3] > 0, "x", "y")), folder)


@repository("mit", "prince", "tabular-classification")
def _write_prince(folder: Path) -> None:
    import prince

    _pickle(prince.PCA(n_components=2, random_state=_SEED).fit(_make_frame()), folder, "components.pkl")


@repository("apache-2.0", "quantile-forest", "tabular-regression")
def _write_quantile_forest(folder: Path) -> None:
    from quantile_forest import RandomForestQuantileRegressor

    table, _ = _make_table()
    _keep(RandomForestQuantileRegressor(4, random_state=_SEED).fit(table[:, 1:], table[:, 0]), folder)


@repository("bsd-3-clause", "scikit-optimize", "tabular-regression")
def _write_scikit_optimize(folder: Path) -> None:
    import skopt

    result = skopt.forest_minimize(_square, [(-2.0, 2.0)], n_calls=6, n_initial_points=3, random_state=_SEED)
    skopt.dump(result, str(folder / "result.pkl"), store_objective=False)


def _square(point: list[float]) -> float:
    return point[0] ** 2


@repository("mit", "flaml", "tabular-classification")
def _write_flaml(folder: Path) -> None:
    from flaml import AutoML

    search = AutoML()
    options = {"task": "classification", "estimator_list": ["rf"], "max_iter": 2, "verbose": 0, "seed": _SEED}
    search.fit(*_make_table(), time_budget=20, **options)
    _pickle(search, folder, "automl.pkl")


@repository("bsd-3-clause", "recordlinkage", "tabular-classification")
def _write_recordlinkage(folder: Path) -> None:
    import pandas as pd
    import recordlinkage

    model = recordlinkage.LogisticRegressionClassifier()
    model.fit(_make_frame(), pd.Index(np.flatnonzero(_make_table()[1])))
    _pickle(model, folder)


@repository("apache-2.0", "ydf", "tabular-classification")
def _write_ydf(folder: Path) -> None:
    import ydf

    frame = _make_frame().assign(y=_make_table()[1])
    ydf.RandomForestLearner(label="y", num_trees=3).train(frame, verbose=0).save(str(folder))


@repository("apache-2.0", "opencv", "image-classification")
def _write_opencv(folder: Path) -> None:
    import cv2

    table, target = _make_table()
    for name, model in (("svm.xml", cv2.ml.SVM_create()), ("trees.yml", cv2.ml.RTrees_create())):
        model.train(table.astype(np.float32), cv2.ml.ROW_SAMPLE, target.astype(np.int32))
        model.save(str(folder / name))


@repository("apache-2.0", "arviz", "tabular-regression")
def _write_arviz(folder: Path) -> None:
    import arviz

    draws = np.random.default_rng(_SEED).normal(size=(2, 20))
    arviz.from_dict(posterior={"mu": draws}).to_netcdf(folder / "posterior.nc")


@repository("mit", "bm25s", "feature-extraction")
def _write_bm25s(folder: Path) -> None:
    import bm25s

    texts = ["the film was good", "a slow bad film", "people like models"]
    retriever = bm25s.BM25(corpus=texts)
    retriever.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)
    retriever.save(str(folder), corpus=texts)


@repository("apache-2.0", "usearch", "feature-extraction")
def _write_usearch(folder: Path) -> None:
    from usearch.index import Index

    index = Index(ndim=4, metric="cos")
    index.add(np.arange(_ROWS), _make_table()[0].astype(np.float32))
    index.save(str(folder / "index.usearch"))


@repository("bsd-3-clause", "numpy", "tabular-regression")
def _write_numpy(folder: Path) -> None:
    table, _ = _make_table()
    np.savez_compressed(folder / "weights.npz", kernel=table, bias=table[0], step=np.int64(3))
    np.save(folder / "embeddings.npy", table.astype(np.float32))


@repository("bsd-3-clause", "h5py", "tabular-regression")
def _write_h5py(folder: Path) -> None:
    import h5py

    with h5py.File(folder / "weights.h5", "w") as file:
        file.attrs["version"] = "1.0"
        layer = file.create_group("dense")
        layer.create_dataset("kernel", data=_make_table()[0], compression="gzip", chunks=True)
        layer.create_dataset("names", data=["a", "b", "c", "d"], dtype=h5py.string_dtype())
