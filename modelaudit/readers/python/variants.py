"""The name under which a call is judged: what it does can hang on an argument."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from modelaudit.readers.python.values import Constant, Named, Value, options

if TYPE_CHECKING:
    from modelaudit.readers.python.call import Call


def name_of(call: Call) -> str:
    """The name, with what matters about the arguments in brackets; empty where they make the call harmless."""
    worker = _WORKERS.get(call.name)
    return worker(call) if worker is not None else call.name


def _constant(value: Value | None) -> object:
    return value.value if isinstance(value, Constant) else None


def _open(call: Call) -> str:
    mode = call.argument(1, "mode")
    text = _constant(mode)
    is_writing = mode is not None and (not isinstance(text, str) or bool(set(text) & set("wax+")))
    return f"{call.name}(write)" if is_writing else call.name


def _torch_load(call: Call) -> str:
    given = call.by_name.get("weights_only")
    if given is None:
        return call.name
    value = _constant(given)
    # What only a caller knows is none of the three: neither on, nor off, nor left out.
    return "" if value is True else f"{call.name}(weights_only{'=False' if value is False else ''})"


def _numpy_load(call: Call) -> str:
    given = call.argument(2, "allow_pickle")
    return call.name if given is None or _constant(given) is False else f"{call.name}(allow_pickle)"


def _numpy_array(call: Call) -> str:
    given = call.argument(1, "allow_pickle")
    return "" if given is None or _constant(given) is False else "numpy.load(allow_pickle)"


def _yaml_load(call: Call) -> str:
    loader = call.argument(1, "Loader")
    last = {each.name.rpartition(".")[2] for each in options(loader) if isinstance(each, Named)} if loader else set()
    is_plain = bool(last) and last <= {"SafeLoader", "CSafeLoader", "BaseLoader", "CBaseLoader"}
    return "" if is_plain else f"{call.name}(unsafe)"


def _unpickle(call: Call) -> str:
    """What the source has pickled itself is no file."""
    data = call.argument(0, "data")
    given = (
        [each.name.startswith("pickle.dumps") if isinstance(each, Named) else False for each in options(data)]
        if data
        else []
    )
    return f"{call.name}(own dumps)" if given and all(given) else call.name


def _hub_load(call: Call) -> str:
    return f"{call.name}(local)" if _constant(call.by_name.get("source")) == "local" else call.name


def _remove(call: Call) -> str:
    path = _constant(call.argument(0, "path"))
    is_everything = isinstance(path, str) and path.rstrip("/*") in (
        "",
        "~",
        "/home",
        "/root",
        "C:\\",
        ".",
        "..",
        "/etc",
        "/usr",
    )
    return f"{call.name}(everything)" if is_everything and path else call.name


_WORKERS: Final[Mapping[str, Callable[[Call], str]]] = {
    "builtins.open": _open, "io.open": _open, "codecs.open": _open, "os.fdopen": _open, "gzip.open": _open,
    "pathlib.Path.open": _open, "torch.load": _torch_load, "torch.serialization.load": _torch_load,
    "numpy.load": _numpy_load, "numpy.lib.format.read_array": _numpy_array,
    "yaml.load": _yaml_load, "yaml.load_all": _yaml_load, "torch.hub.load": _hub_load,
    "pickle.loads": _unpickle, "shutil.rmtree": _remove, "os.removedirs": _remove,
}  # fmt: skip
