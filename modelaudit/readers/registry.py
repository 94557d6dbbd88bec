"""Every reader there is, in the order in which they are asked. A new format is one line here."""

from __future__ import annotations

from modelaudit.readers import (
    archive,
    boosters,
    compressed,
    documents,
    embedded,
    hdf5,
    java_objects,
    markdown,
    markup,
    mxnet,
    pickle,
    programs,
    r_data,
    safetensors,
    sevenzip,
    skops,
    tar,
    tensor_data,
    torch,
    torch7,
)
from modelaudit.readers.base import Reader
from modelaudit.readers.numpy import npy, zfile

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
    embedded.READER,
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
