"""The keys whose values the installed ``transformers`` does not take from ``config.json`` as they are."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from modelaudit.languages.python.library_keys import LIBRARY_KEYS, LIBRARY_METHODS

pytestmark = pytest.mark.counterpart


def list_words(files: set[str]) -> set[str]:
    """Return each name, parameter and text of sources that may be a key, but for those with a leading underscore."""
    nodes = [node for file in files for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8")))]
    words = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    words |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    words |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return {each for each in words if each.isidentifier() and not each.startswith("_")}


def test_keys_that_the_library_drops_sets_or_converts_are_listed() -> None:
    pytest.importorskip("torch", reason="installed by make test unless TORCH= leaves it out")
    from huggingface_hub.errors import StrictDataclassError
    from transformers import GenerationConfig, PretrainedConfig, PreTrainedModel  # installed with the counterparts

    class Plain(PretrainedConfig):
        model_type = "probe"

    class Made(PretrainedConfig):
        model_type = "probe"

        def __init__(self, **kwargs: object) -> None:
            super().__init__(**kwargs)

    class Rope(PretrainedConfig):
        model_type = "probe"
        rope_parameters = None

    class Model(PreTrainedModel):
        config_class = Plain

    def keeps(made_from: type, key: str, text: str) -> bool:
        """Whether a configuration with a text under the key holds it, also as the configuration of a model."""
        try:
            config = made_from.from_dict({"model_type": "probe", key: text})
            return [getattr(each, key) for each in (config, Model(config).config)] == [text, text]
        except (AttributeError, StrictDataclassError, TypeError, ValueError):
            return False  # the library does not take the text as it is

    bases = [each for each in PretrainedConfig.__mro__ if each.__module__.startswith("transformers")]
    files = {str(inspect.getsourcefile(each)) for each in (*bases, PreTrainedModel, GenerationConfig)}
    own = {each for each in dir(PretrainedConfig()) if not each.startswith("_")}
    changed = {
        key
        for key in list_words(files) | own | set(GenerationConfig().to_dict())
        for made_from in (Plain, Made, Rope)
        for text in ("x", "mamba")
        if not keeps(made_from, key, text)
    }
    assert len(changed) > 40  # the library is asked for something
    assert (changed | own) - LIBRARY_KEYS == set()
    methods = {each for each in own if callable(getattr(PretrainedConfig, each, None))}
    assert methods - LIBRARY_METHODS == set()
