"""Read the tokenizers of a model whose other files alone are examined, for the facts that show its base model.

A scan examines them like any other file. `modelaudit license` reads no more of them than their vocabulary, their
special tokens and their chat template, because a vocabulary that is parsed value by value takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager

from modelaudit.languages.architectures.vocabulary import VOCABULARY_READERS, read_tiktoken
from modelaudit.model.address import file_of
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.lineage import ModelTraits
from modelaudit.model.reading import Structure
from modelaudit.model.structure import Unread
from modelaudit.sources.small import is_tokenizer_file
from modelaudit.wire.text import get_file_name
from modelaudit.wire.windows import read_all_bytes

_ReadArtifact = Callable[[Artifact, Limits], tuple[Sequence[tuple[str, Structure]], Sequence[tuple[str, Unread]]]]

_TIKTOKEN_SUFFIXES = (".model", ".tiktoken")
"""Files that hold a list of tiktoken: ``tokenizer.model`` of Llama 3 and ``qwen.tiktoken``."""


def read_tokenizers(
    artifacts: Iterable[Artifact], known: Iterable[tuple[str, ModelTraits]], read: _ReadArtifact, limits: Limits
) -> Iterator[tuple[str, ModelTraits]]:
    """Yield the facts of each tokenizer with its address; a file that cannot be read states none.

    Args:
        artifacts: the files of the model.
        known: the facts that are known already; their files are left out.
        read: reads one artifact.
        limits: bounds on reading.
    """
    read_paths = {file_of(address) for address, _ in known}
    for artifact in artifacts:
        if artifact.open is None or not is_tokenizer_file(artifact.path) or artifact.path in read_paths:
            continue
        read_vocabulary = VOCABULARY_READERS.get(get_file_name(artifact.path))
        if read_vocabulary is not None:
            text = _read_text(artifact.open, limits)
            yield from ((artifact.path, traits) for traits in read_vocabulary(text))
            continue
        structures, _ = read(artifact, limits)
        found = [(address, each) for address, each in structures if isinstance(each, ModelTraits)]
        if not found and artifact.path.endswith(_TIKTOKEN_SUFFIXES):
            found = [(artifact.path, each) for each in read_tiktoken(_read_text(artifact.open, limits))]
        yield from found


def _read_text(open_: Callable[[], AbstractContextManager[Window]], limits: Limits) -> str:
    """Read a document as text; empty if it is too large or cannot be read."""
    try:
        with open_() as window:
            return read_all_bytes(window, limits.document_bytes).decode("utf-8", "replace")
    except WindowError:
        return ""
