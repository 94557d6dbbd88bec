"""Derive the base models anew: ``python rules/lineage/derive.py --sources FOLDER``.

``_bases.yaml`` lists the base models with what a person decides about each. The folder holds the figures:

- ``configs/``: a ``config.json`` of each base model, under its id with two hyphens in the place of the slash.
- ``vocabularies/``: a copy of each tokenizer by the name of its vocabulary: ``tokenizer.json`` as ``.json``,
  SentencePiece as ``.model``, GGUF as ``.gguf``, and the list of tiktoken as ``.tiktoken``.
- ``templates/``: chat templates as ``.jinja``.
- ``sources.tsv``: a table with the columns ``path`` (below the folder) and ``where`` (the source), separated by tabs.

A base model, a vocabulary or a template without a file in the folder keeps its entry. Only figures and digests are
written: no token of a vocabulary but those with a role, and no word of a template.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from modelaudit.formats.documents.structured.reader import read_json
from modelaudit.formats.weights.gguf.reader import read as read_gguf
from modelaudit.formats.weights.sentencepiece.reader import read as read_sentencepiece
from modelaudit.languages.architectures.templates import cut_template
from modelaudit.languages.architectures.vocabulary import read_tiktoken
from modelaudit.model.artifact import Artifact
from modelaudit.model.limits import Limits
from modelaudit.model.lineage import Dimension, ModelTraits, VocabularyFact
from modelaudit.model.reading import ReadingStep
from modelaudit.wire.windows import make_opener

HERE = Path(__file__).resolve().parent
_READERS = {".json": ("tokenizer.json", read_json), ".gguf": ("a.gguf", read_gguf), ".model": ("", read_sentencepiece)}
_HEADER = "# Derived by rules/lineage/derive.py; change _bases.yaml and derive it again.\n"
_TABLE_COLUMNS = ("path", "where")


class _Bytes:
    """A window over the bytes of a file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``; fewer only at the end."""
        return self._data[offset : offset + length]


def derive(sources: Path, out: Path = HERE) -> int:
    """Write ``bases.yaml`` of ``out`` anew, and return the number of base models.

    Raises:
        KeyError: a file of the folder is not in its table, or a base model has neither a file nor an entry.
    """
    decided = yaml.safe_load((HERE / "_bases.yaml").read_text(encoding="utf-8"))
    target = out / "bases.yaml"
    old = yaml.safe_load(target.read_text(encoding="utf-8")) if target.exists() else {}
    where = _read_table(sources)
    old_bases = {each["id"]: each for each in old.get("bases", ())}
    result = {
        "vocabularies": {
            name: _derive_vocabulary(name, given or {}, sources, where) or old["vocabularies"][name]
            for name, given in decided["vocabularies"].items()
        },
        "templates": {**old.get("templates", {}), **_derive_templates(sources)},
        "bases": [_derive_base(each, sources, where) or old_bases[each["id"]] for each in decided["bases"]],
    }
    text = yaml.safe_dump(result, sort_keys=False, allow_unicode=True, width=112)
    target.write_text(_HEADER + text, encoding="utf-8")
    return len(result["bases"])


def _read_table(sources: Path) -> dict[str, str]:
    """Read the source of each file of the folder."""
    with (sources / "sources.tsv").open(encoding="utf-8", newline="") as file:
        return {row["path"]: row["where"] for row in csv.DictReader(file, delimiter="\t")}


def _derive_base(given: Mapping[str, Any], sources: Path, where: Mapping[str, str]) -> dict[str, Any] | None:
    """Build the entry of one base model; ``None`` if the folder does not hold its configuration."""
    path = f"configs/{given['id'].replace('/', '--')}.json"
    if not (sources / path).exists():
        return None
    traits = _read(sources / path, "config.json", read_json)[0]
    shape = {fact.dimension: fact.value for fact in traits.dimensions}
    context = shape.pop(Dimension.CONTEXT, 0)
    entry: dict[str, Any] = {"id": given["id"]}
    entry |= {key: given[key] for key in ("names", "license") if key in given}
    entry |= {"architecture": traits.architecture, "shape": {str(key): value for key, value in shape.items()}}
    entry |= {key: given[key] for key in ("vocabulary", "template") if key in given}
    return entry | ({"context": context} if context else {}) | {"source": where[path]}


def _derive_vocabulary(
    name: str, given: Mapping[str, Any], sources: Path, where: Mapping[str, str]
) -> dict[str, Any] | None:
    """Build the entry of one vocabulary; ``None`` if neither a copy nor its size is at hand."""
    special = {"special-tokens": given["special-tokens"]} if "special-tokens" in given else {}
    for path in sorted((sources / "vocabularies").glob(f"{name}.*")):
        fact = _read_vocabulary(path)
        source = where[f"vocabularies/{path.name}"]
        return {"tokens": fact.tokens, **special, "segments": " ".join(fact.segments), "source": source}
    if "tokens" not in given:
        return None
    return {"tokens": given["tokens"], **special, "source": "its size alone; no copy of the tokens was at hand"}


def _read_vocabulary(path: Path) -> VocabularyFact:
    """Read the vocabulary of one file. Raises ``ValueError`` if it has none."""
    if path.suffix == ".tiktoken":
        fact = next((each.vocabulary for each in read_tiktoken(path.read_text(encoding="ascii"))), None)
    else:
        fact = next((each.vocabulary for each in _read(path, *_READERS[path.suffix]) if each.vocabulary), None)
    if fact is None:
        raise ValueError(f"{path}: no vocabulary was found")
    return fact


def _derive_templates(sources: Path) -> dict[str, str]:
    """Digest the pieces of each template of the folder."""
    return {
        path.stem: " ".join(piece.digest for piece in cut_template(path.read_text(encoding="utf-8")))
        for path in sorted((sources / "templates").glob("*.jinja"))
    }


def _read(path: Path, name: str, read: Any) -> list[ModelTraits]:
    """Read a file under a name, and return the traits that it states."""
    data = path.read_bytes()
    # A window returns at most so many bytes; those of a script may be of any size.
    limits = Limits(read_bytes=max(len(data), 1))
    window = _Bytes(data)
    artifact = Artifact(name or path.name, window.size, make_opener(window))
    return [each for each in _expand(read(artifact, window, limits)) if isinstance(each, ModelTraits)]


def _expand(readings: Iterable[Any]) -> Iterator[Any]:
    """Yield what a reader yields, with what its steps yield in their places."""
    for reading in readings:
        if isinstance(reading, ReadingStep):
            yield from _expand(reading.read())
        else:
            yield reading


def main(arguments: Sequence[str] | None = None) -> None:
    """Derive from the folder that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sources", type=Path, required=True, help="the folder with the copies")
    options = parser.parse_args(arguments)
    sys.stdout.write(f"{derive(options.sources)} base models\n")


if __name__ == "__main__":
    main()
