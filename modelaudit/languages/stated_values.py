"""Keep the values of files that describe a model: configurations, records of training, front matter, metadata.

Nothing is decided here: ``rules/description/`` states which value means what.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.stated import LONGEST_VALUE, MOST_VALUES, StatedValue, StatedValues
from modelaudit.model.structure import Location
from modelaudit.wire.base import Reading
from modelaudit.wire.text import get_file_name
from modelaudit.wire.yaml_text import Node

COUNT_STEP: Final = "(count)"
"""The last step of a value that counts the items of a list, or of a mapping with numbers as keys."""
_MOST_ITEMS: Final = 500
"""Items of one list that are kept; the Hub's records of results have some hundred."""
_MAX_DEPTH: Final = 8
_MAX_NODES: Final = 20_000
_MAX_KEY: Final = 200

DESCRIBING_FILES: Final = frozenset(
    {
        *("config.json", "params.json", "configuration.json", "generation_config.json", "tokenizer_config.json"),
        *("preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json"),
        *("model_index.json", "scheduler_config.json", "adapter_config.json", "modules.json"),
        *("config_sentence_transformers.json", "sentence_bert_config.json", "model_args.json"),
        *("trainer_state.json", "training_args.json", "all_results.json", "eval_results.json", "train_results.json"),
        *("test_results.json", "predict_results.json", "results.json", "metrics.json", "eval.json", "accuracy.json"),
        *("quantize_config.json", "quant_config.json", "hf_quant_config.json", "open_clip_config.json", "meta.json"),
        *("model_card.json", "modelcard.json", "model_card.yaml", "modelcard.yaml", "metadata.json", "metadata.yaml"),
        *("model_info.json", "mlmodel", "citation.cff", "codemeta.json", ".zenodo.json", "package.json"),
        *("hparams.yaml", "hparams.json", "hyperparameters.json", "hyperparams.yaml", "args.json", "args.yaml"),
        *("train_config.json", "train_config.yaml", "training_config.json", "training_config.yaml", "config.yaml"),
        *("axolotl_config.yml", "axolotl_config.yaml", "mergekit_config.yml", "mergekit_config.yaml", "config.yml"),
        *("training.json", "training.yaml", "train.yaml", "training_params.json", "pyproject.toml", "setup.cfg"),
        *("environment.yml", "environment.yaml", "conda.yaml", "conda.yml", "python_env.yaml"),
    }
)
"""Names of files, in lower case, whose values may describe a model."""


def keep_values(source: str, values: Iterable[StatedValue]) -> Iterator[StatedValues]:
    """Yield the values of a file, bounded in number and in length, with the number of items of each list.

    Of more values the first and the last are kept: a record of training has its settings behind its history. Those
    between them are left out without an absence, because no check depends on them.
    """
    kept: list[StatedValue] = []
    last_kept: deque[StatedValue] = deque(maxlen=MOST_VALUES // 2)
    is_complete = True
    counts: Counter[tuple[str, ...]] = Counter()
    for each in values:
        *parent, last = each.path or ("",)
        if last.isdigit() and parent:
            counts[tuple(parent)] += 1
            if counts[tuple(parent)] > _MOST_ITEMS:
                continue
        if not each.value:
            continue
        if len(kept) < MOST_VALUES // 2:
            kept.append(each)
        else:
            is_complete = is_complete and len(last_kept) < MOST_VALUES // 2
            last_kept.append(each)
    kept += last_kept
    kept += (StatedValue((*path, COUNT_STEP), str(count)) for path, count in list(counts.items())[:MOST_VALUES])
    if kept:
        yield StatedValues(source, tuple(kept), is_complete)


def flatten_node(top: Node | None, line_offset: int) -> Iterator[StatedValue]:
    """Yield the single values of a YAML tree; an alias may make it recursive, so depth and number are bounded.

    Args:
        top: the tree.
        line_offset: is added to the lines of the nodes.
    """
    waiting: list[tuple[tuple[str, ...], Node, int]] = [((), top, top.line)] if top is not None else []
    left = _MAX_NODES
    while waiting and left > 0:
        path, node, line = waiting.pop()
        left -= 1
        if node.kind == "mapping" and len(path) < _MAX_DEPTH:
            pairs = list(zip(node.items[::2], node.items[1::2], strict=False))[:left]
            waiting += [((*path, (key.text or "")[:_MAX_KEY]), value, key.line) for key, value in reversed(pairs)]
        elif node.kind == "sequence" and len(path) < _MAX_DEPTH:
            items = list(enumerate(node.items[:left]))
            waiting += [((*path, str(index)), item, item.line) for index, item in reversed(items)]
        elif node.kind == "scalar" and node.text:
            where = Location(line=line + line_offset, key=_join_path(path))
            yield StatedValue(path, node.text[:LONGEST_VALUE], where)


def _join_path(path: tuple[str, ...]) -> str:
    """Join the steps of a path for a person."""
    return ".".join(path)[:_MAX_KEY]


def make_values(pairs: Iterable[tuple[str, object]]) -> Iterator[StatedValue]:
    """Yield the values of pairs of metadata; the dots of a key separate the steps of its path."""
    for key, value in pairs:
        text = _format_value(value)
        if text:
            yield StatedValue(tuple(key[:_MAX_KEY].split(".")), text[:LONGEST_VALUE], Location(key=key[:_MAX_KEY]))


def _format_value(value: object) -> str:
    """Return a value as text, a boolean as ``true`` or ``false``; empty for nothing."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _read_values(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the values of a document whose name says that it describes the model."""
    values = (
        StatedValue(setting.path, _format_value(setting.value)[:LONGEST_VALUE], setting.where) for setting in settings
    )
    yield from keep_values(get_file_name(path), values)


DESCRIPTIONS: Final = Interpreter(frozenset(), _read_values, DESCRIBING_FILES, is_descriptive=True)
