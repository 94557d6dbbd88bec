"""Rewrite the call of a pickle by other opcodes and containers, and the tree of a configuration by other spellings."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Mapping
from typing import Any, Final

import yaml
from pickles import split_name, write_pickle

_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "os.system": ("posix.system", "torch.serialization:os.system", "torch:serialization.os.system", "shutil:os.system"),
    "posix.system": ("os.system", "tempfile:_os.system", "pathlib:os.system"),
    "subprocess.Popen": (
        "torch.utils.collect_env:subprocess.Popen",
        "multiprocessing.resource_tracker:util.subprocess.Popen",
    ),
    "subprocess.getoutput": ("torch.utils.collect_env:subprocess.getoutput",),
    "builtins.exec": ("__builtin__.exec",),
    "builtins.eval": ("__builtin__.eval", "numpy:ma.core.builtins.eval"),
}
"""Other names of one object; an entry that Python does not resolve is not kept by ``prove_rewrites.py``."""


def _choose_name(target: str, protocol: int, dice: random.Random, steps: list[str]) -> str:
    names = [
        each
        for each in _ALIASES.get(target, ())
        if (":" in each) <= (protocol == 4) and ("__builtin__" in each) <= (protocol < 3)
    ]
    if names and dice.random() < 0.5:
        steps.append("alias")
        return dice.choice(names)
    return target


def _make_call(target: str, values: list[Any], protocol: int, dice: random.Random, steps: list[str]) -> Any:
    """Return the tree of ``pickles.py`` that makes the call, by one of the opcodes or through another callable."""
    name = _choose_name(target, protocol, dice, steps)
    plain: dict[str, Any] = {"!call": name, "args": values}
    module, inner = split_name(name)
    ways: dict[str, Callable[[], Any]] = {
        "reduce": lambda: plain,
        "obj": lambda: {"!obj": name, "args": values},
        "getattr": lambda: {
            "!call": {
                "!call": "builtins.getattr",
                "args": [{"!call": "importlib.import_module", "args": [module]}, inner],
            },
            "args": values,
        },
        "partial": lambda: {"!call": {"!call": "functools.partial", "args": [{"!name": name}, *values]}, "args": []},
        "map": lambda: {
            "!call": "builtins.list",
            "args": [{"!call": "builtins.map", "args": [{"!name": name}, *[[each] for each in values]]}],
        },
        "attrgetter": lambda: {
            "!call": {"!call": "operator.attrgetter", "args": [inner]},
            "args": [{"!call": "importlib.import_module", "args": [module]}],
            "!then": values,
        },
        "resolve": lambda: {"!call": {"!call": "pkgutil.resolve_name", "args": [f"{module}:{inner}"]}, "args": values},
        "operator": lambda: {"!call": "operator.call", "args": [{"!name": name}, *values]},
        "methodcaller": lambda: {
            "!call": {"!call": "operator.methodcaller", "args": [inner, *values]},
            "args": [{"!call": "importlib.import_module", "args": [module]}],
        },
        "starmap": lambda: {
            "!call": "collections.deque",
            "args": [{"!call": "itertools.starmap", "args": [{"!name": name}, [values]]}],
        },
        "loads": lambda: {"!call": "pickle.loads", "args": [{"!pickled": plain}]},
        "torch-bytes": lambda: {"!call": "torch.storage._load_from_bytes", "args": [{"!pickled": plain}]},
        "dropped": lambda: {"!drop": [plain, {"a": 1}]},
        "key": lambda: {"!call": "builtins.dict", "args": [[["weights", plain], ["bias", 0.5]]]},
    }
    way = dice.choice([each for each in ways if "." not in inner or each not in ("getattr", "methodcaller")])
    steps.append(f"call:{way}")
    made = ways[way]()
    if isinstance(made, dict) and "!then" in made:
        then = made.pop("!then")
        made = {"!call": made, "args": then}
    return made


def _wrap_tree(made: Any, dice: random.Random, steps: list[str]) -> Any:
    """Put a call deeper into plain values."""
    for _ in range(dice.randrange(4)):
        way = dice.choice(["list", "dict", "tuple", "ordered"])
        steps.append(f"within:{way}")
        if way == "list":
            made = [dice.randrange(9), made, "acme"]
        elif way == "tuple":
            made = {"!tuple": ["layer", made]}
        elif way == "ordered":
            made = {"!call": "collections.OrderedDict", "args": [], "items": {f"layer.{dice.randrange(9)}": made}}
        else:
            made = {"name": "acme", f"block_{dice.randrange(9)}": made}
    return made


def rewrite_pickle(call: Mapping[str, Any], dice: random.Random) -> tuple[tuple[str, ...], str, str, Any]:
    """Return the chosen pieces, the loader, a name of a file and its content."""
    steps: list[str] = []
    container = dice.choice(["pickle", "torch", "joblib", "npy", "pickle-junk", "dump-two"])
    protocol = {"torch": 2, "joblib": 4, "npy": 4}.get(container, dice.choice([2, 4]))
    value = _wrap_tree(_make_call(call["target"], call["args"], protocol, dice, steps), dice, steps)
    steps.append(f"container:{container}-{protocol}")
    coded = write_pickle(value, protocol)
    stem = dice.choice(["model", "weights", "pipeline", "vectors", "optimizer"])
    if container == "torch":
        return (
            tuple(steps),
            "torch",
            f"{stem}.{dice.choice(['pt', 'bin', 'pth', 'ckpt'])}",
            {"build": "torch", "value": value},
        )
    if container == "joblib":
        return tuple(steps), "joblib", f"{stem}.joblib", {"build": "joblib", "value": value}
    if container == "npy":
        return tuple(steps), "npy", f"{stem}.npy", {"build": "npy", "value": value}
    if container == "pickle-junk":
        coded += bytes(dice.randrange(256) for _ in range(9))
    if container == "dump-two":
        coded += write_pickle({"epoch": 3}, protocol)
    name = f"{stem}.{dice.choice(['pkl', 'pickle', 'p', 'dat'])}"
    return tuple(steps), "unpickle", name, {"build": "base64", "data": base64.b64encode(coded).decode()}


def _spell_json(tree: Any, dice: random.Random) -> tuple[str, str, str]:
    """Return a JSON text, perhaps with escapes in its words."""
    text = json.dumps(tree, indent=dice.choice([None, 2]))
    if dice.random() < 0.6:
        for word in ("os", "subprocess", "system", "Popen", "exec", "touch", "import"):
            if dice.random() < 0.5:
                text = text.replace(word, "".join(f"\\u{ord(each):04x}" for each in word))
        return text, "json-escapes", "json"
    return text, "json", "json"


def _spell_yaml(tree: Any, dice: random.Random) -> tuple[str, str, str]:
    """Return a YAML text in one of the styles of the language."""
    style = dice.choice([None, '"', "'"])
    flow = dice.choice([True, False, None])
    text = yaml.safe_dump(tree, default_style=style, default_flow_style=flow, width=dice.choice([20, 80, 200]))
    if style == '"' and dice.random() < 0.6:
        for word in ("os.", "subprocess", "system", "exec"):
            text = text.replace(word, "".join(f"\\x{ord(each):02x}" for each in word))
        return text, "yaml-escapes", "yaml"
    if dice.random() < 0.3:
        text = f"# settings\n---\n{text}"
    return text, f"yaml-{style}-{flow}", "yaml"


def _nest(tree: Any, dice: random.Random) -> tuple[Any, str]:
    """Return a tree with the given one at a key."""
    key = ""
    for _ in range(dice.randrange(1, 4)):
        name = dice.choice(["model", "trainer", "callbacks", "data", "head", "settings"])
        if dice.random() < 0.3:
            tree, key = [{"name": "acme"}, tree], f"1/{key}"
        tree, key = {"epochs": dice.randrange(9), name: tree, "seed": 7}, f"{name}/{key}"
    return tree, key.rstrip("/")


def _put_text(tree: Any, dice: random.Random) -> tuple[str, dict[str, Any], str]:
    """Put a tree in a text of a configuration."""
    speller = dice.choice([_spell_json, _spell_yaml])
    text, step, reader = speller(tree, dice)
    suffix = reader if reader == "json" else dice.choice(["yaml", "yml"])
    name = dice.choice(["config", "train", "params", "settings", "configs/base"]) + "." + suffix
    return step, {name: {"build": "text", "text": text + "\n"}}, reader


def rewrite_tree(tree: Any, dice: random.Random) -> tuple[tuple[str, ...], dict[str, Any], dict[str, Any]]:
    """Return the chosen pieces, the settings of the loader, and the files."""
    nested, key = _nest(tree, dice)
    way = dice.choice(
        ["text", "text", "text", "torch", "pickle", "joblib", "msgpack", "hdf5", "safetensors", "gguf", "onnx"]
    )
    if way == "text":
        step, files, reader = _put_text(nested, dice)
        (name,) = files
        return (step,), {"file": name, "reader": reader, "key": key}, files
    stem = dice.choice(["model", "weights", "acme"])
    contents: dict[str, tuple[str, dict[str, Any]]] = {
        "torch": (f"{stem}.ckpt", {"build": "torch", "legacy": dice.random() < 0.3, "value": {"config": nested}}),
        "pickle": (f"{stem}.pkl", {"build": "pickle", "protocol": dice.choice([2, 4]), "value": {"config": nested}}),
        "joblib": (f"{stem}.joblib", {"build": "joblib", "compress": dice.choice([0, 3]), "value": {"config": nested}}),
        "msgpack": (f"{stem}.msgpack", {"build": "msgpack", "value": {"config": nested}}),
        "hdf5": (f"{stem}.h5", {"build": "hdf5", "attributes": {"config": nested}}),
        "safetensors": (f"{stem}.safetensors", {"build": "safetensors", "metadata": {"config": nested}}),
        "gguf": (f"{stem}.gguf", {"build": "gguf", "metadata": {"acme.config": nested}}),
        "onnx": (f"{stem}.onnx", {"build": "onnx", "metadata": {"config": nested}}),
    }
    name, content = contents[way]
    first = "acme.config" if way == "gguf" else "config"
    return (f"container:{way}",), {"file": name, "reader": way, "key": f"{first}/{key}"}, {name: content}
