"""Methods of built-in types to which a pickle refers by ``getattr``."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from support.cases import check_each

import modelaudit


class _Method:
    """Pickles as the look-up of a method of ``str``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (str, self.name)


@check_each("name, code", [("strip", 0), ("lower", 0), ("format", 1), ("__class__", 1), ("format_map", 1)])
def test_method_of_texts_is_trusted_by_its_exact_name(tmp_path: Path, name: str, code: int) -> None:
    path = tmp_path / f"{name}.pkl"
    path.write_bytes(pickle.dumps({"analyzer": _Method(name)}, 4))
    assert modelaudit.scan(path, second_opinion=False).exit_code == code
