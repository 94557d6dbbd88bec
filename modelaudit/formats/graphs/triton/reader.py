"""Settings in the text form of protocol buffers: how Triton serves a model, and names of classes.

Source: https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto, and
https://github.com/tensorflow/models/blob/master/research/object_detection/protos/string_int_label_map.proto
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.documents import read_whole_text
from modelaudit.wire.protobuf_text import parse_text_fields
from modelaudit.wire.text import get_file_name, looks_like_text

FORMAT: Final = "triton"
_ENDINGS: Final = (".pbtxt", ".pb.txt", ".prototxt", ".textproto")
_FIRST: Final = re.compile(rb"(?:\xef\xbb\xbf)?+(?:\s|#[^\n]*+(?:\n|\Z))*+([a-z_]++)\s*+[:{<\[]")
_TOP: Final = re.compile(rb"^([a-z_]++)\s*+[:{<\[]", re.MULTILINE)
_CONFIG: Final = frozenset(
    {
        "name",
        "platform",
        "backend",
        "version_policy",
        "max_batch_size",
        "input",
        "output",
        "batch_input",
        "batch_output",
    }
    | {"optimization", "dynamic_batching", "sequence_batching", "ensemble_scheduling", "instance_group", "runtime"}
    | {"default_model_filename", "cc_model_filenames", "metric_tags", "parameters", "model_warmup", "model_operations"}
    | {"model_transaction_policy", "model_repository_agents", "response_cache", "model_metrics"}
)
_TELLING: Final = frozenset({"platform", "backend", "max_batch_size", "instance_group", "default_model_filename"})
_LABELS: Final = frozenset({"item"})
_FILES: Final = {
    "op_library_filename": ReferenceKind.LIBRARY,
    "runtime": ReferenceKind.LIBRARY,
    "default_model_filename": ReferenceKind.MODEL,
    "input_data_file": ReferenceKind.DATA,
    "label_filename": ReferenceKind.DATA,
    "EXECUTION_ENV_PATH": ReferenceKind.CODE,
}
_MOST: Final = 1000
_HOME: Final = "$$TRITON_MODEL_DIRECTORY/"


def recognises(head: Head) -> bool:
    """Fields that only these schemas have, in a file that its name calls one."""
    if not get_file_name(head.path).endswith(_ENDINGS) or not _FIRST.match(head.data) or not looks_like_text(head):
        return False
    top = {name.decode() for name in _TOP.findall(head.data)}
    return bool(top) and (top <= _LABELS or (top <= _CONFIG and bool(top & _TELLING)))


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the files that the settings name, as paths from the folder of the model.

    Raises:
        DamagedError: it is not the text form of a message from some line on.
    """
    text, _, _ = read_whole_text(window, limits)
    found: dict[Reference, None] = {}
    facts: dict[str, str] = {}
    failure: DamagedError | None = None
    try:
        for key, value, line in _values(text, limits):
            if key in _FILES and value and len(found) < _MOST:
                target = value.removeprefix(_HOME)
                found[Reference(_FILES[key], target, key, where=Location(line=line))] = None
            elif key in ("backend", "platform"):
                facts[key] = value[:64]
    except DamagedError as error:
        failure = error
    yield Outline(FORMAT, facts=tuple(facts.items()))
    if found:
        yield References(FORMAT, tuple(found))
    if failure is not None:
        raise failure


def _values(text: str, limits: Limits) -> Iterator[tuple[str, str, int]]:
    """Each single value with its name; of a parameter, with its key."""
    key = ""
    for each in parse_text_fields(text, limits):
        if each.value is None:
            continue
        value = each.value.decode("utf-8", "backslashreplace")
        if each.name == "key":
            key = value
        elif each.name == "string_value":
            yield key, value, each.line
        else:
            yield each.name, value, each.line
