"""Collect the code files that a configuration makes a loader import if it trusts remote code.

Sources: ``get_class_from_dynamic_module`` of transformers (``auto_map``, ``custom_pipelines``) and
``get_class_obj_and_candidates`` and ``_get_custom_pipeline_class`` of diffusers (``model_index.json``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import PYTHON_NAMES, Mention, Outline, Reference, ReferenceKind
from modelaudit.wire.base import Reading
from modelaudit.wire.bounds import build_references, keep_first
from modelaudit.wire.text import get_file_name

_MAP_KEYS: Final = ("auto_map", "custom_pipelines", "custom_pipeline")
_INDEX_FILE: Final = "model_index.json"
_INDEX_FILES: Final = frozenset({_INDEX_FILE, "modular_model_index.json"})
_REPOSITORY_SEPARATOR: Final = "--"
_MAX_ENTRIES: Final = 1000
_MAX_LENGTH: Final = 300
# Libraries whose classes diffusers loads as components. A component of another library is imported by name.
_LIBRARIES: Final = frozenset(
    {
        *("diffusers", "transformers", "onnxruntime.training", "optimum.onnxruntime", "stable_diffusion", "peft"),
        *("sentence_transformers", "timm", "open_clip", "nemo_toolkit", "tokenizers"),
    }
)


def _read_auto_map(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield references to imported files of this or another repository, and mentions of component classes.

    An absence follows if there are more than ``_MAX_ENTRIES`` of a kind.
    """
    references = [reference for setting in settings for reference in _parse_map_entry(setting)]
    yield from build_references("auto-map", references, _MAX_ENTRIES)
    if get_file_name(path) in _INDEX_FILES:
        # diffusers loads a component from an installed library, unless its folder has a file of the library's name.
        yield from build_references("model-index", _collect_component_files(settings), _MAX_ENTRIES)
        classes, classes_beyond = keep_first(_collect_library_classes(settings), _MAX_ENTRIES, "components")
        if classes:
            yield Outline("model-index", classes)
        yield from classes_beyond


def _parse_map_entry(setting: Setting) -> Iterator[Reference]:
    """Yield a reference to the code file of one entry such as ``"AutoModel": "owner/name--modeling_x.Class"``."""
    candidates = [setting.get_steps_below(key) for key in _MAP_KEYS]
    steps_below = next((steps for steps in candidates if steps is not None), None)
    if steps_below is None or not isinstance(setting.value, str) or not setting.value.strip():
        return
    # ``{"task": {"impl": "file.Class", "pt": ["AutoModel"]}}``: only ``impl`` names code of the repository. The model
    # classes beside it belong to the library itself.
    if "custom_pipelines" in setting.path and steps_below and steps_below[-1] != "impl":
        return
    repository, dashes, reference = setting.value.strip().rpartition(_REPOSITORY_SEPARATOR)
    # ``custom_pipeline`` is a file, a repository, or the name of a community pipeline, without a class behind it.
    is_pipeline = setting.key == "custom_pipeline"
    module = reference if is_pipeline or "." not in reference else reference.rpartition(".")[0]
    module_path = module.removesuffix(".py")
    # ``a.b`` is the file ``a/b.py``; a path such as ``../a`` keeps its dots.
    if "/" not in module and ".." not in module:
        module_path = module_path.replace(".", "/")
    key_path = ".".join(step for step in setting.path if not step.isdigit())
    yield Reference(
        ReferenceKind.CODE,
        f"{repository}{dashes}{module_path}.py"[:_MAX_LENGTH],
        key_path[:_MAX_LENGTH],
        where=setting.where,
    )


def _list_components(settings: Sequence[Setting]) -> Iterator[tuple[str, str, str, Setting]]:
    """Yield each component of ``model_index.json``, which is a key with the pair ``[library, class]``.

    Yields:
        The key, the library, the class (empty if it is not text) and the setting of the library.
    """
    values = {setting.path: setting for setting in settings}
    for path, setting in values.items():
        if len(path) == 2 and path[1] == "0" and isinstance(setting.value, str):
            component = path[0]
            class_setting = values.get((component, "1"))
            name = class_setting.value if class_setting is not None and isinstance(class_setting.value, str) else ""
            yield component, setting.value, name, setting


def _collect_component_files(settings: Sequence[Setting]) -> Iterator[Reference]:
    """Yield a reference to the code file of a pipeline class, and to that which each component may have.

    The loader takes a file of the name of the library in the folder of the component before the library itself, also
    for libraries that it knows. Source: ``get_class_obj_and_candidates`` of diffusers 0.42.
    """
    for component, library, _, setting in _list_components(settings):
        is_pipeline_class = component == "_class_name"  # of the pipeline, the pair is ``[file, class]``
        target = f"{library}.py" if is_pipeline_class else f"{component}/{library}.py"
        source = f"{_INDEX_FILE} {component}"
        yield Reference(ReferenceKind.CODE, target[:_MAX_LENGTH], source[:_MAX_LENGTH], where=setting.where)


def _collect_library_classes(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield the class of each component that diffusers imports from a library it does not know."""
    for component, library, name, setting in _list_components(settings):
        if component != "_class_name" and library not in _LIBRARIES and name:
            yield Mention(
                PYTHON_NAMES, "component", f"{library}.{name}"[:_MAX_LENGTH], setting.where, component[:_MAX_LENGTH]
            )


INTERPRETER = Interpreter(frozenset({*_MAP_KEYS, "_class_name"}), _read_auto_map)
