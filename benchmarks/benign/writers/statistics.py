"""Models of smaller libraries around scikit-learn: imbalanced-learn, hdbscan, hmmlearn, statsmodels."""

from __future__ import annotations

import numpy as np


def write_samples(samples):
    """Write models of each library that the environment has, fitted to 60 random rows of four numbers."""
    random = np.random.RandomState(0)
    x, label = random.rand(60, 4), (np.arange(60) % 3 == 0).astype(int)
    for part in (write_imbalanced_learn_models, write_hdbscan_models, write_hmmlearn_models, write_statsmodels_models):
        with samples.omit_on_refusal(part.__name__):
            part(samples, x, label)


def write_imbalanced_learn_models(samples, x, label):
    """Write every sampler and ensemble of imbalanced-learn, and a pipeline."""
    from imblearn.pipeline import make_pipeline
    from imblearn.utils.testing import all_estimators
    from sklearn.linear_model import LogisticRegression

    for name, kind in all_estimators():
        with samples.omit_on_refusal("imbalanced-learn/" + name):
            model = kind()
            model.fit(x, label)
            samples.write_pickle("imbalanced-learn", name, model, protocols=(4,))
    from imblearn.over_sampling import SMOTE

    pipeline = make_pipeline(SMOTE(k_neighbors=2), LogisticRegression()).fit(x, label)
    samples.write_pickle("imbalanced-learn", "pipeline", pipeline, protocols=(2, 4, 5))


def write_hdbscan_models(samples, x, label):
    """Write models of hdbscan, with and without the data for predictions."""
    import hdbscan

    alarm = "a model of hdbscan keeps a cache on disk, which unpickles what lies there when it is used"
    samples.write_pickle(
        "hdbscan",
        "model",
        hdbscan.HDBSCAN(min_cluster_size=3, core_dist_n_jobs=1).fit(x),
        protocols=(2, 4),
        alarm=alarm,
    )
    ready = hdbscan.HDBSCAN(min_cluster_size=3, prediction_data=True, core_dist_n_jobs=1).fit(x)
    samples.write_pickle("hdbscan", "prediction", ready, protocols=(4,), alarm=alarm)
    samples.write_joblib("hdbscan", "prediction", ready, alarm=alarm)


def write_hmmlearn_models(samples, x, label):
    """Write a model of each class of hmmlearn."""
    from hmmlearn import hmm

    counts = np.arange(60).reshape(-1, 1) % 3
    kinds = [
        (hmm.GaussianHMM, x),
        (hmm.GMMHMM, x),
        (hmm.CategoricalHMM, counts),
        (hmm.MultinomialHMM, counts),
        (hmm.PoissonHMM, counts),
    ]
    for kind, data in kinds:
        with samples.omit_on_refusal("hmmlearn/" + kind.__name__):
            samples.write_pickle("hmmlearn", kind.__name__, kind(n_components=2, n_iter=2).fit(data), protocols=(2, 4))


def write_statsmodels_models(samples, x, label):
    """Write results of statsmodels: linear, logistic and generalised models, and a time series."""
    import statsmodels.api as sm

    design = sm.add_constant(x)
    samples.write_pickle("statsmodels", "ols", sm.OLS(x[:, 0], design[:, :3]).fit(), protocols=(2, 4))
    samples.write_pickle("statsmodels", "logit", sm.Logit(label, design).fit(disp=0), protocols=(4,))
    samples.write_pickle(
        "statsmodels", "glm", sm.GLM(label, design, family=sm.families.Binomial()).fit(), protocols=(4,)
    )
    with samples.omit_on_refusal("statsmodels/arima"):
        from statsmodels.tsa.arima.model import ARIMA

        alarm = "a filter of statsmodels is made again by compiled functions over memory whose sizes the file chooses"
        samples.write_pickle("statsmodels", "arima", ARIMA(x[:, 0], order=(1, 0, 0)).fit(), protocols=(4,), alarm=alarm)
