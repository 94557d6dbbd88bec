"""Every reader there is, in the order in which they are asked. A new format is one line here."""

from __future__ import annotations

from modelaudit.readers import (
    archive,
    caffe,
    compressed,
    coreml,
    documents,
    embedded,
    markdown,
    paddle,
    pickle,
    programs,
    safetensors,
    sentencepiece,
    sevenzip,
    skops,
    tar,
    tensor_data,
    torch,
    triton,
)
from modelaudit.readers.base import Reader
from modelaudit.readers.numpy import npy, zfile
from modelaudit.readers.tensorflow import checkpoint as tensorflow_checkpoint
from modelaudit.readers.tensorflow import reader as tensorflow

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
    *tensorflow.READERS,
    *caffe.READERS,
    triton.READER,
    coreml.READERS[0],
    paddle.READERS[0],
    embedded.READER,
    sentencepiece.READER,
    coreml.READERS[1],
    paddle.READERS[1],
    tensorflow_checkpoint.DATA,
    programs.told(markdown.READER),
    programs.told(skops.READER),
    *torch.FALLBACKS,
    programs.told(documents.JSON),
    programs.told(documents.YAML),
    programs.told(documents.TEXT),
)
