"""Every reader there is, in the order in which they are asked. A new format is one line here."""

from __future__ import annotations

from modelaudit.readers import (
    archive,
    compressed,
    documents,
    embedded,
    markdown,
    pickle,
    programs,
    requirements,
    safetensors,
    scripts,
    sevenzip,
    skops,
    tar,
    tensor_data,
    torch,
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
    embedded.READER,
    programs.told(markdown.READER),
    programs.told(skops.READER),
    requirements.READER,
    scripts.READER,
    programs.told(documents.JSON),
    programs.told(documents.YAML),
    programs.told(documents.TEXT),
)
