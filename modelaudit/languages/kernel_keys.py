"""The keys of configurations under which Transformers downloads a kernel; pickles hold them too."""

from __future__ import annotations

from typing import Final

KERNEL_KEYS: Final = frozenset({"_attn_implementation", "attn_implementation", "_attn_implementation_internal"})
"""If the value names a repository, its kernel for attention is downloaded."""
