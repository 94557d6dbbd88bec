"""Parse the YAML front matter of a model card: the fields about licence, base models and data sets.

Source: the metadata that the Hub reads from ``README.md``, https://huggingface.co/docs/hub/model-cards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import count

from msgspec import Struct

from modelaudit.languages.card_defects import CardDefect
from modelaudit.languages.stated_values import flatten_node, keep_values
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.stated import CARD_SOURCE
from modelaudit.model.structure import CardField, Defect, Location, ModelCard
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.documents import iterate_lines
from modelaudit.wire.yaml_text import Node, YamlError, compose_document

FIELDS = frozenset(
    {
        "license",
        "license_name",
        "license_link",
        "base_model",
        "base_model_relation",
        "datasets",
        "model-index",
        "new_version",
        "language",
        "library_name",
        "pipeline_tag",
        "tags",
    }
)
"""The fields that are kept."""
_NESTED_FIELDS = frozenset({"model-index"})
"""Fields with mappings by their specification: https://huggingface.co/docs/hub/model-cards#evaluation-results"""

# Misspelt field names about licence and base models, which the Hub ignores.
_MISSPELT = {
    "licence": "license",
    "licenses": "license",
    "licences": "license",
    "licence_name": "license_name",
    "licence_link": "license_link",
    "license_url": "license_link",
    "base_models": "base_model",
    "basemodel": "base_model",
    **dict.fromkeys(
        ("finetuned_from", "finetuned_from_model", "fine_tuned_from", "original_model", "parent_model", "source_model"),
        "base_model",
    ),
    "dataset": "datasets",
}
_LICENSE_FIELDS = frozenset(
    {"license", "license_name", "license_link", "base_model", "base_model_relation", "datasets"}
)
_LICENSE_WORD = defer_pattern(r"(?:^|_)licen[cs]es?(?:_|$)")
_DATA_WORD = defer_pattern(r"data|corpus|code")
# In a mapping in place of a name, the first of these keys holds the name.
_NAME_KEYS = ("id", "spdx_id", "spdx", "identifier", "name", "model", "path", "type", "title", "url", "link")
_FIELD = defer_pattern(r"^[\"']?([A-Za-z_][\w-]*)[\"']?[ \t]*:", re.MULTILINE)
_SKIPPED_FIELDS = (FIELDS - {"tags"}) | {
    *("widget", "inference", "metrics", "model_index", "dataset_info", "configs", "co2_eq_emissions", "eval_results"),
    *("thumbnail", "model_name", "model_creator", "prompt_template", "quantized_by", "train_eval_index"),
}
"""The fields that ``read_card`` parses, and those whose values do not state terms, such as a widget's sample input.

Tags are parsed too, but they can contain terms, so they are not skipped.
"""
_MAX_DEPTH = 3
_MAX_STEPS = 1000
_FENCE = "---"
_MAX_FRONT_MATTER = MIB
_MAX_DEFECTS = 50  # of keys that repeat or are misspelt; every value of such a key is read


class FrontMatter(Struct, frozen=True):
    """The lines between the two fences.

    Attributes:
        text: without the fences; it runs to the end of the file if the second fence is missing. Only its start is kept
            if it exceeds the limit.
        first_line: line number, from 1, of its first line.
        line_count: the number of its lines.
        closed: whether the second fence is present.
    """

    text: str
    first_line: int
    line_count: int
    closed: bool

    @property
    def is_too_long(self) -> bool:
        """Whether it exceeds the limit and is not parsed."""
        return len(self.text) > _MAX_FRONT_MATTER


def split_front_matter(pieces: Iterable[str]) -> FrontMatter | None:
    """Split off the front matter of a Markdown text that arrives in pieces.

    Returns:
        The front matter; ``None`` if the first line of the text that is not blank is not a fence.
    """
    kept: list[str] = []
    left = _MAX_FRONT_MATTER + 1  # one more than the limit, so that a longer text is known to exceed it
    first_line = line_count = 0
    for number, line in enumerate(iterate_lines(pieces, left), 1):
        is_fence = line.rstrip() == _FENCE
        if not first_line:
            if is_fence:
                first_line = number + 1
            elif line.strip():
                return None
        elif is_fence:
            return FrontMatter("".join(kept), first_line, line_count, closed=True)
        else:
            line_count += 1
            if left > 0:
                kept.append(line[:left])
                left -= len(kept[-1])
    return FrontMatter("".join(kept), first_line, line_count, closed=False) if first_line else None


def iter_free_fields(matter: FrontMatter) -> Iterator[tuple[str, int]]:
    """Yield the text of each field that is not in ``_SKIPPED_FIELDS``, with its first line, as it may contain terms.

    Such are fields that an author invented, the tags, and the questions of an access gate, whose terms a user must
    accept before downloading.
    """
    if matter.is_too_long:
        return
    starts = list(_FIELD.finditer(matter.text))
    for start, following in zip(starts, (*starts[1:], None), strict=False):
        if start[1].lower().replace("-", "_") not in _SKIPPED_FIELDS:
            text = matter.text[start.start() : following.start() if following else len(matter.text)]
            yield text, matter.first_line + matter.text.count("\n", 0, start.start())


def read_card(matter: FrontMatter, limits: Limits) -> Iterator[Reading]:
    """Yield the fields of the front matter about licence and lineage, then all of its values.

    Front matter that is not closed, too long, not YAML or not a mapping is a defect. The fields before it are kept.
    """
    top, error = (None, None) if matter.is_too_long else compose_document(matter.text, limits)
    yield _parse_card(matter, top, error)
    yield from keep_values(CARD_SOURCE, flatten_node(top, matter.first_line - 1))


def _parse_card(matter: FrontMatter, top: Node | None, error: DamagedError | None) -> ModelCard:
    """Parse the fields of a tree of the front matter, which ends at ``error`` if there is one."""
    defects: list[Defect] = []
    if not matter.closed:
        where = Location(line=matter.first_line - 1)
        defects.append(
            Defect(CardDefect.FRONT_MATTER_INVALID, "the front matter is never closed by a line of ---", where)
        )
    if matter.is_too_long:
        detail = f"the front matter is longer than {_MAX_FRONT_MATTER} characters"
        return ModelCard(
            (), (*defects, Defect(CardDefect.FRONT_MATTER_INVALID, detail, Location(line=matter.first_line)))
        )
    # Front matter that is never closed runs into the Markdown, which is not YAML; that defect is recorded above.
    if error is not None and matter.closed:
        defects.append(_build_yaml_defect(error, matter.first_line))
    # Empty front matter is a null scalar, and no defect.
    is_empty = top is not None and top.kind == "scalar" and top.text is None
    if top is not None and top.kind != "mapping" and not is_empty:
        where = Location(line=matter.first_line)
        defects.append(Defect(CardDefect.FRONT_MATTER_TYPE, f"the front matter is a {top.kind}, not a mapping", where))
        top = None
    fields = _parse_fields(top, matter.first_line - 1, defects) if top is not None else []
    return ModelCard(tuple(fields), tuple(defects))


def _build_yaml_defect(error: DamagedError, first_line: int) -> Defect:
    """Build the defect for a YAML error; ``first_line`` is the line of the front matter in the file, from 1."""
    line = first_line - 1 + (error.line if isinstance(error, YamlError) else 1)
    fault = "was not read to its end" if isinstance(error, LimitReachedError) else "is not YAML"
    return Defect(CardDefect.FRONT_MATTER_INVALID, f"the front matter {fault}: {error}", Location(line=line))


def _parse_fields(top: Node, line_offset: int, defects: list[Defect]) -> list[CardField]:
    """Parse the known fields, misspelt ones included; a misspelt or repeated field adds a defect.

    Args:
        top: the mapping of the front matter.
        line_offset: is added to the lines of the nodes, which count from the front matter.
        defects: gets the defects.
    """
    fields: list[CardField] = []
    seen: set[str] = set()
    for key, value in _iter_pairs(top, line_offset, defects):
        name = key.text
        if key.kind != "scalar" or name is None:
            continue
        line = key.line + line_offset
        if name in seen and len(defects) < _MAX_DEFECTS:
            where = Location(line=line, key=name)
            defects.append(Defect(CardDefect.DUPLICATE_KEY, f"the front matter has the field {name!r} twice", where))
        seen.add(name)
        known_name = name if name in FIELDS else _normalize_field_name(name)
        if known_name != name and known_name and len(defects) < _MAX_DEFECTS:
            where = Location(line=line, key=known_name)
            detail = f"the front matter has {name[:100]!r}, which the Hub does not read; it reads {known_name!r}"
            defects.append(Defect(CardDefect.FRONT_MATTER_SPELLING, detail, where))
        if known_name:
            values = _collect_values(known_name, value, line, defects)
            fields += (CardField(known_name, values, line), *_parse_tags(known_name, values, line))
    return fields


def _normalize_field_name(name: str) -> str:
    """Return the known field that a name in another case or spelling means; empty for any other field."""
    folded = name.strip().lower().replace("-", "_").replace(" ", "_")
    folded = _MISSPELT.get(folded, folded)
    if folded in _LICENSE_FIELDS:
        return folded
    if _DATA_WORD.search(folded):  # ``dataset_license`` and ``code_license`` are not about the model
        return ""
    # ``weights_license`` and ``license_details`` add terms to the ``license`` field.
    return "license" if _LICENSE_WORD.search(folded) else ""


def _parse_tags(name: str, values: tuple[str, ...], line: int) -> Iterator[CardField]:
    """Yield the fields that tags state in the Hub's form: ``license:mit``, ``base_model:merge:org/name``."""
    for value in values if name == "tags" else ():
        key, _, stated = value.partition(":")
        if key in ("license", "base_model") and stated.strip():
            # The value follows the last colon: ``merge`` is a relation.
            yield CardField(key, (stated.rpartition(":")[2].strip(),), line)


def _iter_pairs(top: Node, line_offset: int, defects: list[Defect], depth: int = 0) -> Iterator[tuple[Node, Node]]:
    """Yield the fields of a mapping, and those of a YAML merge key that the mapping does not define itself.

    A merged mapping can merge others in turn; ``depth`` counts them, because aliases can make them recursive. One that
    is merged beyond a bound adds a defect, without a key because it may have any field.
    """
    pairs = list(zip(top.items[::2], top.items[1::2], strict=False))
    own_names = {key.text for key, _ in pairs}
    for key, value in pairs:
        if key.text != "<<":
            yield key, value
            continue
        for mapping in value.items if value.kind == "sequence" else [value]:
            if mapping.kind == "mapping" and depth < _MAX_DEPTH:
                yield from (
                    (merged_key, merged_value)
                    for merged_key, merged_value in _iter_pairs(mapping, line_offset, defects, depth + 1)
                    if merged_key.text not in own_names
                )
            elif mapping.kind == "mapping" and len(defects) < _MAX_DEFECTS:
                detail = f"mappings merge others more than {_MAX_DEPTH} times, and the last were not read"
                where = Location(line=key.line + line_offset)
                defects.append(Defect(CardDefect.FRONT_MATTER_TYPE, detail, where))


def _collect_values(name: str, value: Node, line: int, defects: list[Defect]) -> tuple[str, ...]:
    """Collect the text of a scalar, or of the scalars in a sequence; any other node is a type defect.

    Nodes beyond a bound are a defect without a key, because the values that are left out may change any conclusion.
    """
    if name in _NESTED_FIELDS and value.kind != "scalar":
        return ()
    items = value.items if value.kind == "sequence" else [value]
    if any(item.kind != "scalar" for item in items):
        where = Location(line=line, key=name)
        defects.append(
            Defect(CardDefect.FRONT_MATTER_TYPE, f"the field {name!r} is neither text nor a list of texts", where)
        )
    steps = count(1)  # all items of the field share one bound
    texts: list[str] = []
    try:
        for item in items:
            texts.extend(_iter_texts(item, steps))
    except LimitReachedError as error:
        detail = f"the field {name!r} {error}, and the rest was not read"
        defects.append(Defect(CardDefect.FRONT_MATTER_TYPE, detail, Location(line=line)))
    return tuple(texts)


def _iter_texts(node: Node, steps: Iterator[int]) -> Iterator[str]:
    """Yield the text of a scalar; in a node of the wrong type, the names in it, because they may well be meant.

    YAML aliases can make a small node huge, or recursive: ``steps`` bounds the whole field.

    Raises:
        LimitReachedError: the node nests too deep, or has too many nodes.
    """
    waiting = [(node, 0)]
    while waiting:
        current, depth = waiting.pop()
        if current.kind == "scalar":
            if current.text is not None:
                yield current.text
            continue
        if depth >= _MAX_DEPTH:
            raise LimitReachedError(f"nests deeper than {_MAX_DEPTH} lists or mappings")
        items = current.items
        if next(steps) > _MAX_STEPS or len(items) > _MAX_STEPS:
            raise LimitReachedError(f"has more than {_MAX_STEPS} lists or mappings, or values in one of them")
        if current.kind == "mapping":
            named = {key.text: value for key, value in zip(items[::2], items[1::2], strict=False)}
            items = next(([named[key]] for key in _NAME_KEYS if key in named), [])
        waiting += [(item, depth + 1) for item in reversed(items)]
