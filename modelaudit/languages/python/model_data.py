"""Find code that a source takes from the values of a model file: a pickle in metadata, a program in bits of weights.

What a reader of a model file returns has a tag. A call that unpickles, evaluates or starts what has the tag runs bytes
that no reader of code has seen, whatever computes them from the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from modelaudit.languages.python import loaded_files
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.name_tables import COMMANDS, EVALUATORS, FORWARD_REFERENCES, LOADERS
from modelaudit.languages.python.values import Container, ExternalName, TaggedValue, Value, collect_tags

MODEL_DATA: Final = "model-data"
"""The tag of what a source has read from the values of a model file, or from a picture or a recording."""
_TAG: Final = frozenset({MODEL_DATA})
RESULTS: Final[Mapping[str, frozenset[str]]] = dict.fromkeys(
    ("numpy.load", "numpy.fromfile", "numpy.memmap", "numpy.lib.format.open_memmap", "torch.load", "torch.from_file",
     "safetensors.safe_open", "safetensors.safe_open.metadata", "safetensors.deserialize",
     "safetensors.torch.load_file", "safetensors.torch.load", "safetensors.numpy.load_file",
     "safetensors.numpy.load", "safetensors.flax.load_file",
     "safetensors.tensorflow.load_file", "safetensors.mlx.load_file", "gguf.GGUFReader", "gguf.gguf_reader.GGUFReader",
     "h5py.File", "onnx.load", "onnx.load_model", "onnxruntime.InferenceSession", "msgpack.unpackb", "msgpack.unpack",
     "msgpack.loads", "flax.serialization.msgpack_restore", "flax.serialization.from_bytes", "keras.models.load_model",
     "keras.saving.load_model", "tensorflow.keras.models.load_model", "tensorflow.saved_model.load",
     "tensorflow.train.load_checkpoint", "joblib.load", "scipy.io.loadmat", "zarr.open", "zarr.open_group", "zarr.load",
     "xgboost.Booster", "lightgbm.Booster", "PIL.Image.open", "imageio.imread", "imageio.v2.imread",
     "imageio.v3.imread", "skimage.io.imread", "cv2.imread", "wave.open", "soundfile.read", "scipy.io.wavfile.read",
     "torchvision.io.read_image", "torchaudio.load", "librosa.load", "pyarrow.parquet.read_table", "mlx.core.load"),
    _TAG,
)  # fmt: skip
"""The tag that functions give their result, because they read a model file, a picture or a recording."""

# Loaders that take the path of a file, and run a model's data only from a buffer.
_PATH_LOADERS: Final = frozenset(
    {"torch.load", "joblib.load", "pandas.read_pickle", "numpy.load(allow_pickle)", "shelve.open", "ctypes.CDLL"}
)
_DATA_ENDINGS: Final = (
    ".wav", ".mp3", ".flac", ".ogg", ".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tiff", ".mp4", ".safetensors",
    ".gguf", ".onnx", ".npy", ".npz", ".h5", ".hdf5", ".msgpack", ".pb", ".tflite", ".ttf",
)  # fmt: skip
_BUFFERS: Final = frozenset({"io.BytesIO", "tempfile.TemporaryFile", "tempfile.SpooledTemporaryFile"})


def runs_model_data(call: Call) -> bool:
    """Whether a call unpickles, evaluates or starts what was taken from the values of a model file."""
    first = call.args[0] if call.args else next(iter(call.keywords.values()), None)
    if first is None:
        return False
    if loaded_files.reads_with_ending(collect_tags(first), _DATA_ENDINGS):
        # Bytes that are cut out of the file: a text of them in a line for a shell brings commands of its own.
        return (call.name in COMMANDS and not isinstance(first, Container)) or call.name in EVALUATORS
    if MODEL_DATA not in call.argument_tags:
        return False
    if call.name in COMMANDS:
        return _begins_with_data(first)
    if call.name in _PATH_LOADERS:
        return isinstance(first, ExternalName) and first.name in _BUFFERS and MODEL_DATA in first.tags
    return call.name in LOADERS or (call.name in EVALUATORS and call.name not in ("ast.parse", *FORWARD_REFERENCES))


def _begins_with_data(command: Value) -> bool:
    """Whether the program of a command is such data, and not only one of its arguments."""
    program = command.values[0] if isinstance(command, Container) and command.values else command
    return isinstance(program, TaggedValue) and not program.text and MODEL_DATA in program.tags
