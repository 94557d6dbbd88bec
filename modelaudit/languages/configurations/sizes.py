"""Detect network sizes that no machine can allocate: a loader that trusts them runs out of memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.python_names import build_outlines
from modelaudit.languages.settings import Interpreter, Scalar, Setting
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading

# For each key, the largest size that counts as plausible: far above every network known.
_LARGEST_SIZES: Final = {
    "hidden_size": 2**20, "intermediate_size": 2**24, "n_embd": 2**20, "d_model": 2**20, "d_ff": 2**24, "dim": 2**24,
    "vocab_size": 2**27, "num_hidden_layers": 2**16, "num_layers": 2**16, "n_layer": 2**16, "n_layers": 2**16,
    "num_attention_heads": 2**16, "n_head": 2**16, "num_key_value_heads": 2**16, "num_experts": 2**20,
    "num_local_experts": 2**20, "n_routed_experts": 2**20, "max_position_embeddings": 2**31, "n_positions": 2**31,
    "n_ctx": 2**31, "type_vocab_size": 2**20, "num_labels": 2**24, "image_size": 2**20, "num_channels": 2**20,
}  # fmt: skip
_NUMBER: Final = defer_pattern(r"-?[0-9]++")


def read_sizes(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the sizes that are below -1 or larger than any real network needs."""
    yield from build_outlines(_collect_sizes(settings))


def _collect_sizes(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each size that is out of range, with its value as detail."""
    for setting in settings:
        largest = _LARGEST_SIZES.get(setting.key)
        number = _convert_number(setting.value)
        # In configurations, -1 usually means "unlimited" or "unknown".
        if largest is not None and number is not None and not -1 <= number <= largest:
            digits = str(setting.value)
            shown_value = digits if len(digits) <= 40 else f"{digits[:40]}… ({len(digits)} characters)"
            yield Mention("sizes", "size", setting.key, setting.where, shown_value)


def _convert_number(value: Scalar) -> float | None:
    """Convert a number or a text of digits to a float, infinity if it is too large; ``None`` for any other value."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    try:
        return float(value)
    except OverflowError:
        return float("inf")


SIZES = Interpreter(frozenset(_LARGEST_SIZES), read_sizes)
