"""Every reader there is, in the order in which they are asked. A new format is one line here."""

from __future__ import annotations

from modelaudit.formats.archives import zip as archive
from modelaudit.formats.archives.compressed import reader as compressed
from modelaudit.formats.archives.sevenzip import reader as sevenzip
from modelaudit.formats.archives.tar import reader as tar
from modelaudit.formats.documents import markup, media
from modelaudit.formats.documents.executables import reader as executables
from modelaudit.formats.documents.lfs import reader as lfs
from modelaudit.formats.documents.markdown import reader as markdown
from modelaudit.formats.documents.notebook import reader as notebook
from modelaudit.formats.documents.pages import reader as pages
from modelaudit.formats.documents.python_build import reader as python_build
from modelaudit.formats.documents.python_source import reader as python_source
from modelaudit.formats.documents.requirements import reader as requirements
from modelaudit.formats.documents.scripts import reader as scripts
from modelaudit.formats.documents.sealed import reader as sealed
from modelaudit.formats.documents.spacy import reader as spacy
from modelaudit.formats.documents.structured import reader as documents
from modelaudit.formats.documents.template import reader as jinja
from modelaudit.formats.graphs import boosters, onnx
from modelaudit.formats.graphs.caffe import reader as caffe
from modelaudit.formats.graphs.coreml import reader as coreml
from modelaudit.formats.graphs.executorch import reader as executorch
from modelaudit.formats.graphs.paddle import reader as paddle
from modelaudit.formats.graphs.tensorflow import checkpoint as tensorflow_checkpoint
from modelaudit.formats.graphs.tensorflow import reader as tensorflow
from modelaudit.formats.graphs.tflite import reader as tflite
from modelaudit.formats.graphs.triton import reader as triton
from modelaudit.formats.pickles import pickle, torch
from modelaudit.formats.pickles.skops import reader as skops
from modelaudit.formats.weights import ggml, gguf, hdf5, msgpack, r_data
from modelaudit.formats.weights.java_objects import reader as java_objects
from modelaudit.formats.weights.mxnet import reader as mxnet
from modelaudit.formats.weights.numpy import npy, zfile
from modelaudit.formats.weights.ocdbt import reader as ocdbt
from modelaudit.formats.weights.safetensors import reader as safetensors
from modelaudit.formats.weights.sentencepiece import reader as sentencepiece
from modelaudit.formats.weights.tensor_data import reader as tensor_data
from modelaudit.formats.weights.torch7 import reader as torch7
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
    programs.report_unread_programs(markdown.READER),
    programs.report_unread_programs(skops.READER),
    notebook.READER,
    programs.report_unread_programs(boosters.JSON),
    requirements.READER,
    spacy.READER,
    scripts.READER,
    scripts.ATTRIBUTES,
    programs.report_unread_programs(documents.JSON),
    programs.report_unread_programs(documents.YAML),
    pages.READER,
    programs.report_unread_programs(markup.READER),
    programs.report_unread_programs(boosters.TEXT),
    programs.report_unread_programs(documents.TEXT),
    ocdbt.DATA,
)
