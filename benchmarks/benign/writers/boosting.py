"""Models of lightgbm, xgboost and catboost, alone and inside pipelines of scikit-learn."""

from __future__ import annotations

import numpy as np


def write(shelf):
    """Each library that the environment has."""
    random = np.random.RandomState(0)
    x, label = random.rand(60, 4), np.arange(60) % 2
    for part in (light, extreme, categorical):
        with shelf.attempt(part.__name__):
            part(shelf, x, label)


def keep(shelf, library, name, model, protocols=(2, 4)):
    """By pickle and by joblib."""
    shelf.pickle(library, name, model, protocols=protocols)
    shelf.joblib(library, name, model)
    shelf.joblib(library, name + "-zlib", model, compress=3)


def light(shelf, x, label):
    """lightgbm: estimators, a booster, one in a pipeline, one with a training history."""
    import lightgbm as lgb
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    quiet = {"n_estimators": 3, "verbose": -1, "n_jobs": 1, "min_child_samples": 2}
    classifier = lgb.LGBMClassifier(**quiet).fit(x, label)
    keep(shelf, "lightgbm", "classifier", classifier, protocols=range(6))
    keep(shelf, "lightgbm", "regressor", lgb.LGBMRegressor(**quiet).fit(x, x[:, 0]))
    keep(shelf, "lightgbm", "ranker", lgb.LGBMRanker(**quiet).fit(x, label, group=[30, 30]))
    keep(shelf, "lightgbm", "booster", classifier.booster_)
    keep(shelf, "lightgbm", "pipeline", make_pipeline(StandardScaler(), lgb.LGBMClassifier(**quiet)).fit(x, label))
    watched = lgb.LGBMClassifier(**quiet).fit(x, label, eval_set=[(x, label)], eval_metric="auc")
    keep(shelf, "lightgbm", "watched", watched)
    shelf.pickle("lightgbm", "unfitted", lgb.LGBMClassifier(), protocols=(4,))
    names = lgb.LGBMClassifier(**quiet).fit(x, np.array(["no", "yes"])[label])
    keep(shelf, "lightgbm", "text-labels", names)


def extreme(shelf, x, label):
    """xgboost: estimators, a booster, one in a pipeline."""
    import xgboost as xgb
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    small = {"n_estimators": 3, "n_jobs": 1, "max_depth": 2}
    classifier = xgb.XGBClassifier(**small).fit(x, label)
    keep(shelf, "xgboost", "classifier", classifier, protocols=range(6))
    keep(shelf, "xgboost", "regressor", xgb.XGBRegressor(**small).fit(x, x[:, 0]))
    keep(shelf, "xgboost", "forest", xgb.XGBRFClassifier(**small).fit(x, label))
    keep(shelf, "xgboost", "ranker", xgb.XGBRanker(**small).fit(x, label, group=[30, 30]))
    keep(shelf, "xgboost", "booster", classifier.get_booster())
    keep(shelf, "xgboost", "pipeline", make_pipeline(StandardScaler(), xgb.XGBClassifier(**small)).fit(x, label))
    keep(shelf, "xgboost", "linear", xgb.XGBRegressor(booster="gblinear", n_estimators=2, n_jobs=1).fit(x, x[:, 0]))
    shelf.pickle("xgboost", "unfitted", xgb.XGBClassifier(), protocols=(4,))
    stopped = xgb.XGBClassifier(
        early_stopping_rounds=1, callbacks=[xgb.callback.LearningRateScheduler([0.1] * 3)], **small
    )
    keep(
        shelf,
        "xgboost",
        "stopped",
        xgb.XGBClassifier(early_stopping_rounds=1, **small).fit(x, label, eval_set=[(x, label)]),
    )
    with shelf.attempt("xgboost/callbacks"):
        shelf.pickle("xgboost", "callbacks", stopped.fit(x, label, eval_set=[(x, label)]), protocols=(4,))


def categorical(shelf, x, label):
    """catboost: estimators and a pool-free model."""
    import catboost

    quiet = {"iterations": 3, "verbose": False, "allow_writing_files": False, "thread_count": 1}
    keep(shelf, "catboost", "classifier", catboost.CatBoostClassifier(**quiet).fit(x, label), protocols=range(6))
    keep(shelf, "catboost", "regressor", catboost.CatBoostRegressor(**quiet).fit(x, x[:, 0]))
    keep(shelf, "catboost", "model", catboost.CatBoost(dict(quiet, loss_function="RMSE")).fit(x, x[:, 0]))
    shelf.pickle("catboost", "unfitted", catboost.CatBoostClassifier(**quiet), protocols=(4,))
