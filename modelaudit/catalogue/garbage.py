"""Pause the search for garbage while many objects are made that stay, such as the rules."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def pause_garbage_collection() -> Iterator[None]:
    """Turn the search for cycles of garbage off during the body, which makes objects that stay.

    If the caller has turned the search off, it stays off.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
