"""Write repositories with TensorFlow: a SavedModel, a checkpoint, a model of Lite, and an export of Keras."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from cards import repository


def _make_module() -> object:
    import tensorflow as tf

    class Classifier(tf.Module):
        """One layer over four numbers."""

        def __init__(self) -> None:
            super().__init__()
            self.kernel = tf.Variable(np.ones((4, 2), np.float32), name="kernel")
            self.bias = tf.Variable(np.zeros(2, np.float32), name="bias")

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32)])
        def __call__(self, x: object) -> object:
            """Return the probabilities of two classes."""
            return tf.nn.softmax(x @ self.kernel + self.bias)

    return Classifier()


@repository("apache-2.0", "tensorflow", "tabular-classification")
def _write_tensorflow_saved_model(folder: Path) -> None:
    import tensorflow as tf

    tf.saved_model.save(_make_module(), str(folder))


@repository("apache-2.0", "tensorflow", "tabular-classification")
def _write_tensorflow_checkpoint(folder: Path) -> None:
    import tensorflow as tf

    tf.train.Checkpoint(model=_make_module(), step=tf.Variable(3)).save(str(folder / "model.ckpt"))


@repository("apache-2.0", "tflite", "tabular-classification")
def _write_tensorflow_lite(folder: Path) -> None:
    import tensorflow as tf

    module = _make_module()
    function = module.__call__.get_concrete_function()
    (folder / "model.tflite").write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function], module).convert())


@repository("apache-2.0", "keras", "tabular-classification")
def _write_keras_export(folder: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(2, "softmax")])
    model.export(folder, verbose=False)
