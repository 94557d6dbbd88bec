"""Read networks of dlib: the loss layer, then the layers from the last to the first, whose parts follow reversed.

Each layer begins with a version, which states what kind of layer it is; the details of a layer begin with its name.
Sources: ``dlib/dnn/core.h``, ``layers.h``, ``input.h`` and ``loss.h`` of https://github.com/davisking/dlib, 19.24.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from modelaudit.formats.weights.dlib.values import ValueCursor
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import check_deadline

_MOST_LAYERS: Final = 20_000
_MOST_NAME_BYTES: Final = 64
_SHOWN_KINDS: Final = 40
# The version of a tag or a skip, of a layer on a layer, and of a layer on the input.
_TAG, _LAYER, _INPUT_LAYER = 1, 2, 3
# A letter for each part of the details: a tensor, an alias of a part of it, an integer, a number with a fraction, a
# truth value. The rates of learning and decay of weights and of the bias are four numbers.
_RATES: Final = "dddd"
_POOL: Final = "iiiiii"
_LAYERS: Final = {
    "con_4": f"Tiiiiiiiaa{_RATES}", "con_5": f"Tiiiiiiiaa{_RATES}b", "con_6": f"Tiiiiiiiaa{_RATES}bb",
    "cont_1": f"Tiiiiiiiaa{_RATES}", "cont_2": f"Tiiiiiiiaa{_RATES}b",
    "fc_2": f"iiTaai{_RATES}", "fc_3": f"iiTaai{_RATES}b", "linear_": "iiTaaid",
    "bn_con2": f"TaaTTTTii{_RATES}d", "bn_fc2": f"TaaTTTTii{_RATES}d", "layer_norm_": f"TaaTT{_RATES}d",
    "affine_": "Taai", "affine_2": "Taaib",
    "max_pool_2": _POOL, "avg_pool_2": _POOL, "upsample_": "ii", "resize_to_": "iidd",
    "dropout_": "dT", "multiply_": "d", "l2normalize_": "d", "scale_": "aa", "scale_prev_": "aa", "concat_": "i",
    "relu_": "", "relu_2": "b", "prelu_": "Td", "leaky_relu_": "d", "clipped_relu_": "d", "elu_": "d", "smelu_": "d",
    **dict.fromkeys(("add_prev_", "mult_prev_", "multm_prev_", "resize_prev_to_tagged_", "sig_", "mish_", "htan_",
                     "gelu_", "silu_", "softmax_", "softmax_all_"), ""),
}  # fmt: skip
_INPUTS: Final = {
    "input_rgb_image": "ddd", "input_rgb_image_pair": "ddd", "input_rgb_image_sized": "dddii",
    "input<matrix>": "", "input<array<matrix>>": "", "input<array2d>": "",
}  # fmt: skip
_LOSSES: Final = {
    "loss_metric_2": "dd", "loss_dot_": "", "loss_ranking_": "",
    **dict.fromkeys((f"loss_{name}_" for name in (
        "binary_hinge", "binary_log", "multiclass_log", "multiclass_log_per_pixel", "mean_squared", "metric",
        "epsilon_insensitive", "mean_squared_multioutput", "mean_squared_per_pixel")), ""),
}  # fmt: skip


class UnknownLayerError(Exception):
    """A layer has a name whose parts are not known, so that the rest of the file cannot be parsed."""

    def __init__(self, name: str, offset: int) -> None:
        super().__init__(f"the parts of the layer {name} of dlib are not known, so the rest of the file was not read")
        self.offset = offset


def read_network(cursor: ValueCursor, facts: dict[str, str]) -> None:
    """Read a network, and record its layers in ``facts``.

    Raises:
        DamagedError: a part is truncated or has another form.
        LimitReachedError: it has too many layers.
        UnknownLayerError: the parts of a layer are not known.
    """
    kinds: Counter[str] = Counter()
    facts["kind"] = "network"
    cursor.read_integer("the version of the loss layer")
    facts["loss"] = _read_details(cursor, _LOSSES)
    layers = 0
    while (version := cursor.read_integer("the version of a layer")) != _INPUT_LAYER:
        if version not in (_TAG, _LAYER):
            raise DamagedError(f"a layer has the unknown version {version}", cursor.offset)
        layers += version == _LAYER
        if layers > _MOST_LAYERS:
            raise LimitReachedError(f"it has more than {_MOST_LAYERS} layers", cursor.offset)
    facts["input"] = _read_details(cursor, _INPUTS)
    # The layer on the input, then those on it. Each ends in tensors that only training needs.
    for index in range(layers + 1):
        check_deadline()
        kinds[_read_details(cursor, _LAYERS)] += 1
        for what in ("set up", "stale", "disabled"):
            cursor.read_truth(f"the mark of a layer as {what}")
        for _ in range(3):
            cursor.skip_tensor("a tensor of training")
        if index == 0:
            cursor.read_integer("the factor of expansion")
    facts["layers"] = ", ".join(f"{count} {name}" for name, count in kinds.most_common(_SHOWN_KINDS))


def _read_details(cursor: ValueCursor, known: dict[str, str]) -> str:
    """Read the details of a layer, and return its name.

    Raises:
        DamagedError: a part is truncated or has another form, or an alias is larger than the tensor before it.
        UnknownLayerError: the name is not known.
    """
    start = cursor.offset
    name = cursor.read_name("the name of a layer", _MOST_NAME_BYTES)
    if name not in known:
        raise UnknownLayerError(name, start)
    items = aliased = 0
    for letter in known[name]:
        if letter == "T":
            items = max(items, cursor.skip_tensor(f"a tensor of {name}"))
        elif letter == "a":
            aliased += cursor.read_shape(f"an alias of {name}", is_alias=True)
        elif letter == "i":
            cursor.read_integer(f"a number of {name}")
        elif letter == "d":
            cursor.skip_numbers(1, f"a number of {name}")
        else:
            cursor.read_truth(f"a mark of {name}")
    if items and aliased > items:
        raise DamagedError(f"parts of {aliased} items are stated of a tensor of {items}", start)
    return name
