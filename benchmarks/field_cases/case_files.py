"""Read the cases of ``cases/*.yaml``: small repositories, each with the exit code that a scan has to end with.

A file of cases lists families. A family has ``files``, and ``axes``: lists of rows whose product gives one case each.
``@{name}`` in a text stands for the value of a row; a text that is nothing but ``@{name}`` becomes that value, with its
type. ``@{name|base64}`` codes the value by a function of ``FILTERS``. ``@{mark}`` is the file that a payload creates.
``skip`` lists pairs of ids that make no case together.
"""

from __future__ import annotations

import base64
import codecs
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

HERE: Final = Path(__file__).resolve().parent
FRESH: Final = ("fresh", "fresh-second", "fresh-third")
"""The prefixes and folders of the cases that authors without knowledge of the readers wrote, file by file."""
MARK: Final = "/tmp/field-cases/mark"
"""The file that the payloads of a written set would create; a proof puts a path of its own in its place."""
EXIT_CODES: Final[Mapping[str, tuple[int, ...]]] = {
    "fail": (1,),
    "not-pass": (1, 3),
    "review": (3,),
    "pass": (0,),
}
FILTERS: Final[Mapping[str, Callable[[str], str]]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "reversed": lambda text: text[::-1],
    "json": json.dumps,
    "codes": lambda text: str([ord(letter) for letter in text]),
    "tags": lambda text: "".join(chr(0xE0000 + ord(letter)) for letter in text),
    "zero-width": lambda text: "".join("\u200c\u200b"[int(bit)] for letter in text for bit in f"{ord(letter):08b}"),
}
_NAME = re.compile(r"@\{([a-z-]+)(?:\|([a-z0-9-]+))?\}")


@dataclass(frozen=True, slots=True)
class Case:
    """A repository with its expectation.

    Attributes:
        id: a name that no other case has; a prefix gives the mechanism.
        mechanism: such as ``A.1``.
        expect: a key of ``EXIT_CODES``.
        what: the mechanism of this family in a sentence.
        loader: the entry of ``loaders.yaml`` that runs the payload, or an empty text.
        settings: values for the loader.
        reading: where it stands that a loader runs this, for a case without a loader here.
        files: the content of each file: text, or the mapping of a builder.
        proven: the loader that ran the payload, where the case itself states it.
    """

    id: str
    mechanism: str
    expect: str
    what: str
    loader: str
    settings: Mapping[str, Any]
    reading: str
    files: Mapping[str, Any]
    proven: str = ""

    @property
    def exit_codes(self) -> tuple[int, ...]:
        """The exit codes that a scan may end with."""
        return EXIT_CODES[self.expect]


@dataclass(slots=True)
class _Family:
    """A family as its file states it."""

    id: str
    mechanism: str
    expect: str
    what: str
    files: Mapping[str, Any]
    base: str = "model"
    axes: Sequence[Sequence[Mapping[str, Any]]] = ()
    skip: Sequence[Sequence[str]] = ()
    loader: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    reading: str = ""
    names: Mapping[str, Any] = field(default_factory=dict)


def substitute(value: Any, names: Mapping[str, Any]) -> Any:
    """Return ``value`` with the values of ``names`` in its texts, in keys too."""
    if isinstance(value, str):
        whole = _NAME.fullmatch(value)
        if whole:
            return _look_up(whole, names)
        return _NAME.sub(lambda found: str(_look_up(found, names)), value)
    if isinstance(value, Mapping):
        return {substitute(key, names): substitute(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [substitute(each, names) for each in value]
    return value


def _look_up(found: re.Match[str], names: Mapping[str, Any]) -> Any:
    """Return the value of a name, coded by its filter."""
    value = substitute(names[found[1]], names)
    return FILTERS[found[2]](str(value)) if found[2] else value


def read_cases(mark: str = MARK, folder: Path = HERE / "cases") -> list[Case]:
    """Return all cases in the order of the files; raise ``ValueError`` if two have one id."""
    bases = yaml.safe_load((HERE / "bases.yaml").read_text(encoding="utf-8"))
    cases: list[Case] = []
    for path in sorted(folder.glob("*.yaml")):
        listed = yaml.safe_load(path.read_text(encoding="utf-8"))
        shared = listed.get("names", {})
        for row in listed["families"]:
            family = _Family(**row)
            cases += _expand_family(family, {**shared, **family.names, "mark": mark}, bases)
    ids = [case.id for case in cases]
    double = sorted({each for each in ids if ids.count(each) > 1})
    if double:
        raise ValueError(f"cases with one id: {', '.join(double)}")
    return cases


def read_fresh_cases(folder: Path = HERE) -> list[Case]:
    """Return the cases that are written out file by file; files that several share have their content in one place."""
    cases: list[Case] = []
    for name in FRESH:
        shared = yaml.safe_load((folder / name / "shared.yaml").read_text(encoding="utf-8"))
        for path in sorted((folder / name).glob("*.yaml")):
            rows = yaml.safe_load(path.read_text(encoding="utf-8")) if path.stem != "shared" else ()
            cases += (_make_fresh_case(name, path.stem, row, shared) for row in rows)
    return cases


def _make_fresh_case(name: str, group: str, row: Mapping[str, Any], shared: Mapping[str, Any]) -> Case:
    """Return the case of a row in the file of a group, such as ``a1``."""
    number = group[1:]
    return Case(
        id=f"{name}-{row['id']}",
        mechanism=f"{name} {group[0].upper()}.{number}" if number.isdigit() else f"{name} {group}",
        expect=row["expect"],
        what=row["what"],
        loader="",
        settings={},
        reading=row.get("reading", ""),
        files={name: _read_content(content, shared) for name, content in row["files"].items()},
        proven=row.get("proven", ""),
    )


def _read_content(content: Any, shared: Mapping[str, Any]) -> Any:
    """Return a text, or the mapping of the builder of bytes."""
    if isinstance(content, Mapping) and "shared" in content:
        content = shared[content["shared"]]
    return content if isinstance(content, str) else {"build": "base64", "data": content["base64"]}


def _expand_family(family: _Family, names: Mapping[str, Any], bases: Mapping[str, Any]) -> Iterator[Case]:
    """Yield a case for each combination of rows of the axes."""
    for rows in itertools.product(*family.axes):
        ids = [str(row["id"]) for row in rows]
        if any(set(pair) <= set(ids) for pair in family.skip):
            continue
        values: dict[str, Any] = dict(names)
        settings = dict(family.settings)
        for row in rows:
            values.update(row)
            settings.update(row.get("settings", {}))
        values["id"] = "-".join([family.id, *ids])
        files = {**bases[family.base], **family.files}
        for row in rows:
            files.update(row.get("files", {}))
        yield Case(
            id=values["id"],
            mechanism=family.mechanism,
            expect=str(values.get("expect", family.expect)),
            what=str(substitute(values.get("what", family.what), values)),
            loader=str(substitute(values.get("loader", family.loader), values)),
            settings=substitute(settings, values),
            reading=str(values.get("reading", family.reading)),
            files={path: each for path, each in substitute(files, values).items() if each is not None},
        )
