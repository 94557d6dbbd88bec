"""Models of smaller libraries around scikit-learn: imbalanced-learn, hdbscan, hmmlearn, statsmodels."""

from __future__ import annotations

import numpy as np


def write(shelf):
    """Each library that the environment has."""
    random = np.random.RandomState(0)
    x, label = random.rand(60, 4), (np.arange(60) % 3 == 0).astype(int)
    for part in (imbalanced, density, markov, regression):
        with shelf.attempt(part.__name__):
            part(shelf, x, label)


def imbalanced(shelf, x, label):
    """Every sampler and ensemble of imbalanced-learn."""
    from imblearn.pipeline import make_pipeline
    from imblearn.utils.testing import all_estimators
    from sklearn.linear_model import LogisticRegression

    for name, kind in all_estimators():
        with shelf.attempt("imbalanced-learn/" + name):
            model = kind()
            model.fit(x, label)
            shelf.pickle("imbalanced-learn", name, model, protocols=(4,))
    from imblearn.over_sampling import SMOTE

    pipeline = make_pipeline(SMOTE(k_neighbors=2), LogisticRegression()).fit(x, label)
    shelf.pickle("imbalanced-learn", "pipeline", pipeline, protocols=(2, 4, 5))


def density(shelf, x, label):
    """Models of hdbscan, with and without the data for predictions."""
    import hdbscan

    alarm = "a model of hdbscan keeps a cache on disk, which unpickles what lies there when it is used"
    shelf.pickle(
        "hdbscan",
        "model",
        hdbscan.HDBSCAN(min_cluster_size=3, core_dist_n_jobs=1).fit(x),
        protocols=(2, 4),
        alarm=alarm,
    )
    ready = hdbscan.HDBSCAN(min_cluster_size=3, prediction_data=True, core_dist_n_jobs=1).fit(x)
    shelf.pickle("hdbscan", "prediction", ready, protocols=(4,), alarm=alarm)
    shelf.joblib("hdbscan", "prediction", ready, alarm=alarm)


def markov(shelf, x, label):
    """hmmlearn: each kind of model."""
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
        with shelf.attempt("hmmlearn/" + kind.__name__):
            shelf.pickle("hmmlearn", kind.__name__, kind(n_components=2, n_iter=2).fit(data), protocols=(2, 4))


def regression(shelf, x, label):
    """statsmodels: linear, logistic and general models, a time series."""
    import statsmodels.api as sm

    design = sm.add_constant(x)
    shelf.pickle("statsmodels", "ols", sm.OLS(x[:, 0], design[:, :3]).fit(), protocols=(2, 4))
    shelf.pickle("statsmodels", "logit", sm.Logit(label, design).fit(disp=0), protocols=(4,))
    shelf.pickle("statsmodels", "glm", sm.GLM(label, design, family=sm.families.Binomial()).fit(), protocols=(4,))
    with shelf.attempt("statsmodels/arima"):
        from statsmodels.tsa.arima.model import ARIMA

        alarm = "a filter of statsmodels is made again by compiled functions over memory whose sizes the file chooses"
        shelf.pickle("statsmodels", "arima", ARIMA(x[:, 0], order=(1, 0, 0)).fit(), protocols=(4,), alarm=alarm)
