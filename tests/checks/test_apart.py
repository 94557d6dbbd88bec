"""Objects whose further methods were not read are trusted only while no code of a file gets them."""

from __future__ import annotations

import pytest
from support.pickle_opcodes import call, construct, find_acts, name, push
from support.reading import ReadBytes

KEPT_APART = "filterpy.kalman.kalman_filter.KalmanFilter"
INERT = "filterpy.kalman.kalman_filter.Saver"
MAKER = construct(KEPT_APART)
DTYPE = call("numpy.dtype", "O8", False, True)


def build(target: bytes, state: object) -> bytes:
    """Return opcodes that set a state."""
    return target + push(state) + b"b"


def make_array(*values: bytes) -> bytes:
    """Return opcodes that make an array of objects."""
    array = call("numpy._core.multiarray._reconstruct", name("numpy.ndarray"), (0,), b"C\x01b")
    return build(array, (1, (len(values),), DTYPE, False, [*values]))


HONEST = {
    "object": build(MAKER, {"x": [1.0, 2.0], "name": "model"}),
    "array": build(MAKER, {"x": make_array(push(1), push("a"))}),
    "object-in-its-own-kind": build(MAKER, {"filters": [MAKER, {"a": (MAKER, 1)}]}),
    "object-in-an-inert-one": build(construct(INERT), {"kf": MAKER}),
    "object-in-a-mapping": build(MAKER, {"a": call("collections.OrderedDict") + push("k") + MAKER + b"s"}),
    "mapping-that-a-call-gets": call("builtins.list", call("collections.OrderedDict")) + b"0" + MAKER,
    "function": build(MAKER, {"inv": name("numpy.linalg.inv")}),
    "copyreg": call("copyreg._reconstructor", name(KEPT_APART), name("builtins.object"), None),
}


@pytest.mark.parametrize("case", HONEST)
def test_class_is_trusted_where_no_code_gets_its_objects(case: str, read_bytes: ReadBytes) -> None:
    assert find_acts(HONEST[case], read_bytes) == []


# ``0`` drops the value on the stack, ``q`` puts it into the memo, and ``h`` gets it from there.
FILLED_LATER = b"]q\x01" + call("builtins.list", b"h\x01") + b"0" + MAKER + b"a"
HOSTILE = {
    "argument": call("builtins.list", MAKER),
    "argument-that-an-error-shows": call("numpy.dtype", MAKER),
    "item-of-an-argument": call("builtins.list", [1, MAKER]),
    "item-of-a-mapping-in-an-argument": call("builtins.list", [{"a": ({"b": MAKER},)}]),
    "item-behind-many": call("builtins.list", [*([push([])] * 100), MAKER]),
    "argument-of-new": construct("collections.OrderedDict", MAKER),
    "keyword": construct("collections.OrderedDict", keywords={"a": MAKER}),
    "list-that-is-filled-later": FILLED_LATER,
    "state-that-is-filled-later": (
        b"}q\x01"
        + build(construct("sklearn.linear_model._base.LinearRegression"), b"h\x01")
        + b"0"
        + push("a")
        + MAKER
        + b"s"
    ),
    "key": b"}" + MAKER + push(1) + b"s",
    "part-of-a-key": b"}" + push((1, MAKER)) + push(1) + b"s",
    "item-of-a-set": b"\x8f(" + MAKER + b"\x90",
    "item-of-a-frozen-set": b"(" + MAKER + b"\x91",
    "key-of-an-object": call("collections.OrderedDict") + MAKER + push(1) + b"s",
    "mapping-with-it": call("builtins.list", call("collections.OrderedDict") + push("k") + MAKER + b"s"),
    "mapping-with-an-inert-object": call(
        "builtins.list", call("collections.OrderedDict") + push("k") + construct(INERT) + b"s"
    )
    + b"0"
    + MAKER,
    "mapping-in-another-mapping-with-it": call(
        "builtins.list",
        call("collections.defaultdict")
        + push("a")
        + call("collections.defaultdict")
        + push("b")
        + call("collections.OrderedDict")
        + push("k")
        + MAKER
        + b"sss",
    ),
    "mapping-with-it-behind-many": call(
        "builtins.list",
        call("collections.OrderedDict") + push("k") + push([*([call("builtins.list")] * 100), MAKER]) + b"s",
    ),
    "inert-object": call("builtins.list", build(construct(INERT), {"kf": MAKER})),
    "state-of-another-class": build(construct("sklearn.linear_model._base.LinearRegression"), {"coef_": MAKER}),
    "array-of-objects": make_array(MAKER),
    "attribute-that-is-looked-up": call("builtins.getattr", MAKER, "x"),
    "item-of-itself": MAKER + push("a") + push(1) + b"s",
    "item-that-it-appends": MAKER + push(1) + b"a",
    "items-that-it-appends": MAKER + b"(" + push(1) + b"e",
    "buffer": MAKER + b"\x98",
    "state-that-is-an-object": build(construct(INERT), MAKER),
    "pair-of-states": build(MAKER, (MAKER, None)),
    "state-of-a-mapping": build(call("collections.OrderedDict"), MAKER),
    "pair-of-states-of-a-mapping": build(call("collections.OrderedDict"), (MAKER, None)),
    "second-of-a-pair-of-states-of-a-mapping": build(call("collections.OrderedDict"), (None, MAKER)),
    "arguments-that-are-an-object": name("builtins.list") + MAKER + b"R",
    "id-for-the-loader": MAKER + b"Q",
    "attributes-one-by-one": build(MAKER, (None, {"alpha": 2})),
    "state-that-is-no-mapping": build(MAKER, [1]),
    "value-that-only-the-loader-knows": call("builtins.list", b"\x8c\x01aQ")
    + b"0"
    + build(MAKER, {"a": b"\x97"})
    + call("builtins.list", b"\x97"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_class_is_not_trusted_where_code_may_get_its_objects(case: str, read_bytes: ReadBytes) -> None:
    assert "construct" in find_acts(HOSTILE[case], read_bytes)


def test_object_that_is_called_is_found(read_bytes: ReadBytes) -> None:
    assert find_acts(call(MAKER), read_bytes) != []


@pytest.mark.parametrize("value", [MAKER, push((MAKER,))], ids=["object", "tuple"])
def test_object_among_skipped_data_counts(value: bytes, read_bytes: ReadBytes) -> None:
    numbers = b"K\x01" * 2000
    item = value + b"q\x010" + b"](" + numbers + b"h\x01" + numbers + b"e"
    filler = push("a" * 70_000) + b"0"
    assert "construct" in find_acts(filler + call("builtins.list", item), read_bytes)
    assert find_acts(filler + build(MAKER, {"a": item}), read_bytes) == []
