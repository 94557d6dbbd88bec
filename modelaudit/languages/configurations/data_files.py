"""Find the files of a data set, or of a tokenizer, that a configuration names outside of its repository.

Sources: ``datasets/data_files.py`` (``data_files`` and ``data_dir`` of ``configs`` in a card), ``lm_eval/api/task.py``
(``dataset_kwargs``). The patterns of these keys are resolved below the folder of the file; ``..`` leads out of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.python_names import FORMAT
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Reference, ReferenceKind
from modelaudit.wire.base import Reading
from modelaudit.wire.bounds import build_references

_KEYS: Final = frozenset({"data_files", "data_dir"})
# Files of a tokenizer that its configuration names. Authors leave absolute paths of their own machines there.
_TOKENIZER_KEYS: Final = frozenset(
    {"vocab_file", "merges_file", "tokenizer_file", "spm_file", "sp_model_file", "source_spm", "target_spm", "bpe_file",
     "monolingual_vocab_file", "emoji_file", "normalizer_file", "token_file", "chat_template_file"}
)  # fmt: skip
# Keys below ``data_files`` whose values are no paths.
_NO_PATHS: Final = frozenset({"split", "config_name"})
_MOST_REFERENCES: Final = 1_000
_LONGEST_PATH: Final = 1_000  # characters


def read_data_files(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield references to the files that lie outside of the folder of the configuration."""
    yield from build_references(FORMAT, _refer_to_files(settings), _MOST_REFERENCES)


def _refer_to_files(settings: Sequence[Setting]) -> Iterator[Reference]:
    """Yield a reference for each path with a step up; other patterns name files of the repository or of the Hub."""
    for setting in settings:
        value = setting.value
        is_data = not _KEYS.isdisjoint(setting.path) and setting.key not in _NO_PATHS
        is_tokenizer = setting.key in _TOKENIZER_KEYS
        if not isinstance(value, str) or not (is_data or is_tokenizer):
            continue
        if ".." in value.replace("\\", "/").split("/"):
            key = setting.key if is_tokenizer else "data_files"
            yield Reference(ReferenceKind.DATA, value[:_LONGEST_PATH], key, where=setting.where)


DATA_FILES: Final = Interpreter(_KEYS | _TOKENIZER_KEYS, read_data_files)
