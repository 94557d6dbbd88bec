"""Read two kinds of protobuf text: configurations of the Triton inference server, and maps of class labels.

A configuration names the plug-ins that the server loads, and the libraries, environments and files that it opens. A
label map has no names that select code. Sources:
https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto, and
https://github.com/tensorflow/models/blob/master/research/object_detection/protos/string_int_label_map.proto
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from modelaudit.formats.graphs.triton import EXTENSIONS
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.bounds import keep_first
from modelaudit.wire.documents import check_text
from modelaudit.wire.protobuf_text import parse_text_fields
from modelaudit.wire.text import get_file_name, looks_like_text

FORMAT: Final = "triton"
# The first field of a text, such as "name:" or "input [", after a byte order mark, blanks and comments.
_FIRST_FIELD: Final = defer_pattern(rb"(?:\xef\xbb\xbf)?+(?:\s|#[^\n]*+(?:\n|\Z))*+([a-z_]++)\s*+[:{<\[]")
# Each field at the start of a line; fields of inner messages are indented.
_TOP_FIELDS: Final = defer_pattern(rb"^([a-z_]++)\s*+[:{<\[]", re.MULTILINE)
# Fields of ModelConfig in model_config.proto, and those among them that identify a configuration.
_CONFIG_FIELDS: Final = frozenset(
    {"name", "platform", "backend", "version_policy", "max_batch_size", "input", "output"}
    | {"batch_input", "batch_output"}
    | {"optimization", "dynamic_batching", "sequence_batching", "ensemble_scheduling", "instance_group", "runtime"}
    | {"default_model_filename", "cc_model_filenames", "metric_tags", "parameters", "model_warmup", "model_operations"}
    | {"model_transaction_policy", "model_repository_agents", "response_cache", "model_metrics"}
)
_DISTINCTIVE_FIELDS: Final = frozenset(
    {"platform", "backend", "max_batch_size", "instance_group", "default_model_filename"}
)
_LABEL_FIELDS: Final = frozenset({"item"})
# Fields and keys of parameters whose value is a path; the backend loads libraries and unpacks environments.
_FILE_FIELDS: Final = {
    "op_library_filename": ReferenceKind.LIBRARY,
    "runtime": ReferenceKind.LIBRARY,
    "default_model_filename": ReferenceKind.MODEL,
    "input_data_file": ReferenceKind.DATA,
    "label_filename": ReferenceKind.DATA,
    "EXECUTION_ENV_PATH": ReferenceKind.CODE,
    "TRITON_BATCH_STRATEGY_PATH": ReferenceKind.LIBRARY,
}
# Fields whose value names a plug-in, by the message around them and the field, with the use of the mention. The server
# loads ``libtriton_<backend>.so`` and ``libtritonrepoagent_<agent>.so``.
_PLUGIN_FIELDS: Final = {
    ("", "backend"): "backend",
    ("", "platform"): "platform",
    ("agents", "name"): "repository agent",
}
_VOCABULARY: Final = "triton-plugins"
_MOST_REFERENCES: Final = 1000
_MOST_PLUGINS: Final = 1000
_NAME_LENGTH: Final = 200
_LONGEST_PATH: Final = 4096  # of Linux
_MODEL_DIRECTORY: Final = "$$TRITON_MODEL_DIRECTORY/"


def recognises(head: Head) -> bool:
    """Whether the extension is that of protobuf text and all fields at the top belong to one of the two schemas."""
    if (
        not get_file_name(head.path).endswith(EXTENSIONS)
        or not _FIRST_FIELD.match(head.data)
        or not looks_like_text(head)
    ):
        return False
    top_fields = {name.decode() for name in _TOP_FIELDS.findall(head.data)}
    is_label_map = bool(top_fields) and top_fields <= _LABEL_FIELDS
    is_configuration = top_fields <= _CONFIG_FIELDS and bool(top_fields & _DISTINCTIVE_FIELDS)
    return is_label_map or is_configuration


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the names of plug-ins, and references to the files of the configuration, relative to the model's folder.

    Raises:
        DamagedError: the text cannot be parsed; the references before that line are yielded first.
        LimitReachedError: there are too many references; the first ones are yielded first.
    """
    text = check_text(window, limits)
    references: dict[Reference, None] = {}
    facts: dict[str, str] = {}
    plugins: dict[tuple[str, str], Mention] = {}
    failure: DamagedError | None = None
    try:
        for message, key, value, line in _iter_values(text, limits):
            if not value:
                continue
            if key in _FILE_FIELDS:
                if len(references) >= _MOST_REFERENCES:
                    failure = LimitReachedError(f"it names more than {_MOST_REFERENCES} files")
                    continue
                target = value.removeprefix(_MODEL_DIRECTORY)[:_LONGEST_PATH]
                references[Reference(_FILE_FIELDS[key], target, key, where=Location(line=line))] = None
            elif (message, key) in _PLUGIN_FIELDS:
                use = _PLUGIN_FIELDS[message, key]
                # At the top of the configuration, the value describes the model as a whole.
                if not message:
                    facts[key] = value[:64]
                _record_plugin(plugins, use, value[:_NAME_LENGTH], line)
    except DamagedError as error:
        failure = failure or error
    mentions, beyond = keep_first(plugins.values(), _MOST_PLUGINS, "plug-ins")
    yield Outline(FORMAT, mentions, tuple(facts.items()))
    yield from beyond
    if references:
        yield References(FORMAT, tuple(references))
    if failure is not None:
        raise failure


def _record_plugin(plugins: dict[tuple[str, str], Mention], use: str, name: str, line: int) -> None:
    """Record the mention of a plug-in, up to one more than are listed, so that their absence is reported."""
    if len(plugins) <= _MOST_PLUGINS:
        plugins.setdefault((use, name), Mention(_VOCABULARY, use, name, Location(line=line)))


def _iter_values(text: Iterable[str], limits: Limits) -> Iterator[tuple[str, str, str, int]]:
    """Iterate over the values as (name of the message around the field or empty, name of the field, value, line).

    A parameter is a message such as ``key: "EXECUTION_ENV_PATH" value { string_value: "env.tar.gz" }``; its key takes
    the place of the name of the field.
    """
    key = ""
    messages: list[str] = []
    for each in parse_text_fields(text, limits):
        if each.value is None:
            if each.name:
                messages.append(each.name)
            elif messages:
                messages.pop()
            continue
        message = messages[-1] if messages else ""
        value = each.value.decode("utf-8", "backslashreplace")
        if each.name == "key":
            key = value
        elif each.name == "string_value":
            yield message, key, value, each.line
        else:
            yield message, each.name, value, each.line
