"""Detect the classes and functions that a configuration makes its loader import and call.

Sources: ``hydra.utils.instantiate`` (``_target_``), ``nemo/core/classes/common.py`` (``target``; CVE-2025-23304),
jsonargparse and LightningCLI (``class_path``, ``_class_path``, ``_instantiator``), ``instantiate_from_config`` of
latent-diffusion (``target`` beside ``params``), torchtune (``_component_``), jsonpickle (``py/object``),
``logging.config.dictConfig`` (``()``), ``monai/bundle/config_item.py`` (``ComponentLocator``, which finds classes of
MONAI by their bare name).
"""

from __future__ import annotations

import builtins
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from modelaudit.languages.configurations.python_names import (
    build_outlines,
    is_code_running_name,
    is_dotted_name,
    is_file_name,
    make_python_mention,
)
from modelaudit.languages.settings import Interpreter, Scalar, Setting
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading
from modelaudit.wire.text import get_file_name

_INSTANTIATOR_KEY: Final = "_instantiator"
PICKLED_KEYS: Final = frozenset(
    {"_target_", "__target__", "_component_", "class_path", "_class_path", _INSTANTIATOR_KEY}
)
"""The keys of targets that also count in pickled mappings."""

TARGET_KEYS: Final = PICKLED_KEYS | {"()", "py/object", "py/type", "py/function", "py/class"}
# What LightningCLI itself writes: a function that constructs what ``_class_path`` and ``class_path`` name.
_USUAL_INSTANTIATORS: Final = frozenset(
    {"lightning.pytorch.cli.instantiate_module", "pytorch_lightning.cli.instantiate_module"}
)
# Of these, the keys that nothing but a loader uses, so that every value counts.
_UNAMBIGUOUS_KEYS: Final = frozenset({"_target_", "__target__", "_component_"})
_TARGET_KEY: Final = "target"
_HYDRA_KEY: Final = "_target_"
MONAI_COMPONENTS: Final = "monai-components"
"""The vocabulary of the bare names by which MONAI finds its own classes."""
_READER_KEY: Final = "reader"  # of the transforms that load images: MONAI locates the name
# The objects that pydoc.locate finds for a bare name outside the components of MONAI.
_LOCATED: Final = frozenset(dir(builtins)) | sys.stdlib_module_names
# Keys of MMEngine, latent-diffusion, LeRobot, logging and AutoGen, and of data as well: only names known as dangerous
# count.
SHARED_KEYS: Final = frozenset({"target", "type", "class", "provider"})
"""Keys of loaders and of data, under which most names count only if they are known as dangerous."""

# Words that begin ordinary types of data, such as ``test.case``, and are names of Python modules by chance; and
# frameworks whose own components have dotted types.
_WORDS_OF_DATA: Final = frozenset(
    {"code", "test", "sh", "docker", "keyboard", "trace", "profile", "site", "parser", "new", "thread", "dash",
     "invoke", "fabric", "platform", "commands", "concurrent", "pipes", "parallel", "langchain", "vllm", "django",
     "flask", "fastapi", "triton", "unittest", "pytest", "coverage", "wheel", "select", "redis", "hydra",
     "streamlit", "gradio"}
)  # fmt: skip
_LOGGING_CLASS: Final = defer_pattern(r"logging\.(?:handlers\.)?\w+(?:Handler|Formatter|Filter)")
# Configurations of NeMo, which instantiates each ``target`` in them.
_NEMO_FILES: Final = frozenset({"model_config.yaml", "model_config.yml"})
# ``dictConfig`` takes ``ext://os.system`` for the object and ``cfg://a.b`` for the value at a path of the document.
_EXTERNAL: Final = "ext://"
_INTERNAL: Final = defer_pattern(r"cfg://([\w.\[\]]{1,200})")
_INTERPOLATION: Final = defer_pattern(r"\$\{([\w.]++)\}")
_EXPRESSION: Final = defer_pattern(r"\$(?!\{)(?=.*[\w.@]\()|\$@\w")
_MISSING: Final = "???"  # OmegaConf: the value has to be set by the user
_MAX_INTERPOLATION_ROUNDS: Final = 8
_MAX_VALUE_LENGTH: Final = 1000
_MAX_DETAIL_LENGTH: Final = 200


def read_targets(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the names that a loader imports and calls."""
    yield from build_outlines(_collect_targets(get_file_name(path) in _NEMO_FILES, settings))


def _collect_targets(is_nemo_file: bool, settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each target, which is a name that a loader imports and calls.

    Args:
        is_nemo_file: whether every ``target`` counts, and not only one beside ``params``.
        settings: the settings of the document.
    """
    values = {setting.path: setting.value for setting in settings}
    mappings_with_params = {
        setting.path[:index] for setting in settings for index, step in enumerate(setting.path) if step == "params"
    }
    is_monai = _is_monai(settings)
    for setting in settings:
        last_step = setting.path[-1] if setting.path else ""  # unlike ``key``, the index for an item of a list
        if is_monai and _names_component(setting, values):
            yield Mention(MONAI_COMPONENTS, "target", str(setting.value)[:_MAX_DETAIL_LENGTH], setting.where)
            continue
        if is_monai and _names_reader(setting, values):
            yield make_python_mention("target", str(setting.value), setting)
            continue
        if last_step == _INSTANTIATOR_KEY and setting.value in _USUAL_INSTANTIATORS:
            continue
        if last_step in TARGET_KEYS:
            yield from _resolve_target(last_step, _resolve_protocol(setting, values), values)
        elif last_step == _TARGET_KEY and is_dotted_name(setting.value):
            if is_nemo_file or setting.path[:-1] in mappings_with_params:
                yield make_python_mention("target", str(setting.value), setting)
            else:
                yield from _mention_shared_key(setting)
        elif last_step in SHARED_KEYS:
            yield from _mention_shared_key(_resolve_protocol(setting, values))
        # An item of a target that is a list. The loader may join or reject the list, so that the name is unresolved:
        # ``${`` marks it as such.
        elif setting.key in _UNAMBIGUOUS_KEYS:
            yield make_python_mention("target", f"{setting.key}: …${{}}", setting)


def _is_monai(settings: Sequence[Setting]) -> bool:
    """Whether a document is a configuration of MONAI: it has a value that is an expression, behind a dollar sign."""
    return any(isinstance(each.value, str) and _EXPRESSION.match(each.value) is not None for each in settings)


def _names_component(setting: Setting, values: Mapping[tuple[str, ...], Scalar]) -> bool:
    """Whether a setting of MONAI is a bare name: of a class, or of a reader of images beside one."""
    name = setting.value
    if not setting.path or not isinstance(name, str) or not name.isidentifier() or name in _LOCATED:
        return False
    return setting.path[-1] == _HYDRA_KEY or _names_reader(setting, values)


def _names_reader(setting: Setting, values: Mapping[tuple[str, ...], Scalar]) -> bool:
    """Whether a setting, or the list around it, is the ``reader`` beside a class."""
    path = setting.path[:-1] if setting.path and setting.path[-1].isdecimal() else setting.path
    return isinstance(setting.value, str) and path[-1:] == (_READER_KEY,) and (*path[:-1], _HYDRA_KEY) in values


def _resolve_protocol(setting: Setting, values: Mapping[tuple[str, ...], Scalar]) -> Setting:
    """Return the setting with the name or the value to which a value of ``dictConfig`` with a protocol refers."""
    value = setting.value
    if not isinstance(value, str) or "://" not in value:
        return setting
    match = _INTERNAL.fullmatch(value)
    if match is not None:
        value = values.get(tuple(match[1].replace("[", ".").replace("]", "").split(".")), value)
    name = value.removeprefix(_EXTERNAL) if isinstance(value, str) else value
    return replace(setting, value=name)


def _mention_shared_key(setting: Setting) -> Iterator[Mention]:
    """Yield a mention of a dotted name under a key that loaders share with data."""
    name = setting.value.strip() if isinstance(setting.value, str) else ""
    if not is_dotted_name(name) or is_file_name(name):
        return
    if is_code_running_name(name):
        yield make_python_mention("named", name, setting)
    elif name.partition(".")[0] not in _WORDS_OF_DATA and _LOGGING_CLASS.fullmatch(name) is None:
        yield make_python_mention("selected", name, setting)


def _resolve_target(key: str, setting: Setting, values: Mapping[tuple[str, ...], object]) -> Iterator[Mention]:
    """Yield a mention of a target, with interpolations such as ``${model.class}`` replaced by their ``values``."""
    value = setting.value
    if value is None or value == _MISSING:
        return
    name = resolve_interpolations(str(value), values)
    if "${" in name:
        yield make_python_mention("target", name, setting, f"{key}: {value}"[:_MAX_DETAIL_LENGTH])
    elif key in _UNAMBIGUOUS_KEYS or is_dotted_name(name.replace(":", ".")):
        detail = "" if name == value else f"{key}: {value}"[:_MAX_DETAIL_LENGTH]
        yield make_python_mention("target", name, setting, detail)


def resolve_interpolations(value: str, values: Mapping[tuple[str, ...], object]) -> str:
    """Replace every ``${a.b}`` in ``value`` that the same file defines; ``values`` has what it defines, by key path.

    A value that grows too long, or leads from interpolation to interpolation too often, keeps those that are left.
    """
    # The value of an interpolation may be an interpolation again.
    for _ in range(_MAX_INTERPOLATION_ROUNDS):
        if "${" not in value or len(value) > _MAX_VALUE_LENGTH:
            return value
        value = _INTERPOLATION.sub(lambda match: _look_up_value(match, values), value)
    return value


def _look_up_value(match: re.Match[str], values: Mapping[tuple[str, ...], object]) -> str:
    """Return the text that an interpolation refers to, cut short; unchanged if the file defines no such text."""
    value = values.get(tuple(match[1].split(".")))
    return value[:_MAX_VALUE_LENGTH] if isinstance(value, str) else match[0]


# The spellings of a dotted name under a shared key that select a document, whose values are then judged as parsed:
# plainly; behind a tag, an anchor, a comment or many blanks, as a block, an alias or a long string; under a key that is
# an alias; and with an escape for a letter, a digit, a dot or an underscore. Words of a large vocabulary match none.
_SHARED_KEY_MARKS: Final = defer_pattern(
    r"(?:class|target|type|provider)(?:[\"']?\s{0,20}+(?:\s|[:=]\s{0,20}+(?:\s|[\"']?\s{0,20}+[^\W\d]\w{0,99}\.[^\W\d]))"
    r"|(?:\s{0,20}+:\s|[\"']\s{0,20}+:)\s{0,20}+[!&*>|#]|\s{0,20}+=\s{0,20}+(?:\"{3}|'{3}))"
    r"|(?:^|[{,])[ \t]{0,99}+\*\w{1,100}[ \t]{0,9}:"
    r"|\\(?:u00|x|U000000)(?:2[eE]|5[fF]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA])|\\\n",
    re.MULTILINE,
)
_ESCAPE: Final = r"\\u00(?:2[eE]|5[fF]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA])"
ODD_SPELLING: Final = defer_pattern(rf"{_ESCAPE}|(?:class|target|type|provider)\"(?:\s{{1,99}}:|:\s{{20}})")
"""A key or value of JSON as no program writes it: rows of data have it only to hide a name."""

# Data sets have the key ``target`` too. It counts beside ``params``; other names count if they are known as dangerous.
# ``handlers`` selects a ``dictConfig`` of logging.
TARGETS = Interpreter(TARGET_KEYS | {"params", "handlers"}, read_targets, _NEMO_FILES, marks=_SHARED_KEY_MARKS)
