"""Write repositories with further libraries of ``benchmarks/vetting/libraries.yaml``: those that had none before."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from cards import repository

_SEED = 2026
_ROWS = 96


def _make_table() -> tuple[np.ndarray, np.ndarray]:
    table = np.random.default_rng(_SEED).normal(size=(_ROWS, 4)).astype(np.float32)
    return table, (table[:, 0] > 0).astype(np.int64)


def _pickle(model: object, folder: Path) -> None:
    (folder / "model.pkl").write_bytes(pickle.dumps(model))


@repository("bsd-3-clause", "mlxtend", "tabular-classification")
def _write_mlxtend(folder: Path) -> None:
    from mlxtend.classifier import StackingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB

    model = StackingClassifier([GaussianNB(), LogisticRegression()], meta_classifier=LogisticRegression())
    _pickle(model.fit(*_make_table()), folder)


@repository("bsd-3-clause", "mlxtend", "tabular-classification")
def _write_mlxtend_softmax(folder: Path) -> None:
    from mlxtend.classifier import SoftmaxRegression

    _pickle(SoftmaxRegression(epochs=2, random_seed=_SEED).fit(*_make_table()), folder)


@repository("bsd-3-clause", "feature-engine", "tabular-classification")
def _write_feature_engine(folder: Path) -> None:
    import joblib
    import pandas as pd
    from feature_engine.discretisation import EqualFrequencyDiscretiser
    from feature_engine.imputation import MeanMedianImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    table, target = _make_table()
    steps = [("fill", MeanMedianImputer()), ("bins", EqualFrequencyDiscretiser(q=4)), ("model", LogisticRegression())]
    joblib.dump(Pipeline(steps).fit(pd.DataFrame(table, columns=list("abcd")), target), folder / "model.joblib")


@repository("mit", "interpret", "tabular-classification")
def _write_interpret(folder: Path) -> None:
    from interpret.glassbox import ExplainableBoostingClassifier

    model = ExplainableBoostingClassifier(max_rounds=8, interactions=1, outer_bags=2, n_jobs=1, random_state=_SEED)
    _pickle(model.fit(*_make_table()), folder)


@repository("bsd-3-clause", "umap-learn", "feature-extraction")
def _write_umap(folder: Path) -> None:
    import joblib
    from umap import UMAP

    joblib.dump(UMAP(n_neighbors=5, n_epochs=5, random_state=_SEED).fit(_make_table()[0]), folder / "umap.joblib")


@repository("bsd-3-clause", "pynndescent", "feature-extraction")
def _write_pynndescent(folder: Path) -> None:
    from pynndescent import NNDescent

    index = NNDescent(_make_table()[0], n_neighbors=5, random_state=_SEED)
    index.prepare()
    _pickle(index, folder)


@repository("mit", "econml", "tabular-regression")
def _write_econml(folder: Path) -> None:
    import joblib
    from econml.dml import LinearDML
    from sklearn.linear_model import LinearRegression

    table, target = _make_table()
    model = LinearDML(model_y=LinearRegression(), model_t=LinearRegression(), random_state=_SEED)
    joblib.dump(model.fit(table[:, 0], target.astype(float), X=table[:, 1:]), folder / "model.joblib")


@repository("bsd-3-clause", "pytorch-ignite", "tabular-classification")
def _write_ignite(folder: Path) -> None:
    import torch
    from ignite.engine import Engine
    from ignite.handlers import Checkpoint, DiskSaver

    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.Adam(model.parameters())
    trainer = Engine(lambda engine, batch: float(batch))
    trainer.run([1.0, 2.0], max_epochs=1)
    parts = {"model": model, "optimizer": optimizer, "trainer": trainer}
    Checkpoint(parts, DiskSaver(str(folder), require_empty=False))(trainer)


@repository("mit", "x-transformers", "text-generation")
def _write_x_transformers(folder: Path) -> None:
    import torch
    from x_transformers import Decoder, TransformerWrapper

    model = TransformerWrapper(num_tokens=16, max_seq_len=8, attn_layers=Decoder(dim=8, depth=1, heads=1))
    torch.save(model.state_dict(), folder / "pytorch_model.bin")


@repository("mit", "vector-quantize-pytorch", "feature-extraction")
def _write_vector_quantize(folder: Path) -> None:
    import torch
    from vector_quantize_pytorch import VectorQuantize

    torch.save(VectorQuantize(dim=8, codebook_size=16).state_dict(), folder / "quantizer.pt")


@repository("mit", "e3nn", "graph-ml")
def _write_e3nn(folder: Path) -> None:
    import torch
    from e3nn import o3

    torch.save(o3.Linear("4x0e + 2x1o", "2x0e + 1x1o"), folder / "linear.pt")


@repository("mit", "chemprop", "graph-ml")
def _write_chemprop(folder: Path) -> None:
    from chemprop import models, nn

    network = models.MPNN(nn.BondMessagePassing(d_h=8), nn.MeanAggregation(), nn.RegressionFFN(input_dim=8))
    models.save_model(folder / "model.pt", network)


@repository("apache-2.0", "fastai", "tabular-classification")
def _write_fastai(folder: Path) -> None:
    import pandas as pd
    from fastai.tabular.all import CategoryBlock, Normalize, TabularDataLoaders, tabular_learner

    table, target = _make_table()
    frame = pd.DataFrame(table, columns=list("abcd")).assign(y=target)
    loaders = TabularDataLoaders.from_df(
        frame, procs=[Normalize], cont_names=list("abcd"), y_names="y", y_block=CategoryBlock(), bs=16
    )
    learner = tabular_learner(loaders, layers=[4])
    learner.path = folder
    learner.export("model.pkl")


@repository("mit", "bertopic", "text-classification")
def _write_bertopic(folder: Path) -> None:
    from bertopic import BERTopic
    from sklearn.decomposition import PCA

    table, _ = _make_table()
    words = ["red green blue", "one two three", "north south east"]
    topics = BERTopic(embedding_model=None, umap_model=PCA(n_components=2), min_topic_size=5)
    topics.fit([words[index % 3] for index in range(_ROWS)], table)
    topics.save(str(folder), serialization="safetensors", save_ctfidf=True)


@repository("mit", "pytorch-forecasting", "time-series-forecasting")
def _write_pytorch_forecasting(folder: Path) -> None:
    import pandas as pd
    from pytorch_forecasting import NBeats, TimeSeriesDataSet

    frame = pd.DataFrame({"time": np.arange(_ROWS), "value": np.sin(np.arange(_ROWS) / 4), "series": "a"})
    series = TimeSeriesDataSet(
        frame, time_idx="time", target="value", group_ids=["series"], max_encoder_length=8, max_prediction_length=4,
        min_encoder_length=8, min_prediction_length=4, time_varying_unknown_reals=["value"],
    )  # fmt: skip
    series.save(str(folder / "dataset.pt"))
    import torch

    torch.save(NBeats.from_dataset(series, widths=[8, 8]).state_dict(), folder / "model.pt")


@repository("apache-2.0", "darts", "time-series-forecasting")
def _write_darts(folder: Path) -> None:
    from darts import TimeSeries
    from darts.models import LinearRegressionModel

    model = LinearRegressionModel(lags=4)
    model.fit(TimeSeries.from_values(np.sin(np.arange(_ROWS) / 4)))
    model.save(str(folder / "model.pkl"))


@repository("bsd-3-clause-clear", "compressai", "image-to-image")
def _write_compressai(folder: Path) -> None:
    import torch
    from compressai.models import FactorizedPrior

    model = FactorizedPrior(4, 4)
    model.update()
    torch.save(model.state_dict(), folder / "model.pth.tar")


@repository("mit", "flair", "token-classification")
def _write_flair(folder: Path) -> None:
    from flair.data import Dictionary
    from flair.embeddings import OneHotEmbeddings
    from flair.models import SequenceTagger

    words, tags = Dictionary(), Dictionary(add_unk=False)
    for word in ("one", "two"):
        words.add_item(word)
        tags.add_item(word.upper())
    tagger = SequenceTagger(OneHotEmbeddings(words, embedding_length=4), tags, "pos", hidden_size=4, use_crf=False)
    tagger.save(folder / "pytorch_model.bin")
