"""Derives ``signatures/derived.yaml``: how many arguments trusted callables take, and which of them are numbers.

::

    python rules/callables/derive_signatures.py

It reads the signatures of the installed libraries, so it imports them; it reads no model. Of an annotation, only
``int`` and ``float`` say something: nothing checks the others. A name that is not installed, or whose signature is
unknown, keeps the signature that the file has. Names that a handwritten file of ``signatures/`` lists are left out.
"""

from __future__ import annotations

import importlib
import inspect
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
FILE = HERE / "signatures" / "derived.yaml"
KIND_BY_ANNOTATION = {"int": "int", "float": "float", "int | None": "int|none", "float | None": "float|none"}
KIND_BY_ANNOTATION |= {"Optional[int]": "int|none", "Optional[float]": "float|none"}


def main() -> None:
    """Derive the signatures of all trusted names that a file may call, and write the file."""
    written, former = read_signatures(but=FILE), read_signatures(only=FILE)
    takes: dict[str, str] = {}
    for name in sorted(list_called_names() - written.keys()):
        derived = derive_signature(name)
        if derived is not None or name in former:
            takes[name] = former[name] if derived is None else derived
    groups: dict[str, list[str]] = defaultdict(list)
    for name, text in takes.items():
        groups[text].append(name)
    lines = ["# Derived by ../derive_signatures.py from the installed libraries; do not edit by hand.", "signatures:"]
    for text, names in sorted(groups.items()):
        lines += [f'  - takes: ["{text}"]', "    names:", *(f"      - {name}" for name in names)]
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def list_called_names() -> set[str]:
    """Return the trusted names that a file may call."""
    names: set[str] = set()
    for file in sorted((HERE / "trusted").glob("*.yaml")):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        entries = [(name, entry) for name, entry in content.get("names", {}).items()]
        entries += [(name, group) for group in content.get("alike", ()) for name in group["names"]]
        for name, entry in entries:
            options = entry if isinstance(entry, dict) else {}
            if not options.get("construct-only") and not options.get("refer-only") and ":" not in name:
                names.add(name)
    return names


def read_signatures(but: Path | None = None, only: Path | None = None) -> dict[str, str]:
    """Return the listed signatures by name, of all files, of all but one, or of one."""
    found: dict[str, str] = {}
    for file in [only] if only else sorted(FILE.parent.glob("*.yaml")):
        if file != but and file.exists():
            for group in yaml.safe_load(file.read_text(encoding="utf-8"))["signatures"]:
                found.update(dict.fromkeys(group["names"], group["takes"][0]))
    return found


def derive_signature(name: str) -> str | None:
    """Return the signature of an installed callable; ``None`` where Python does not know it or it is of no use."""
    module, _, qualname = name.rpartition(".")
    try:
        found: Any = getattr(importlib.import_module(module), qualname)
        # An exception, a record, an enumeration or a metaclass takes more than its signature says.
        if isinstance(found, type) and (issubclass(found, (BaseException, tuple)) or type(found) is not type):
            return None
        signature = inspect.signature(found)
    except (ImportError, AttributeError, TypeError, ValueError):
        return None
    parts: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            parts.append("...")
            break
        if parameter.kind is parameter.KEYWORD_ONLY:
            parts.append("...")  # an older release may take it by position
            break
        if parameter.kind is parameter.VAR_KEYWORD:
            break
        annotation = inspect.formatannotation(parameter.annotation).removeprefix("typing.").strip("'")
        kind = KIND_BY_ANNOTATION.get(annotation, "any")
        if kind in ("int", "float") and parameter.default is None:
            kind += "|none"
        is_optional = parameter.default is not parameter.empty
        parts.append(kind + ("?" if is_optional else ""))
    # Anything goes: such a signature says nothing.
    return None if set(parts) <= {"any?", "..."} and "..." in parts else ", ".join(parts)


if __name__ == "__main__":
    main()
