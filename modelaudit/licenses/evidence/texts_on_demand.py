"""Texts that are made when they are asked for, because most conclusions look into few of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping


class TextsOnDemand(Mapping[str, str]):
    """Texts by path.

    Args:
        makers: a function that makes the text of each path. It is called at each look-up, and keeps the text itself.
    """

    def __init__(self, makers: Mapping[str, Callable[[], str]]) -> None:
        self._makers = makers

    def __getitem__(self, path: str) -> str:
        return self._makers[path]()

    def __contains__(self, path: object) -> bool:
        return path in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)
