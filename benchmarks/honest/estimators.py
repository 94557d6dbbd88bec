"""Write repositories with scikit-learn, skops, and libraries of boosted trees."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
from cards import repository

_SEED = 2026


def make_table() -> tuple[np.ndarray, np.ndarray]:
    """Return 60 rows of four numbers, and a label for each."""
    generator = np.random.default_rng(_SEED)
    table = generator.normal(size=(60, 4))
    return table, (table[:, 0] + table[:, 1] > 0).astype(int)


def _make_text_pipeline() -> object:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts = [f"the film was {word}" for word in ("good", "bad", "fast", "slow")] * 3
    return make_pipeline(TfidfVectorizer(), LogisticRegression(random_state=_SEED)).fit(texts, [1, 0, 1, 0] * 3)


def _make_forest() -> object:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(5, random_state=_SEED).fit(*make_table())


@repository("bsd-3-clause", "sklearn", "text-classification")
def _write_sklearn_joblib(folder: Path) -> None:
    import joblib

    joblib.dump(_make_text_pipeline(), folder / "model.joblib")


@repository("mit", "sklearn", "tabular-classification", text=True)
def _write_sklearn_pickle(folder: Path) -> None:
    (folder / "model.pkl").write_bytes(pickle.dumps(_make_forest()))


@repository("mit", "sklearn", "tabular-classification")
def _write_sklearn_boosting_compressed(folder: Path) -> None:
    import joblib
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(max_iter=5, random_state=_SEED).fit(*make_table())
    joblib.dump(model, folder / "model.joblib", compress=3)


@repository("mit", "sklearn", "text-classification", text=True)
def _write_skops_pipeline(folder: Path) -> None:
    import skops.io

    skops.io.dump(_make_text_pipeline(), folder / "model.skops")


@repository("apache-2.0", "sklearn", "tabular-classification")
def _write_skops_forest(folder: Path) -> None:
    import skops.io

    skops.io.dump(_make_forest(), folder / "model.skops")
    config = {"sklearn": {"columns": ["a", "b", "c", "d"], "model": {"file": "model.skops"}, "model_format": "skops"}}
    (folder / "config.json").write_text(json.dumps(config))


@repository("apache-2.0", "onnx", "tabular-classification", text=True)
def _write_skl2onnx(folder: Path) -> None:
    from skl2onnx import to_onnx

    model = to_onnx(_make_forest(), make_table()[0][:1].astype(np.float32))
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def _make_booster() -> object:
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=4, max_depth=3, random_state=_SEED, n_jobs=1).fit(*make_table())


@repository("apache-2.0", "xgboost", "tabular-classification")
def _write_xgboost_json(folder: Path) -> None:
    _make_booster().save_model(folder / "model.json")


@repository("mit", "xgboost", "tabular-classification", text=True)
def _write_xgboost_ubj(folder: Path) -> None:
    _make_booster().save_model(folder / "model.ubj")


@repository("apache-2.0", "xgboost", "tabular-classification")
def _write_xgboost_pickle(folder: Path) -> None:
    (folder / "model.pkl").write_bytes(pickle.dumps(_make_booster()))


def _make_lightgbm() -> object:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_estimators=4, random_state=_SEED, n_jobs=1, verbose=-1).fit(*make_table())


@repository("mit", "lightgbm", "tabular-classification")
def _write_lightgbm_text(folder: Path) -> None:
    _make_lightgbm().booster_.save_model(folder / "model.txt")


@repository("mit", "lightgbm", "tabular-classification", text=True)
def _write_lightgbm_joblib(folder: Path) -> None:
    import joblib

    joblib.dump(_make_lightgbm(), folder / "model.joblib")
