"""Find names of models in training settings, scripts and logs, whatever the name of the file.

Only ``modelaudit.licenses`` knows which of these models restricts its use; any other name says nothing, because such
files also name models that are compared, or that serve another purpose. Sources of the keys: transformers, axolotl,
sd-scripts (kohya), lit-gpt, torchtune, timm, OpenMMLab, the metadata of Weights & Biases, and Ollama's ``Modelfile``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from modelaudit.languages.terms.keys import DOCUMENT_KEYS
from modelaudit.model.evidence import Statement, Statements, Topic
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import KIB
from modelaudit.model.structure import Location
from modelaudit.wire.text import get_file_name

LARGEST_TRAINING_FILE: Final = 256 * KIB
"""The most bytes of a file that are searched; the base is named at the beginning of a log."""
_MOST_NAMES: Final = 50
_SETTING_FILE: Final = defer_pattern(r"\.(?:ya?ml|json|toml|ini|cfg|conf|args|txt|log)$|^modelfile(?:\.[\w-]+)?$")
_SCRIPT_FILE: Final = defer_pattern(r"\.(?:py|sh|bash|ipynb)$")
# These name models to compare with, or the source of a tokenizer, and the reader of settings knows their keys.
_OTHER_FILE: Final = defer_pattern(
    r"eval|result|benchmark|leaderboard|compar|score|requirements"
    r"|^(?:tokenizer\w*|preprocessor_config|processor_config|generation_config|vocab|special_tokens_map|added_tokens)\.json$"
)
_NESTED_KEY: Final = "_name_or_path"
_VALUE: Final = r"[\"']?(?P<{}>[A-Za-z0-9.~/][\w.~/:-]{{3,160}})"
_KEYS: Final = (
    r"(?:pretrained_)?model_name(?:_or_path)?|base_model(?:_name)?(?:_or_path)?|base_?model_?id|init_(?:from|model|weights)"
    r"|pretrained(?:_model)?(?:_name|_path)?|load_from|teacher_model(?:_name_or_path)?|source_model|checkpoint_dir"
    r"|mm_llm|llm_path|(?:sd|base)_model_(?:name|checkpoint|path)|finetuned?_from|from_pretrained"
)
_SETTING: Final = defer_pattern(
    rf"(?P<key>\b(?:{_KEYS}))[\"']?[ \t]*[:=][ \t]*{_VALUE.format('value')}"
    rf"|^[ \t]{{4,40}}[\"'](?P<nested>_name_or_path)\"[ \t]*:[ \t]*{_VALUE.format('path')}"
    rf"|^(?P<from>FROM)[ \t]+{_VALUE.format('image')}"
    rf"|\"--?(?P<option>(?:base_?|init_?)?model(?:_name_or_path)?|base|init)\"\s{{0,40}},\s{{0,40}}{_VALUE.format('argument')}"
    rf"|\bload(?:ing|ed)?[ \t](?:\w+[ \t]){{0,3}}?(?P<loaded>weights|model|checkpoint)[ \t](?:from[ \t])?"
    rf"{_VALUE.format('source')}",
    re.MULTILINE,
)
_TRAINING_NAME: Final = defer_pattern(r"train|fine_?-?tun|\bsft|\bdpo|distil|prun|quantiz|merge|convert")
_TRAINING_CODE: Final = defer_pattern(
    r"\bTrainer\(|\.train\(|\bsave_pretrained\(|\.backward\(|\bpush_to_hub\("
    r"|\b(?:python3?|torchrun|launch|deepspeed)[ \t][^\n]{0,80}?(?:train|tun(?:e|ing)|sft|distil|prun|merge)"
)
_NAME_IN_CODE: Final = defer_pattern(
    r"\\?[\"'](?P<quoted>[A-Za-z0-9][\w.-]{1,60}/[A-Za-z0-9][\w.-]{1,90})\\?[\"']"
    r"|--(?:\w*model\w*|base|init\w*)[ =](?P<option>[A-Za-z0-9][\w.-]{1,60}/[A-Za-z0-9][\w.-]{1,90})"
)


def may_name_base(path: str) -> bool:
    """Whether a file may name a base model in its settings or commands, by its name."""
    name = get_file_name(path)
    is_searched = _SETTING_FILE.search(name) or _SCRIPT_FILE.search(name)
    return is_searched is not None and _OTHER_FILE.search(path.lower()) is None


def find_training_bases(path: str, text: str) -> Iterator[Statements]:
    """Yield the models that settings, a training script or a log name, as one structure; none if there are none."""
    name = get_file_name(path)
    is_script = _SCRIPT_FILE.search(name) is not None
    # The reader of settings knows these keys of the file.
    read = {each.path[-1] for each in DOCUMENT_KEYS.get(name, ()) if each.topic is Topic.BASE_MODEL}
    names = _iter_names_in_code(path, text) if is_script else _iter_settings(text)
    items = tuple(
        Statement(Topic.TRAINED_FROM, key, value, Location(line=text.count("\n", 0, start) + 1, key=key))
        for key, value, start in islice(names, _MOST_NAMES)
        if key not in read or key == _NESTED_KEY
    )
    if items:
        yield Statements("training", items)


def _iter_settings(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield (key, value, offset) for each setting that may name a base model."""
    for match in _SETTING.finditer(text):
        groups = {name: value for name, value in match.groupdict().items() if value}
        key, value = groups.values()
        yield key, value, match.start()


def _iter_names_in_code(path: str, text: str) -> Iterator[tuple[str, str, int]]:
    """Yield (key, Hub id, offset) for each quoted Hub id of a training script; other code may load any model."""
    if not (_TRAINING_NAME.search(get_file_name(path)) or _TRAINING_CODE.search(text)):
        return
    for match in _NAME_IN_CODE.finditer(text):
        yield "model", match["quoted"] or match["option"], match.start()
