"""Arguments that have a loader run the code of another repository.

They are ``trust_remote_code``, ``custom_pipeline``, and ``attn_implementation`` with the name of a repository, from
which transformers downloads a kernel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeGuard

from modelaudit.languages.python import arguments
from modelaudit.languages.python.call_variants import KNOWN_KERNELS
from modelaudit.languages.python.values import Constant, Container, ExternalName, Value, list_alternatives
from modelaudit.model.lazy_pattern import defer_pattern

TRUST_NAME: Final = "(trust_remote_code=True)"
PIPELINE_NAME: Final = "(custom_pipeline of another repository)"
KERNEL_NAME: Final = "(kernel of another repository)"
_KERNEL_KEYWORDS: Final = ("attn_implementation", "_attn_implementation")
_KERNEL_SETTERS: Final = frozenset({"set_attn_implementation", "_set_attn_implementation"})
_SWITCH: Final = "trust_remote_code"
_LOADER_BEGINNING: Final = "from_pretrained"
_LOADERS: Final = frozenset(
    {"from_config", "pipeline", "load_dataset", "load_dataset_builder", "get_tokenizer", "SentenceTransformer",
     "CrossEncoder", "SparseEncoder", "HuggingFaceEmbeddings", "LLM"}
)  # fmt: skip
"""Functions and classes that load a model, or its code, and take the switch as a keyword argument."""
# ``owner/name``, with a revision and a function behind it, and without the wrapper before it:
# ``paged|owner/name@main:function``.
_KERNEL_REPOSITORY: Final = defer_pattern(r"([\w.-]{1,100}/[\w.-]{1,100})(?:@[^:]{0,100})?(?::.{0,200})?", re.DOTALL)
# ``owner/name``, and not the path of a Python file.
_REPOSITORY: Final = defer_pattern(r"[\w-][\w.-]*/[\w.-]+(?<!\.py)")


def loads_models(method: str, callee: Value, args: Sequence[Value]) -> bool:
    """Whether a call loads a model, or binds arguments for a function that does, as ``partial`` does.

    Args:
        method: the name of the method that is called; empty for a function.
        callee: the value that is called.
        args: the arguments by position.
    """
    named = (each.name.rpartition(".")[2] for value in (callee, *args) for each in list_alternatives(value)
             if _is_name(each))  # fmt: skip
    return method.startswith(_LOADER_BEGINNING) or any(
        each.startswith(_LOADER_BEGINNING) or each in _LOADERS for each in named
    )


def _is_name(value: Value) -> TypeGuard[ExternalName]:
    """Whether one value is something of another module, and no result of a call."""
    return isinstance(value, ExternalName) and not value.is_result


def find_remote_code(
    callee: str,
    keywords: Mapping[str, Value],
    args: Sequence[Value],
    trust_name: str = TRUST_NAME,
    is_chosen: bool = False,
) -> Iterator[tuple[str, str]]:
    """Yield a name and a detail for each argument that makes a call run the code of another repository.

    Args:
        callee: the last part of the name that is called.
        keywords: the arguments by name.
        args: the arguments by position.
        trust_name: the name for ``trust_remote_code``, which says whether the repository is that of the source.
        is_chosen: whether the configuration of the model chooses ``trust_remote_code``.
    """
    first = args[0] if args else None
    if is_chosen or arguments.is_certainly_true(keywords.get(_SWITCH)):
        yield trust_name, str(first.value) if isinstance(first, Constant) else callee
    if callee == "setdefault" and len(args) == 2 and is_trust_item(args[0], args[1]):
        yield TRUST_NAME, "as an item of a mapping"
    pipeline = keywords.get("custom_pipeline")
    name = pipeline.value if isinstance(pipeline, Constant) else None
    if isinstance(name, str) and _REPOSITORY.fullmatch(name):
        yield PIPELINE_NAME, name
    kernels = [keywords[each] for each in _KERNEL_KEYWORDS if each in keywords]
    kernels += args[:1] if callee in _KERNEL_SETTERS else ()
    for value in kernels:
        yield from ((KERNEL_NAME, kernel) for kernel in _list_foreign_kernels(value))


def _list_foreign_kernels(value: Value) -> Iterator[str]:
    """Yield the repositories of kernels that an implementation of attention names, except ``KNOWN_KERNELS``.

    The value may be a mapping with one implementation for each part of the model.
    """
    for each in list_alternatives(value):
        for item in each.values if isinstance(each, Container) else (each,):
            name = item.value if isinstance(item, Constant) else None
            repository = find_kernel_repository(name) if isinstance(name, str) else ""
            if repository and repository not in KNOWN_KERNELS:
                yield repository


def find_kernel_repository(implementation: str) -> str:
    """Return the repository from which transformers downloads an implementation of attention; empty if from none."""
    match = _KERNEL_REPOSITORY.fullmatch(implementation.rpartition("|")[2].strip())
    return match[1] if match is not None else ""


def is_trust_item(key: Value, value: Value) -> bool:
    """Whether an item of a mapping turns ``trust_remote_code`` on; such mappings are passed as ``**kwargs`` later."""
    return isinstance(key, Constant) and key.value == _SWITCH and arguments.is_certainly_true(value)
