"""Every reader there is, in the order in which they are asked. A new format is one line here."""

from __future__ import annotations

from modelaudit.formats.archives import compressed, sevenzip, tar
from modelaudit.formats.archives import zip as archive
from modelaudit.formats.documents import (
    documents,
    executables,
    lfs,
    markdown,
    markup,
    media,
    notebook,
    pages,
    python_build,
    python_source,
    requirements,
    scripts,
    sealed,
    spacy,
)
from modelaudit.formats.documents import jinja_files as jinja
from modelaudit.formats.graphs import boosters, caffe, coreml, executorch, onnx, paddle, tflite, triton
from modelaudit.formats.graphs.tensorflow import checkpoint as tensorflow_checkpoint
from modelaudit.formats.graphs.tensorflow import reader as tensorflow
from modelaudit.formats.pickles import pickle, skops, torch
from modelaudit.formats.weights import (
    ggml,
    gguf,
    hdf5,
    java_objects,
    msgpack,
    mxnet,
    ocdbt,
    r_data,
    safetensors,
    sentencepiece,
    tensor_data,
    torch7,
)
from modelaudit.formats.weights.numpy import npy, zfile
from modelaudit.languages import embedded, programs
from modelaudit.wire.base import Reader

READERS: tuple[Reader, ...] = (
    tensor_data.READER,
    archive.READER,
    tar.READER,
    sevenzip.READER,
    *compressed.READERS,
    pickle.READER,
    *torch.READERS,
    npy.READER,
    zfile.READER,
    safetensors.READER,
    hdf5.READER,
    r_data.READER,
    *boosters.READERS,
    java_objects.READER,
    torch7.READER,
    mxnet.READER,
    *tensorflow.READERS,
    *caffe.READERS,
    triton.READER,
    coreml.READERS[0],
    paddle.READERS[0],
    gguf.READER,
    ggml.READER,
    executables.READER,
    *sealed.READERS,
    lfs.READER,
    media.READER,
    msgpack.READER,
    ocdbt.READER,
    *onnx.READERS,
    tflite.READER,
    executorch.READER,
    embedded.READER,
    sentencepiece.READER,
    coreml.READERS[1],
    paddle.READERS[1],
    tensorflow_checkpoint.DATA,
    jinja.READER,
    python_source.READER,
    python_build.READER,
    programs.told(markdown.READER),
    programs.told(skops.READER),
    notebook.READER,
    programs.told(boosters.JSON),
    requirements.READER,
    spacy.READER,
    scripts.READER,
    scripts.ATTRIBUTES,
    programs.told(documents.JSON),
    programs.told(documents.YAML),
    pages.READER,
    programs.told(markup.READER),
    programs.told(boosters.TEXT),
    programs.told(documents.TEXT),
    ocdbt.DATA,
)
