"""Items that a pickle sets on an object, which may act as attributes of it: many, or behind a run of plain data."""

from __future__ import annotations

from pathlib import Path

from support.cases import check_each
from support.traced_pickles import LINEAR, call, finish, name, text

import modelaudit

FEW = text("a") + b"K\x01"
MANY = b"".join(text(f"k{number}") + b"K\x01" for number in range(40))
# A run of plain data that is worth skipping, in a file that is large enough to skip any.
RUN = b"".join(text(f"key{number:05}") + text("v" * 60) for number in range(200))
PADDING = (text("y" * 4000) + b"0") * 30
ORDERED = name("collections.OrderedDict")


def list_rules(folder: Path, content: bytes) -> set[str]:
    """Scan one pickle, and return the rules of its findings about pickles."""
    (folder / "model.pkl").write_bytes(finish(content))
    rules = {each.rule for each in modelaudit.scan(folder / "model.pkl", second_opinion=False).findings}
    return {each for each in rules if each.startswith("pickle/")}


@check_each("maker", [name("sklearn.utils._bunch.Bunch") + b")\x81", call(ORDERED)])
@check_each("before", [FEW, MANY, RUN])
@check_each("key", [text("__call__"), call(name("_codecs.encode"), text("x"), text("latin1"))])
def test_a_callable_under_a_special_or_computed_key_is_found_wherever_it_is(
    tmp_path: Path, maker: bytes, before: bytes, key: bytes
) -> None:
    items = b"(" + before + key + ORDERED + b"u"
    assert list_rules(tmp_path, PADDING + maker + items) == {"pickle/planted-callable"}


@check_each("before", [FEW, MANY, RUN])
def test_objects_under_ordinary_keys_are_no_finding(tmp_path: Path, before: bytes) -> None:
    items = b"(" + before + text("layer") + LINEAR + b"u"
    assert list_rules(tmp_path, PADDING + call(ORDERED) + items) == set()
