"""Files of joblib: the bytes of arrays between opcodes, in each codec and protocol."""

from __future__ import annotations

import collections

import numpy as np


def build_values():
    """Yield (name, value) of ordinary values that people dump by joblib."""
    mixed = np.array([1, "a", {"b": 2}], dtype=object)
    yield "array", np.arange(100.0)
    yield (
        "arrays",
        {"a": np.arange(30), "b": [np.ones((2, 2)), np.zeros(3, dtype="i1")], "c": np.asfortranarray(np.ones((3, 4)))},
    )
    yield "objects", {"mixed": mixed, "after": np.arange(9)}
    yield "records", np.zeros(3, dtype=[("a", "i4"), ("b", "f8")])
    yield "text", np.array(["a", "bcd"])
    yield "empty", np.zeros((0, 3))
    yield "matrix", np.matrix([[1.0, 2.0]])
    yield "masked", np.ma.array([1, 2, 3], mask=[0, 1, 0])
    yield "plain", {"a": 1, "b": "text", "c": collections.OrderedDict(x=[1.5])}
    yield "large", [np.arange(3000), {"name": "weights", "value": np.ones((50, 20), dtype="f4")}]


def write_samples(samples):
    """Write each value and two fitted models, without compression, by codecs and in several protocols."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = np.random.RandomState(0).rand(20, 3)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, np.arange(20) % 2)
    forest = RandomForestClassifier(3).fit(x, np.arange(20) % 2)
    for name, value in [*build_values(), ("pipeline", model), ("forest", forest)]:
        samples.write_joblib("joblib", name, value)
        for codec in ("zlib", "gzip", "bz2", "xz", "lzma", "lz4"):
            if codec == "zlib" or name in ("arrays", "objects", "pipeline", "large"):
                samples.write_joblib("joblib", name + "-" + codec, value, compress=(codec, 3))
        if name in ("arrays", "objects", "forest"):
            for protocol in (0, 1, 2, 3, 4, 5):
                samples.write_joblib("joblib", f"{name}-p{protocol}", value, protocol=protocol)
    samples.write_joblib("joblib", "level", model, compress=9, suffix="pkl")
    samples.write_joblib("joblib", "by-name", model, compress=True, suffix="pkl.gz")
