"""The chain of causes of an exception."""

from __future__ import annotations

from collections.abc import Iterator


def iterate_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, outermost first."""
    seen: set[int] = set()  # ids, because a chain of causes can be a cycle
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
