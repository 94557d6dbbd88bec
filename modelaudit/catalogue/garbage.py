"""Pause the search for garbage while many objects are made that stay, such as the rules."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def pause_garbage_collection() -> Iterator[None]:
    """Search for no cycles of garbage during the body, where all objects stay and every search is in vain.

    If the caller has turned the search off, it stays off.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
