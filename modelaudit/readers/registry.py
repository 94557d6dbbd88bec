"""Every reader there is, in the order in which they are asked. A new format is one line here."""

from __future__ import annotations

from modelaudit.readers import (
    archive,
    boosters,
    compressed,
    coreml,
    documents,
    embedded,
    hdf5,
    java_objects,
    markdown,
    markup,
    mxnet,
    paddle,
    pickle,
    programs,
    r_data,
    safetensors,
    sentencepiece,
    sevenzip,
    skops,
    tar,
    tensor_data,
    torch,
    torch7,
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
    hdf5.READER,
    r_data.READER,
    *boosters.READERS,
    java_objects.READER,
    torch7.READER,
    mxnet.READER,
    *tensorflow.READERS,
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
    programs.told(boosters.JSON),
    programs.told(documents.JSON),
    programs.told(documents.YAML),
    programs.told(markup.READER),
    programs.told(boosters.TEXT),
    programs.told(documents.TEXT),
)
