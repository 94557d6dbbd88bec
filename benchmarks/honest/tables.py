"""Write repositories with libraries of tables, time series, clusters and recommendations."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from cards import repository
from estimators import make_table

_SEED = 2026


def _keep(model: object, folder: Path, name: str = "model.joblib", compress: int = 0) -> None:
    """Write a model with joblib or, if the name says so, with pickle."""
    import joblib

    if name.endswith(".pkl"):
        (folder / name).write_bytes(pickle.dumps(model))
    else:
        joblib.dump(model, folder / name, compress=compress)


def _make_series() -> np.ndarray:
    return np.sin(np.arange(96) / 4) + np.random.default_rng(_SEED).normal(0, 0.1, 96)


@repository("apache-2.0", "catboost", "tabular-classification")
def _write_catboost_binary(folder: Path) -> None:
    _make_catboost().save_model(str(folder / "model.cbm"))


@repository("apache-2.0", "catboost", "tabular-classification")
def _write_catboost_json(folder: Path) -> None:
    _make_catboost().save_model(str(folder / "model.json"), format="json")


@repository("apache-2.0", "catboost", "tabular-classification")
def _write_catboost_pickle(folder: Path) -> None:
    _keep(_make_catboost(), folder, "model.pkl")


def _make_catboost() -> object:
    from catboost import CatBoostClassifier

    model = CatBoostClassifier(iterations=4, depth=2, random_seed=_SEED, verbose=False, allow_writing_files=False)
    return model.fit(*make_table())


@repository("mit", "sklearn", "tabular-classification")
def _write_sklearn_columns(folder: Path) -> None:
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    table, target = make_table()
    frame = pd.DataFrame(table, columns=list("abcd")).assign(city=["Paris", "Rome", "Oslo"] * 20)
    steps = [
        ("numbers", Pipeline([("fill", SimpleImputer()), ("scale", StandardScaler())]), list("abcd")),
        ("words", OneHotEncoder(handle_unknown="ignore"), ["city"]),
    ]
    model = Pipeline([("columns", ColumnTransformer(steps)), ("trees", GradientBoostingClassifier(n_estimators=5))])
    _keep(model.fit(frame, target), folder, "pipeline.joblib", compress=3)


@repository("mit", "sklearn", "tabular-classification")
def _write_sklearn_search(folder: Path) -> None:
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import SVC

    _keep(GridSearchCV(SVC(probability=False), {"C": [0.1, 1.0]}, cv=2).fit(*make_table()), folder, "search.pkl")


@repository("mit", "sklearn", "tabular-regression")
def _write_sklearn_neighbors(folder: Path) -> None:
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.neural_network import MLPRegressor

    table, target = make_table()
    for name, model in (
        ("clusters", KMeans(3, random_state=_SEED)),
        ("components", PCA(2)),
        ("neighbors", KNeighborsRegressor()),
        ("process", GaussianProcessRegressor()),
        ("network", MLPRegressor(hidden_layer_sizes=(8,), max_iter=20, random_state=_SEED)),
    ):
        _keep(model.fit(table, target), folder, f"{name}.joblib")


@repository("bsd-3-clause", "statsmodels", "tabular-regression")
def _write_statsmodels_linear(folder: Path) -> None:
    import statsmodels.api as sm

    table, target = make_table()
    sm.OLS(target, sm.add_constant(table)).fit().save(str(folder / "model.pickle"))


@repository("bsd-3-clause", "statsmodels", "time-series-forecasting")
def _write_statsmodels_series(folder: Path) -> None:
    from statsmodels.tsa.arima.model import ARIMA

    ARIMA(_make_series(), order=(1, 0, 0)).fit().save(str(folder / "arima.pkl"))


@repository("mit", "prophet", "time-series-forecasting")
def _write_prophet(folder: Path) -> None:
    import pandas as pd
    from prophet import Prophet
    from prophet.serialize import model_to_json

    frame = pd.DataFrame({"ds": pd.date_range("2025-01-01", periods=96), "y": _make_series()})
    model = Prophet().fit(frame)
    (folder / "model.json").write_text(model_to_json(model))


@repository("bsd-3-clause", "river", "tabular-classification")
def _write_river_linear(folder: Path) -> None:
    from river import linear_model, preprocessing

    _keep(_learn(preprocessing.StandardScaler() | linear_model.LogisticRegression()), folder, "model.pkl")


@repository("bsd-3-clause", "river", "tabular-classification")
def _write_river_tree(folder: Path) -> None:
    from river import tree

    _keep(_learn(tree.HoeffdingTreeClassifier(grace_period=10)), folder, "model.pkl")


def _learn(model: object) -> object:
    table, target = make_table()
    for row, label in zip(table, target, strict=True):
        model.learn_one(dict(zip("abcd", map(float, row), strict=True)), bool(label))
    return model


@repository("bsd-3-clause", "sktime", "time-series-forecasting")
def _write_sktime_naive(folder: Path) -> None:
    import pandas as pd
    from sktime.forecasting.naive import NaiveForecaster

    NaiveForecaster("last", sp=12).fit(pd.Series(_make_series())).save(folder / "forecaster")


@repository("bsd-3-clause", "sktime", "time-series-forecasting")
def _write_sktime_smoothing(folder: Path) -> None:
    import pandas as pd
    from sktime.forecasting.exp_smoothing import ExponentialSmoothing

    _keep(ExponentialSmoothing(trend="add").fit(pd.Series(_make_series())), folder, "forecaster.pkl")


@repository("bsd-3-clause", "pyod", "tabular-classification")
def _write_pyod_forest(folder: Path) -> None:
    from pyod.models.iforest import IForest

    _keep(IForest(n_estimators=5, random_state=_SEED).fit(make_table()[0]), folder)


@repository("bsd-3-clause", "pyod", "tabular-classification")
def _write_pyod_copulas(folder: Path) -> None:
    from pyod.models.ecod import ECOD
    from pyod.models.knn import KNN

    _keep(ECOD().fit(make_table()[0]), folder, "ecod.joblib")
    _keep(KNN().fit(make_table()[0]), folder, "knn.joblib")


@repository("bsd-3-clause", "hdbscan", "tabular-classification")
def _write_hdbscan(folder: Path) -> None:
    from hdbscan import HDBSCAN

    _keep(HDBSCAN(min_cluster_size=5, prediction_data=True).fit(make_table()[0]), folder)


@repository("mit", "imbalanced-learn", "tabular-classification")
def _write_imbalanced_forest(folder: Path) -> None:
    from imblearn.ensemble import BalancedRandomForestClassifier

    model = BalancedRandomForestClassifier(4, random_state=_SEED, sampling_strategy="all", replacement=True)
    _keep(model.fit(*make_table()), folder)


@repository("mit", "imbalanced-learn", "tabular-classification")
def _write_imbalanced_pipeline(folder: Path) -> None:
    from imblearn.over_sampling import SMOTE
    from imblearn.pipeline import make_pipeline
    from sklearn.linear_model import LogisticRegression

    _keep(make_pipeline(SMOTE(random_state=_SEED), LogisticRegression()).fit(*make_table()), folder)


@repository("bsd-3-clause", "hmmlearn", "tabular-classification")
def _write_hmmlearn(folder: Path) -> None:
    from hmmlearn.hmm import GaussianHMM

    _keep(GaussianHMM(2, n_iter=5, random_state=_SEED).fit(make_table()[0]), folder, "hmm.pkl")


@repository("mit", "lifelines", "tabular-regression")
def _write_lifelines(folder: Path) -> None:
    import pandas as pd
    from lifelines import CoxPHFitter, KaplanMeierFitter

    table, target = make_table()
    frame = pd.DataFrame(table, columns=list("abcd")).assign(days=np.arange(1, 61), died=target)
    _keep(CoxPHFitter(penalizer=0.1).fit(frame, "days", "died"), folder, "cox.pkl")
    _keep(KaplanMeierFitter().fit(frame["days"], frame["died"]), folder, "survival.joblib")


@repository("mit", "pmdarima", "time-series-forecasting")
def _write_pmdarima(folder: Path) -> None:
    from pmdarima import ARIMA

    _keep(ARIMA((1, 0, 0)).fit(_make_series()), folder, "arima.pkl")


@repository("apache-2.0", "ngboost", "tabular-regression")
def _write_ngboost(folder: Path) -> None:
    from ngboost import NGBRegressor

    table, target = make_table()
    _keep(NGBRegressor(n_estimators=4, verbose=False, random_state=_SEED).fit(table, target.astype(float)), folder)


@repository("bsd-3-clause", "category_encoders", "tabular-classification")
def _write_category_encoders(folder: Path) -> None:
    import pandas as pd
    from category_encoders import TargetEncoder

    frame = pd.DataFrame({"city": ["Paris", "Rome", "Oslo"] * 20})
    _keep(TargetEncoder().fit(frame, pd.Series(make_table()[1])), folder, "encoder.pkl")


@repository("apache-2.0", "onnx", "tabular-classification")
def _write_onnxmltools(folder: Path) -> None:
    import lightgbm
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    model = lightgbm.LGBMClassifier(n_estimators=4, verbose=-1).fit(*make_table())
    converted = convert_lightgbm(model, initial_types=[("x", FloatTensorType([None, 4]))])
    (folder / "model.onnx").write_bytes(converted.SerializeToString())


@repository("apache-2.0", "treelite", "tabular-classification")
def _write_treelite(folder: Path) -> None:
    import treelite
    from sklearn.ensemble import RandomForestClassifier

    treelite.sklearn.import_model(RandomForestClassifier(3, max_depth=3).fit(*make_table())).serialize(
        folder / "model.tl"
    )


@repository("mit", "faiss", "feature-extraction")
def _write_faiss(folder: Path) -> None:
    import faiss

    index = faiss.IndexFlatL2(4)
    index.add(make_table()[0].astype(np.float32))
    faiss.write_index(index, str(folder / "index.faiss"))


@repository("apache-2.0", "statsforecast", "time-series-forecasting")
def _write_statsforecast(folder: Path) -> None:
    import pandas as pd
    from statsforecast import StatsForecast
    from statsforecast.models import AutoETS, SeasonalNaive

    frame = pd.DataFrame({"unique_id": 1, "ds": pd.date_range("2025-01-01", periods=96), "y": _make_series()})
    model = StatsForecast([AutoETS(12), SeasonalNaive(12)], freq="D", n_jobs=1).fit(frame)
    model.save(str(folder / "model.pkl"))


@repository("bsd-3-clause", "surprise", "tabular-regression")
def _write_surprise(folder: Path) -> None:
    import pandas as pd
    from surprise import SVD, Dataset, Reader, dump

    rows = pd.DataFrame({"user": [0, 0, 1, 1, 2], "item": [0, 1, 0, 2, 1], "rating": [3, 4, 5, 2, 1]})
    model = SVD(4, n_epochs=2, random_state=_SEED)
    model.fit(Dataset.load_from_df(rows, Reader()).build_full_trainset())
    dump.dump(str(folder / "svd.dump"), algo=model)


@repository("gpl-3.0", "scikit-survival", "tabular-regression")
def _write_scikit_survival(folder: Path) -> None:
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    table, target = make_table()
    outcome = Surv.from_arrays(target.astype(bool), np.arange(1.0, 61.0))
    _keep(CoxPHSurvivalAnalysis(alpha=0.1).fit(table, outcome), folder)


@repository("mit", "implicit", "tabular-regression")
def _write_implicit(folder: Path) -> None:
    import scipy.sparse
    from implicit.als import AlternatingLeastSquares

    matrix = scipy.sparse.random(20, 15, 0.3, "csr", np.float32, np.random.default_rng(_SEED))
    model = AlternatingLeastSquares(4, iterations=2, random_state=_SEED)
    model.fit(matrix, show_progress=False)
    model.save(str(folder / "als.npz"))
    scipy.sparse.save_npz(folder / "interactions.npz", matrix)
