"""Every reader there is, in the order in which they are asked. A new format is one line here."""

from __future__ import annotations

from modelaudit.readers import archive, documents, markdown, pickle, programs, safetensors, tensor_data
from modelaudit.readers.base import Reader

READERS: tuple[Reader, ...] = (
    tensor_data.READER,
    archive.READER,
    pickle.READER,
    safetensors.READER,
    programs.told(markdown.READER),
    programs.told(documents.JSON),
    programs.told(documents.YAML),
    programs.told(documents.TEXT),
)
