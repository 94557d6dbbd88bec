"""Name a call that may unpickle what it loads by the arguments that decide whether it does, and from where it reads."""

from __future__ import annotations

from typing import Final

from modelaudit.languages.python.call import Call
from modelaudit.languages.python.values import Constant, ExternalName, Value, is_open_constant, list_alternatives
from modelaudit.model.lazy_pattern import defer_pattern

_ELSEWHERE: Final = defer_pattern(r"/|~|[A-Za-z]:[\\/]|\w+://|(?:.*[\\/])?\.\.[\\/]")


def get_constant(value: Value | None) -> object:
    """Return the value of a constant; ``None`` for any other value."""
    return value.value if isinstance(value, Constant) else None


def name_torch_load(call: Call) -> str:
    """Name ``torch.load`` by its argument ``weights_only``; empty if it is ``True``."""
    # The default of ``weights_only`` depends on the version of torch, so that only a written value counts.
    weights_only = call.keywords.get("weights_only")
    if weights_only is None:
        return call.name
    value = get_constant(weights_only)
    if value is False and "hub" in call.argument_tags:
        return "torch.load(of a foreign repository)"
    # A value that only the caller knows has a name of its own: it is neither on, nor off, nor left out.
    if value is True and not is_open_constant(weights_only):
        return ""
    place = _name_place(call.get_argument(0, "f"))
    if place and value is False:
        return f"torch.load{place}"
    return f"{call.name}(weights_only=False)" if value is False else f"{call.name}(weights_only)"


def name_numpy_load(call: Call) -> str:
    """Mark ``numpy.load`` with an argument ``allow_pickle`` that is not the constant ``False``."""
    if not _may_unpickle(call.get_argument(2, "allow_pickle")):
        return call.name
    return f"{call.name}{_name_place(call.get_argument(0, 'file')) or '(allow_pickle)'}"


def name_numpy_array(call: Call) -> str:
    """Name a ``read_array`` that may read pickles like such a ``numpy.load``; without pickles it is harmless."""
    return "numpy.load(allow_pickle)" if _may_unpickle(call.get_argument(1, "allow_pickle")) else ""


def _may_unpickle(switch: Value | None) -> bool:
    """Whether a switch is given, and is not certainly ``False``."""
    return switch is not None and (get_constant(switch) is not False or is_open_constant(switch))


def name_yaml_load(call: Call) -> str:
    """Mark ``yaml.load`` with a loader that constructs objects; empty for loaders that do not."""
    loader = call.get_argument(1, "Loader")
    alternatives = list_alternatives(loader) if loader else ()
    loader_names = {each.name.rpartition(".")[2] for each in alternatives if isinstance(each, ExternalName)}
    is_safe_loader = bool(loader_names) and loader_names <= {"SafeLoader", "CSafeLoader", "BaseLoader", "CBaseLoader"}
    return "" if is_safe_loader else f"{call.name}(unsafe)"


def name_unpickle(call: Call) -> str:
    """Mark a load of what the source itself pickled: ``pickle.loads(pickle.dumps(x))`` only copies ``x``."""
    pickled = call.get_argument(0, "data")
    alternatives = list_alternatives(pickled) if pickled else ()
    is_own_dump = bool(alternatives) and all(
        isinstance(each, ExternalName) and each.name.startswith("pickle.dumps") for each in alternatives
    )
    return f"{call.name}(own dumps)" if is_own_dump else call.name


def _is_bytes(value: Value | None) -> bool:
    """Whether an argument is a file in memory, of bytes that are read from no file."""
    return (
        isinstance(value, ExternalName)
        and value.is_result
        and value.name == "io.BytesIO"
        and not any(each == "file" or each.startswith("reads:") for each in value.tags)
    )


def _is_elsewhere(value: Value | None) -> bool:
    """Whether an argument is a path into the system, or out of the folder of the model."""
    path = get_constant(value)
    return isinstance(path, str) and _ELSEWHERE.match(path) is not None


def _name_place(value: Value | None) -> str:
    """Return, in brackets, the source of the bytes that a loader unpickles; empty for a file of the model."""
    return "(bytes)" if _is_bytes(value) else "(elsewhere)" if _is_elsewhere(value) else ""
