"""Write repositories with Keras; the variable ``KERAS_BACKEND`` names the backend, which their names begin with."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from cards import repository

_BACKEND = os.environ["KERAS_BACKEND"]


def _make_images() -> object:
    import keras

    layers = [
        keras.Input((8, 8, 1)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(4, 3, activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(2, "softmax", kernel_regularizer=keras.regularizers.L2(1e-4)),
    ]
    model = keras.Sequential(layers, name="images")
    rate = keras.optimizers.schedules.CosineDecay(1e-3, 100)
    model.compile(keras.optimizers.AdamW(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.ones((4, 8, 8, 1)), np.array([0, 1, 0, 1]), verbose=0)
    return model


@repository("apache-2.0", "keras", "image-classification", name=f"keras-{_BACKEND}-archive")
def _write_archive(folder: Path) -> None:
    _make_images().save(folder / "model.keras")


@repository("apache-2.0", "keras", "image-classification", name=f"keras-{_BACKEND}-hdf5")
def _write_hdf5(folder: Path) -> None:
    model = _make_images()
    model.save(folder / "model.h5")
    model.save_weights(folder / "model.weights.h5")


@repository("apache-2.0", "keras", "text-classification", name=f"keras-{_BACKEND}-functional")
def _write_functional(folder: Path) -> None:
    import keras

    words = keras.Input((6,), dtype="int32")
    hidden = keras.layers.Embedding(20, 8, mask_zero=False)(words)
    hidden = keras.layers.MultiHeadAttention(2, 4)(hidden, hidden)
    hidden = keras.layers.LSTM(4)(keras.layers.LayerNormalization()(hidden))
    keras.Model(words, keras.layers.Dense(1, "sigmoid")(hidden)).save(folder / "model.keras")
