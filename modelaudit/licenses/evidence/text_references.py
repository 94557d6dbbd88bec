"""Find names of licences and of base models in the running text of a model card."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelaudit.licenses.evidence.fields import LINEAGE_CLAIM_LIMIT, Resolver
from modelaudit.licenses.evidence.hub_ids import parse_hub_id
from modelaudit.licenses.recognition import LicenseReference
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.terms import Relation

# The text after a name that a sentence continues: ". The ..." or ", Copyright 2024 ...".
_SENTENCE_REST = defer_pattern(r"(?:\.\s+[A-Z]|[,.;]?\s+Copyright\b).*\Z", re.DOTALL)
# " License" at the end of "Apache 2.0 License".
_LICENSE_NOUN = defer_pattern(r"\s+(?:licen[cs]e|agreement|terms)\Z", re.IGNORECASE)
_LICENSE_ALONE = defer_pattern(r"(?:following\s)?licen[cs]e", re.IGNORECASE)
# " (CC BY 4.0)" at the end of "Creative Commons Attribution (CC BY 4.0)"; the last mark may be lost with the sentence.
_PARENTHESIS = defer_pattern(r"\s*\((?P<short>[^()]*)\)?\Z")
# Lines of the Hub's card template, such as "- **Finetuned from model [optional]:** acme/base". Many authors fill them
# in and leave the front matter empty.
# Source: https://github.com/huggingface/huggingface_hub/blob/main/src/huggingface_hub/templates/modelcard_template.md
_TEMPLATE_LINE = defer_pattern(
    r"^[ \t>*+-]{0,8}[*_]{0,3}(?P<field>(?:fine-?tuned from|base)(?: model)?)(?:[ \t]{0,2}\[optional\])?"
    r"[ \t]{0,2}[*_]{0,3}[ \t]{0,2}:[ \t]{0,2}[*_]{0,3}[ \t]{0,4}(?P<value>[^\r\n]{1,300})",
    re.IGNORECASE | re.MULTILINE,
)
_LIST_SEPARATOR = defer_pattern(r"[ \t]*(?:[,;&]|\band\b)[ \t]*")
_MARKDOWN_LINK = defer_pattern(r"\[(?P<name>[^\[\]]{0,200})\]\((?P<url>[^()\s]{1,250})\)")
# "License: gemma", "- **Licence:** MIT", or a heading "## License" with the name in the next line that is not blank.
_LICENSE_LINE = defer_pattern(
    r"^(?:#{1,6}[ \t]{1,4}licen[cs](?:e|es|ing)[ \t:]{0,4}\r?\n(?:[ \t]{0,8}\r?\n){0,3}"
    r"|[ \t>*+-]{0,8}[*_]{0,3}licen[cs]e[ \t]{0,2}[*_]{0,3}[ \t]{0,2}:[ \t]{0,2})"
    r"[*_]{0,3}[ \t]{0,4}(?P<value>[^\r\n]{1,200})$",
    re.IGNORECASE | re.MULTILINE,
)
# A bare Hub id in a sentence, with its revision if it has one. The name must hold a digit or a hyphen, so that
# "input/output" is none.
_BARE_HUB_ID = r"[A-Za-z0-9][\w.-]{1,60}/(?=[\w.-]*[\d-])[\w.-]{2,90}(?:@[\w.-]{1,90})?"
_BARE_HUB_PAGE = r"<?https?://(?:www\.)?(?:huggingface\.co|hf\.co)/[\w./@-]{1,200}"
# Sentences by trainers, converters and authors that name the base model, as a link or as a bare Hub id:
# "fine-tuned version of [base](https://huggingface.co/acme/base)", "quantized from acme/base-7b", and the bare address.
_DERIVATION = defer_pattern(
    r"\b(?P<how>fine-?tun\w*|finetune|quanti[sz]\w*|initiali[sz]ed|started|converted|conversion|distill\w*|merged?|adapters?|lora|derived"
    r"|derivative|trained|based|built)\b[^.\n\[\]/]{0,60}?\b(?:of|from|on top of|on|for|upon|over)\s{1,3}"
    r"(?:the\s{1,3})?(?:model\s{1,3})?[*_`\"']{0,3}"
    rf"(?:(?P<link>\[[^\[\]]{{0,200}}\]\((?P<url>[^()\s]{{1,250}})\))|(?P<page>{_BARE_HUB_PAGE})|(?P<name>{_BARE_HUB_ID}))",
    re.IGNORECASE,
)
# The list that mergekit writes: "The following models were included in the merge:" and items below it.
_MERGE_LIST = defer_pattern(
    r"following\s{1,3}models\b[^:\n]{0,60}merge[^:\n]{0,40}:"
    r"(?P<list>(?:\s{0,4}\n[ \t]*[-*+][^\n]{1,400}|\s{0,4}\n){1,400})",
    re.IGNORECASE,
)
_MERGE_ITEM = defer_pattern(
    r"\[[^\[\]]{0,200}\]\((?P<url>[^()\s]{1,250})\)|[-*+][ \t]{1,4}(?P<name>" + _BARE_HUB_ID + ")"
)
_HUB_PAGE = defer_pattern(r"(?:https?://(?:www\.)?(?:huggingface\.co|hf\.co)/|hf://)", re.IGNORECASE)
_RELATION_WORDS = (
    ("quant", Relation.QUANTIZED), ("distill", Relation.DISTILLED), ("merge", Relation.MERGE),
    ("adapter", Relation.ADAPTER), ("lora", Relation.ADAPTER), ("fine", Relation.FINETUNE),
)  # fmt: skip


def find_identifier_lines(text: str, resolver: Resolver) -> Iterator[LicenseReference]:
    """Yield the first line that holds the name of a licence alone, in any known spelling: ``License: gemma``."""
    seen: set[str] = set()
    for match in _LICENSE_LINE.finditer(text):
        value = match["value"].strip("*`\"'“”<> \t.")
        link = _MARKDOWN_LINK.fullmatch(value)
        name, url = (link["name"], link["url"]) if link else (value, "")
        license_id = resolver.find_license(name) or (resolver.find_license(url) if url else None)
        if license_id is not None and license_id not in seen:
            seen.add(license_id)
            line = text.count("\n", 0, match.start("value")) + 1
            yield LicenseReference(name, url, line, " ".join(match[0].split()))


def find_template_base_models(text: str) -> Iterator[tuple[int, str, Relation]]:
    """Yield the base models in the lines of the Hub's template, each once.

    Yields:
        (line number from 1, Hub id with owner, relation).
    """
    seen: set[str] = set()
    for match in _TEMPLATE_LINE.finditer(text):
        relation = Relation.FINETUNE if "tuned" in match["field"].lower() else Relation.UNSTATED
        pieces = _LIST_SEPARATOR.split(match["value"].strip())
        hub_ids = dict.fromkeys(_parse_base_model(piece) for piece in pieces)
        for hub_id in hub_ids:
            if hub_id is not None and hub_id not in seen and len(seen) < LINEAGE_CLAIM_LIMIT:
                seen.add(hub_id)
                yield text.count("\n", 0, match.start()) + 1, hub_id, relation


def find_sentence_base_models(text: str) -> Iterator[tuple[int, str, Relation]]:
    """Yield the base models that sentences name, and those in lists of merged models, in each form once.

    Yields:
        (line number from 1, Hub id with owner, relation).
    """
    seen: set[str] = set()
    for match in _DERIVATION.finditer(text):
        hub_id = _resolve_hub_link(match["url"] or _strip_address(match["page"]), match["name"])
        verb = match["how"].lower()
        relation = next((each for stem, each in _RELATION_WORDS if verb.startswith(stem)), Relation.UNSTATED)
        # "based on a/b" is too common in prose: a bare ``a/b`` counts as an id only after a verb of model making.
        is_model_verb = relation is not Relation.UNSTATED or verb.startswith(("deriv", "conver", "initial", "start"))
        if not hub_id or hub_id in seen or len(seen) >= LINEAGE_CLAIM_LIMIT:
            continue
        if match["url"] or match["page"] or is_model_verb:
            seen.add(hub_id)
            yield text.count("\n", 0, match.start()) + 1, hub_id, relation
    merged: set[str] = set()
    for merge_list in _MERGE_LIST.finditer(text):
        for item in _MERGE_ITEM.finditer(merge_list["list"]):
            hub_id = _resolve_hub_link(item["url"], item["name"])
            if hub_id and hub_id not in merged and len(merged) < LINEAGE_CLAIM_LIMIT:
                merged.add(hub_id)
                line = text.count("\n", 0, merge_list.start("list") + item.start()) + 1
                yield line, hub_id, Relation.MERGE


def _strip_address(page: str | None) -> str | None:
    """Strip what belongs to the sentence around a bare address."""
    return page.lstrip("<").rstrip(".-/") if page else None


def _resolve_hub_link(url: str | None, name: str | None) -> str | None:
    """Resolve a Hub page or a bare id with owner to a model id; data sets, spaces and other sites give ``None``."""
    if url is not None and (not _HUB_PAGE.match(url) or "/datasets/" in url or "/spaces/" in url):
        return None
    # The full stop or hyphen behind a bare id belongs to the sentence.
    hub_id = parse_hub_id(url or (name or "").rstrip(".-"))
    return hub_id if hub_id and "/" in hub_id else None


def resolve_reference(reference: LicenseReference, resolver: Resolver) -> str | None:
    """Resolve a reference to a licence by its name, by its shortened name, or by its link target."""
    name = _SENTENCE_REST.sub("", reference.name)
    short = _PARENTHESIS.search(name)
    bare = " ".join(_PARENTHESIS.sub("", name).split())
    spellings = (reference.name, name, _LICENSE_NOUN.sub("", name), bare, _LICENSE_NOUN.sub("", bare), reference.url)
    found = next(filter(None, (resolver.find_license(each) for each in spellings if each)), None)
    abbreviated = resolver.find_license(short["short"]) if short else None
    if found is None and _LICENSE_ALONE.fullmatch(bare):
        return abbreviated
    # "MIT License (CC BY-NC 4.0)" names two licences, and neither is sure.
    return found if abbreviated in (None, found) else None


def _parse_base_model(piece: str) -> str | None:
    """Parse a whole name or link as a Hub id with owner; single words of a sentence give ``None``."""
    bare = piece.strip("*`\"'“”<> \t.")
    link = _MARKDOWN_LINK.fullmatch(bare)
    hub_id = parse_hub_id(link["url"] if link else bare)
    return hub_id if hub_id and "/" in hub_id else None
