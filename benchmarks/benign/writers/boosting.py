"""Models of lightgbm, xgboost and catboost, alone and inside pipelines of scikit-learn."""

from __future__ import annotations

import numpy as np


def write_samples(samples):
    """Write models of each library that the environment has, fitted to 60 random rows of four numbers."""
    random = np.random.RandomState(0)
    x, label = random.rand(60, 4), np.arange(60) % 2
    for part in (write_lightgbm_models, write_xgboost_models, write_catboost_models):
        with samples.omit_on_refusal(part.__name__):
            part(samples, x, label)


def write_model(samples, library, name, model, protocols=(2, 4)):
    """Write a model by pickle and by joblib."""
    samples.write_pickle(library, name, model, protocols=protocols)
    samples.write_joblib(library, name, model)
    samples.write_joblib(library, name + "-zlib", model, compress=3)


def write_lightgbm_models(samples, x, label):
    """Write models of lightgbm: estimators, a booster, one in a pipeline, one with a training history."""
    import lightgbm as lgb
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    quiet = {"n_estimators": 3, "verbose": -1, "n_jobs": 1, "min_child_samples": 2}
    classifier = lgb.LGBMClassifier(**quiet).fit(x, label)
    write_model(samples, "lightgbm", "classifier", classifier, protocols=range(6))
    write_model(samples, "lightgbm", "regressor", lgb.LGBMRegressor(**quiet).fit(x, x[:, 0]))
    write_model(samples, "lightgbm", "ranker", lgb.LGBMRanker(**quiet).fit(x, label, group=[30, 30]))
    write_model(samples, "lightgbm", "booster", classifier.booster_)
    write_model(
        samples, "lightgbm", "pipeline", make_pipeline(StandardScaler(), lgb.LGBMClassifier(**quiet)).fit(x, label)
    )
    watched = lgb.LGBMClassifier(**quiet).fit(x, label, eval_set=[(x, label)], eval_metric="auc")
    write_model(samples, "lightgbm", "watched", watched)
    samples.write_pickle("lightgbm", "unfitted", lgb.LGBMClassifier(), protocols=(4,))
    names = lgb.LGBMClassifier(**quiet).fit(x, np.array(["no", "yes"])[label])
    write_model(samples, "lightgbm", "text-labels", names)


def write_xgboost_models(samples, x, label):
    """Write models of xgboost: estimators, a booster, one in a pipeline."""
    import xgboost as xgb
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    small = {"n_estimators": 3, "n_jobs": 1, "max_depth": 2}
    classifier = xgb.XGBClassifier(**small).fit(x, label)
    write_model(samples, "xgboost", "classifier", classifier, protocols=range(6))
    write_model(samples, "xgboost", "regressor", xgb.XGBRegressor(**small).fit(x, x[:, 0]))
    write_model(samples, "xgboost", "forest", xgb.XGBRFClassifier(**small).fit(x, label))
    write_model(samples, "xgboost", "ranker", xgb.XGBRanker(**small).fit(x, label, group=[30, 30]))
    write_model(samples, "xgboost", "booster", classifier.get_booster())
    write_model(
        samples, "xgboost", "pipeline", make_pipeline(StandardScaler(), xgb.XGBClassifier(**small)).fit(x, label)
    )
    write_model(
        samples, "xgboost", "linear", xgb.XGBRegressor(booster="gblinear", n_estimators=2, n_jobs=1).fit(x, x[:, 0])
    )
    samples.write_pickle("xgboost", "unfitted", xgb.XGBClassifier(), protocols=(4,))
    stopped = xgb.XGBClassifier(
        early_stopping_rounds=1, callbacks=[xgb.callback.LearningRateScheduler([0.1] * 3)], **small
    )
    write_model(
        samples,
        "xgboost",
        "stopped",
        xgb.XGBClassifier(early_stopping_rounds=1, **small).fit(x, label, eval_set=[(x, label)]),
    )
    with samples.omit_on_refusal("xgboost/callbacks"):
        samples.write_pickle("xgboost", "callbacks", stopped.fit(x, label, eval_set=[(x, label)]), protocols=(4,))


def write_catboost_models(samples, x, label):
    """Write models of catboost: estimators, and a model fitted without a Pool."""
    import catboost

    quiet = {"iterations": 3, "verbose": False, "allow_writing_files": False, "thread_count": 1}
    write_model(
        samples, "catboost", "classifier", catboost.CatBoostClassifier(**quiet).fit(x, label), protocols=range(6)
    )
    write_model(samples, "catboost", "regressor", catboost.CatBoostRegressor(**quiet).fit(x, x[:, 0]))
    write_model(samples, "catboost", "model", catboost.CatBoost(dict(quiet, loss_function="RMSE")).fit(x, x[:, 0]))
    samples.write_pickle("catboost", "unfitted", catboost.CatBoostClassifier(**quiet), protocols=(4,))
