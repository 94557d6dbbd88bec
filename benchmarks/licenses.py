"""What this and other tools make of licence texts, of texts that are changed, and of texts that are none.

``python benchmarks/licenses.py --write`` measures texts that dependencies and the system ship, with labels of their own
metadata. ``--texts FOLDER`` adds vendors' texts, laid out as ``rules/fingerprints/derive.py`` reads them: they are in
no file of this project. Each section is a function in ``SECTIONS`` that takes a ``Bench`` and yields lines.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from figures import add_options, describe_machine, publish_report, render_table
from license_repositories import render_thousand, render_traps
from license_texts import (
    LicenseText,
    change_text,
    collect_common_texts,
    collect_package_texts,
    collect_pattern_texts,
    collect_prose,
    folder_texts,
    write_text_repository,
)
from scanners import PEERS, clean_environment, make_environment, read_version

import modelaudit
from modelaudit.catalogue import load_catalogue
from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.licenses.recognition import Likeness, TextMatch, recognise_texts
from modelaudit.licenses.recognition.standard import normalize_spdx_id
from modelaudit.model.terms import LicenseCategory

RESULTS = "licenses.md"
TOOLS = ("licenseclassifier", "promptfoo", "aisbom")
"""In the order of the tables; the first runs in our own environment, for it is a dependency."""
_OPEN = (LicenseCategory.PUBLIC_DOMAIN, LicenseCategory.PERMISSIVE)
_PERMISSIVE_NAMES = ("mit", "apache", "bsd", "isc", "zlib", "unlicense", "cc0", "0bsd", "x11")
_TIMEOUT = 3600


@dataclass
class Bench:
    """What the sections share.

    Attributes:
        pythons: interpreter by tool; a tool that cannot be had is left out.
        texts: by group.
    """

    folder: Path
    pythons: dict[str, str]
    texts: dict[str, list[LicenseText]] = field(default_factory=dict)

    @cached_property
    def known(self) -> frozenset[str]:
        """The licences of the rule set, and those that only fingerprints have."""
        return frozenset(load_catalogue().licenses) | load_fingerprints().licenses

    def ours(self, text: str) -> tuple[TextMatch, ...]:
        """Recognise the licences in one text."""
        return recognise_texts(text, load_fingerprints(), self.known)

    def named(self, tool: str, texts: Sequence[str]) -> list[list[str]]:
        """Ask another tool for the licence of each text, given as the licence file of a model."""
        with tempfile.TemporaryDirectory() as place:
            paths = [str(write_text_repository(Path(place) / str(number), text)) for number, text in enumerate(texts)]
            ran = subprocess.run(
                [self.pythons[tool], str(PEERS / "license_worker.py"), tool], input="\n".join(paths) + "\n",
                cwd=PEERS, env=clean_environment(self.pythons[tool]), capture_output=True, text=True, timeout=_TIMEOUT,
                check=False,
            )  # fmt: skip
        rows = [json.loads(line) for line in ran.stdout.splitlines()]
        found = {row["path"]: row["licenses"] for row in rows if "path" in row}
        return [found.get(path, ["failed: no answer"]) for path in paths]

    def is_permissive(self, name: str) -> bool:
        """Whether a name is that of a licence which asks for little."""
        entry = load_catalogue().licenses.get(normalize_spdx_id(name))
        if entry is not None:
            return entry.category in _OPEN
        return name.lower().startswith(_PERMISSIVE_NAMES)


def _strip_later_versions(id_: str) -> str:
    """Strip the choice of later versions from an id, because the text does not state it."""
    return re.sub(r"-(?:only|or-later)$", "", id_)


def _judge_own_answer(matches: Sequence[TextMatch], of: str) -> str:
    """``right``; ``variant``, the right one, reported as changed; ``like``, a variant of another; or ``missed``."""
    licenses = [match for match in matches if not match.policy]
    exact = {_strip_later_versions(match.id) for match in licenses if match.likeness is Likeness.EXACT}
    if exact:
        return "right" if exact == {_strip_later_versions(of)} else "wrong"
    if not licenses:
        return "missed"
    return "variant" if _strip_later_versions(of) in {_strip_later_versions(match.id) for match in licenses} else "like"


def _judge_their_answer(names: Sequence[str], of: str) -> str:
    found = {_strip_later_versions(normalize_spdx_id(name)) for name in names if not name.startswith("failed")}
    if not found:
        return "missed"
    return "right" if found == {_strip_later_versions(of)} else "wrong"


def _render_comparison(bench: Bench, texts: Sequence[LicenseText]) -> Iterator[str]:
    """Render a table of the answers of every tool for these texts."""
    rows = [
        ("ours", [_judge_own_answer(bench.ours(each.text), each.of) for each in texts], _list_permitted(bench, texts))
    ]
    for tool in bench.pythons:
        names = bench.named(tool, [each.text for each in texts])
        pairs = list(zip(names, texts, strict=True))
        verdicts = [_judge_their_answer(found, each.of) for found, each in pairs]
        rows.append((tool, verdicts, sum(_is_wrongly_permissive(bench, found, each) for found, each in pairs)))
    shown = []
    for tool, verdicts, wrong in rows:
        count = Counter(verdicts)
        numbers = (count["right"], count["variant"], count["like"], count["missed"], count["wrong"], wrong)
        shown.append((tool, str(len(texts)), *map(str, numbers)))
    head = ("tool", "texts", "right", "right, as changed", "like another", "missed", "wrong", "wrongly permissive")
    yield from render_table(head, shown)


def _is_wrongly_permissive(bench: Bench, names: Sequence[str], text: LicenseText) -> bool:
    return any(
        bench.is_permissive(name)
        for name in names
        if _strip_later_versions(normalize_spdx_id(name)) != _strip_later_versions(text.of)
    )


def _list_permitted(bench: Bench, texts: Sequence[LicenseText]) -> int:
    exact = (
        [match.id for match in bench.ours(each.text) if match.likeness is Likeness.EXACT and not match.policy]
        for each in texts
    )
    return sum(_is_wrongly_permissive(bench, names, each) for names, each in zip(exact, texts, strict=True))


def render_standard_texts(bench: Bench) -> Iterator[str]:
    """Texts of standard licences."""
    one_each: dict[str, LicenseText] = {}
    for each in (*bench.texts["common"], *bench.texts["pattern"], *bench.texts["package"]):
        if each.of in bench.known:
            one_each.setdefault(_strip_later_versions(each.of), each)
    yield from ("## Standard texts", "")
    yield f"One of each of {len(one_each)} licences, as Debian, patterns of licenseclassifier or an installed package"
    yield f"have it: {', '.join(sorted(each.of for each in one_each.values()))}."
    yield "The label is that of the file, pattern or package. No text states if later versions may be chosen. Patterns"
    yield "hold more than one form of a text at once, so a text made from them differs from each form."
    yield "The library that they are of knows its own, of course: the packages below are the fairer comparison."
    yield ""
    yield from _render_comparison(bench, list(one_each.values()))
    yield f"All {len(bench.texts['package'])} installed packages that name one licence and ship one licence file:"
    yield ""
    yield from _render_comparison(bench, bench.texts["package"])
    if bench.texts["standard"]:
        yield "The texts behind the fingerprints:"
        yield ""
        yield from _render_comparison(bench, bench.texts["standard"])


def render_model_texts(bench: Bench) -> Iterator[str]:
    """Texts of AI licences."""
    yield from ("## Texts of AI licences", "")
    if not bench.texts["ai"]:
        yield from ("Not measured: no folder of texts was given.", "")
        return
    yield "The fingerprints were made of these texts, so this shows that they are distinguished, and not how they fare"
    yield "in the field; a text that was not compared with its source byte for byte is called a variant."
    yield ""
    yield from _render_comparison(bench, bench.texts["ai"])


def render_edited_texts(bench: Bench) -> Iterator[str]:
    """A sentence added, or taken out."""
    sources = [each for group in ("common", "package", "pattern", "standard", "ai") for each in bench.texts[group]]
    unique = {each.text: each for each in sources}
    cases = [
        (what, text, each.of)
        for number, each in enumerate(unique.values())
        for what, text in change_text(each, number)
    ]  # fmt: skip
    yield from ("## A sentence added or taken out", "")
    yield f"{len(unique)} texts, each with a restricting sentence added in three places, thrice without one of its own."
    yield "The columns count the changed texts that are still called the licence itself."
    yield ""
    rows = []
    for what in ("added", "removed"):
        chosen = [(text, of) for kind, text, of in cases if kind == what]
        ours = sum(_judge_own_answer(bench.ours(text), of) == "right" for text, of in chosen)
        names = bench.named("licenseclassifier", [text for text, _ in chosen])
        theirs = sum(_judge_their_answer(found, of) == "right" for found, (_, of) in zip(names, chosen, strict=True))
        rows.append((f"a sentence {what}", str(len(chosen)), str(ours), str(theirs)))
    yield from render_table(("change", "texts", "ours", "licenseclassifier"), rows)


def render_policy_texts(bench: Bench) -> Iterator[str]:
    """Use policies."""
    yield from ("## Use policies", "")
    if not bench.texts["policy"]:
        yield from ("Not measured: no folder of texts was given.", "")
        return
    texts = bench.texts["policy"]
    found = [bench.ours(each.text) for each in texts]
    pairs = zip(found, texts, strict=True)
    right = sum(any(match.policy and match.id == each.of for match in matches) for matches, each in pairs)
    called = sum(any(not match.policy for match in matches) for matches in found)
    rows = [("ours", str(len(texts)), str(right), str(called))]
    for tool in bench.pythons:
        names = bench.named(tool, [each.text for each in texts])
        called = sum(any(not name.startswith("failed") for name in each) for each in names)
        rows.append((tool, str(len(texts)), "", str(called)))
    yield from render_table(("tool", "policies", "named", "called a licence"), rows)


def render_ordinary_prose(bench: Bench) -> Iterator[str]:
    """Texts that are no licence."""
    texts = bench.texts["prose"]
    begun = time.perf_counter()
    found = [(each, bench.ours(each.text)) for each in texts]
    seconds = time.perf_counter() - begun
    size = sum(len(each.text) for each in texts)
    alarmed = [(each, matches) for each, matches in found if matches]
    yield from ("## Ordinary texts", "")
    yield f"{len(texts)} README, CHANGELOG, EULA, like files and descriptions, {size // 1000} kB, in {seconds:.1f} s."
    exact = sum(any(match.likeness is Likeness.EXACT for match in matches) for _, matches in alarmed)
    yield f"Called a licence: {exact}. Reported to hold a text that resembles one: {len(alarmed)}, which are:"
    yield ""
    for each, matches in alarmed:
        listed = ", ".join(f"{match.id} (line {match.line}, {match.share:.2f})" for match in matches[:3])
        yield f"- {each.place}: {listed}"
    yield ""
    names = {tool: bench.named(tool, [each.text for each in texts]) for tool in bench.pythons}
    rows = [("ours", str(len(texts)), str(exact))]
    rows += [
        (tool, str(len(texts)), str(sum(any(not name.startswith("failed") for name in each) for each in answers)))
        for tool, answers in names.items()
    ]
    yield from render_table(("tool", "texts", "called a licence"), rows)


def render_speed(bench: Bench) -> Iterator[str]:
    """Time of recognition alone, of texts not seen before."""
    groups = ("common", "package", "pattern", "standard", "ai", "policy")
    texts = list(dict.fromkeys(each.text for group in groups for each in bench.texts[group]))
    yield from ("## Time", "")
    for kind, end in (
        ("not seen before", "\n"),
        ("with one word added, so that all that is like them is compared", "\nx\n"),
    ):
        fresh = [text + 3 * end for text in texts]
        begun = time.process_time()
        for text in fresh:
            bench.ours(text)
        seconds, size = time.process_time() - begun, sum(map(len, fresh))
        each = seconds / size * 10_000 * 1000
        yield f"- {len(fresh)} texts {kind}, {size // 1000} kB: {seconds:.2f} s of CPU time, {each:.1f} ms for 10 kB"
    yield ""


SECTIONS: list[Callable[[Bench], Iterator[str]]] = [
    render_standard_texts,
    render_model_texts,
    render_traps,
    render_edited_texts,
    render_policy_texts,
    render_ordinary_prose,
    render_speed,
    render_thousand,
]
"""Further sections are appended here: each takes the ``Bench`` and yields lines of Markdown."""


def main() -> None:
    """Measure, print and perhaps keep."""
    parser = add_options(__doc__ or "", RESULTS)
    texts = os.environ.get("TEXTS")
    parser.add_argument("--texts", type=Path, default=Path(texts) if texts else None, help="a folder of licence texts")
    chosen = parser.parse_args()
    pythons = {"licenseclassifier": make_environment("ours", chosen.folder / "peers")}
    pythons |= {tool: make_environment(tool, chosen.folder / "peers") for tool in TOOLS[1:]}
    bench = Bench(chosen.folder, {tool: python for tool, python in pythons.items() if python is not None})
    for each in (
        *collect_common_texts(),
        *collect_package_texts(),
        *collect_pattern_texts(),
        *collect_prose(),
        *(folder_texts(chosen.texts) if chosen.texts else ()),
    ):
        bench.texts.setdefault(each.group, []).append(each)
    for group in ("common", "package", "pattern", "standard", "ai", "policy", "prose"):
        bench.texts.setdefault(group, [])
    peers = ", ".join(f"{tool} {read_version(tool)}" for tool in bench.pythons if tool in TOOLS[1:])
    lines = ["# Licence texts", "", f"{describe_machine('bench-licenses')}ours {modelaudit.__version__}, {peers}.", ""]
    for section in SECTIONS:
        lines += section(bench)
    publish_report("\n".join(lines), RESULTS, chosen.write)


if __name__ == "__main__":
    main()
