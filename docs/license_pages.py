"""Pages of licences for the site, the index of licences, and worked examples of the ready policies.

An example is the output of the command for a repository of ``fixtures/`` that lies in a Hub cache. It needs no network.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from rule_pages import NOTICE

import modelaudit
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.report import AuditReport
from modelaudit.notice_texts import build_notice_files
from modelaudit.options import Options
from modelaudit.reports.json_report import parse_report, render_json
from modelaudit.reports.license_page import describe_license
from modelaudit.reports.license_screen import render_license
from modelaudit.reports.page import escape_markdown, render_page_markdown

ROOT = Path(__file__).resolve().parent.parent
CACHE = "/home/you/.cache/huggingface/hub"
WIDTH = 96

EXAMPLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "research": (("acme/paper-voice", ""), ("acme/qwen-3b-tuned", "")),
    "internal": (("acme/crawl-summarizer", ""), ("acme/llama-chat-8b", "--mau 20000")),
    "commercial-saas": (
        ("acme/llama-vision-11b", "--territory EU --mau 5e6"),
        ("acme/llama-vision-11b", "--territory US --mau 5e6"),
    ),
    "commercial-product": (("acme/gemma-2b-gguf", "--territory EU"), ("acme/merged-8b", "--territory EU")),
    "eu-regulated": (("acme/story-diffusion", ""), ("acme/story-diffusion", "--field medical-advice")),
}
"""For each ready policy that states a use: the repositories of its examples, with the options of the command."""

NOTICES_EXAMPLE = ("acme/gemma-2b-gguf", "commercial-product", "--territory EU")
"""The repository, the policy and the options of the example of ``--notices``."""


_SENTENCES = """
## Sentences outside licence texts

Authors state terms in cards, READMEs, notices, the questions of a gate and the heads of source files too. Silence is
not consent there: a sentence that speaks about licence, permission, prohibition, terms, contact before use or another
duty, and about the model, its outputs, its users, places or purposes, is quoted with its line and leaves the answer
at review, unless it agrees with the concluded licence. These mostly raise no alarm:

- names of ordinary licences, and pointers to the licence file,
- permissions, and words of ordinary licence texts,
- citations that are asked for, contact for support, questions,
- disclaimers of liability, warnings about quality, and sentences about trademarks, funding or demonstrations: a warning
  names a weakness of the model, while a prohibition stays a restriction,
- sentences about data sets, contributors, earlier versions or comparisons with other models,
- restrictions that a concluded licence states itself.

In a card the value of a label, of a short section and of a table row for the licence or the weights counts too, however
short: *License: proprietary* is quoted, unless the words name an ordinary licence or point to the licence file. An
item below *Out-of-scope use*, a cell that denies, and an answer are judged with their heading, head or question, if
they name commerce, companies, passing on or the European Union.

A sentence that forbids just what is planned, such as a territory, a field, commercial use or a revenue above an
amount, is shown first, as *probably denied*; the answer stays at review, because a person has to read the sentence.

Among the values of settings, metadata and tables, in the comments and strings of source code, in PDFs and in the texts
of PNG pictures, only the known signs of commercial use, research, territories and passing on count: other words are
those of code and data there. Settings are read up to 16 MiB, source code and PNG texts up to 2 MiB and 64 KiB, lists of
words up to 32 MiB; a larger list or source file is for review, other data above 256 KiB are not read. Pictures on the
Hub are not fetched. A card that names a base model under terms of its own in words, and no such licence, is for review.
So is a model under such terms, on record in `rules/licenses/_origins.yaml` or named in `rules/restrictions.yaml`, that
a training setting, script, log or `Modelfile` names. Code between the fences of a card counts like other source code.
Addresses of links and pictures count by the signs in them, texts of HTML attributes as sentences, and names of files
and folders by four kinds of limits; a picture or an old Word file that is named as a licence is a licence file that
was not read.

`rules/restrictions.yaml` lists the signs of known kinds of restrictions. Every other sentence gets a score, by weights
that were learned from about 25,000 example sentences and from ordinary prose (`rules/sentences/`). The vocabularies of
`rules/cues.yaml` give the sentence its kind, and a sentence that one of their combinations matches is quoted at a
lower score. A score far below the threshold outweighs a sign: the sentence is about something else, such as data. A
sentence that would be quoted is read once more by clauses: one whose subject is data, a demo, a logo, a contributor, a
former release, the work of the authors or the behaviour of the model is cut out, unless it names the weights, the
outputs or their users, and the rest is judged again (`rules/clause_subjects.yaml`). Below a heading such as "Training
data" or "Evaluation" a sentence needs a higher score, and "they" means the data; signs count everywhere. English and
Chinese are taught thoroughly; Japanese, Korean, French, German, Spanish and Russian have a twentieth of the examples
each, and more is missed there. In thirteen further languages, Italian and Arabic among them, only signs of commercial
use and research count, and any sentence with their word for a licence, unless it permits or names an ordinary licence.
Of restricting sentences by authors who did not know the method, about one of twenty was missed, and of ordinary
sentences of cards one of fifty was quoted. Sentences whose meaning comes from the ones around them, and irony, are not
noticed.

In a file that agents load by its name (`AGENTS.md`, `SKILL.md`, `.cursorrules`, `.claude/…/*.md` and the like) a
sentence without a known sign counts only if it names the model, its licence, commercial use or a territory: a
sentence of a card without a subject is about the model, and an order to an agent without one is about its own work.
Whole texts of terms and signs count there as in any document. Of the restricting sentences of the benchmark, put into
such a file one by one, 277 of 440 are noticed, and 416 in any other document.

A use policy and an unknown licence text are lists of prohibitions, so one pointer to the file covers most of them.
A sentence that forbids the stated field, territory, act or size of the planned use is the first reason,
"probably denied", with its line; so is an item of a list, read with the words or the heading before the list, in cards
too. The topics of `rules/cues.yaml` name the facts. Of an unknown licence text, the first limit of each kind is a
reason.
"""


def render_license_pages(catalogue: Catalogue) -> Mapping[str, str]:
    """Render one Markdown page for each licence, by its path within the site."""
    pages = {}
    for id_, entry in catalogue.licenses.items():
        page = render_page_markdown(describe_license(entry, catalogue.clauses.kinds))
        pages[f"licenses/{id_}.md"] = f"{page}\n[All licences](../licenses.md)\n"
    return pages


def render_license_index(catalogue: Catalogue, link: str) -> str:
    """Render the list of all licences; ``link`` is the target of a licence's link, with ``{id}`` for its identifier."""
    read = sum(bool(entry.read) for entry in catalogue.licenses.values())
    parts = [
        NOTICE,
        "# Licences\n",
        f"{len(catalogue.licenses)} licences, each in one file below `rules/licenses/`, with its clauses and their "
        f"sections. The terms of {read} were read. A use of the others is always for review. A licence that is not "
        "listed is never treated as permissive. `modelaudit explain ID` prints the page of a licence. "
        "[Licences in use](licences-in-use.md) shows the answers of the ready policies.\n",
        "A text is looked at by its words, not by its name: any text up to 256 KiB in any folder, the strings "
        "of JSON, HTML with its comments, and PDFs up to 8 MiB and 200 pages. One that reads like terms and "
        "is none of these licences leaves the use for review, unless a folder of its path names third-party "
        "work, data, a tool or a Python package, no weights lie beside it, and its words do not speak of "
        "weights (beside data or a tool: of a model or its outputs); then the report says that it is set "
        "apart. The name of a file sets nothing apart, except `LICENSE_DATA`; a known licence, word for word, "
        "speaks of the work that it was written for. Of a larger text the parts with many words of terms are "
        "looked at, within its first 2 MiB; the rest of running prose leaves the use for review. With "
        "`--path`, so do weights that lie in other folders alone. Of a repository on the Hub, at most 200 "
        "texts and 16 MiB without a name of terms are fetched, and those beyond leave the use for review.\n",
        "A licence file without a licence text names the licence of the model if a sentence, or a paragraph that is "
        "nothing but a restricting licence's name, states one licence on record; a statement on code, data or the work "
        "of others does not count. A whole text of a licence that forbids commercial use counts with sentences around "
        "it too, up to three tenths of the file. Those sentences are judged as in a card. Beside a stated licence that "
        "permits commercial use, one that is not understood word for word always leaves the use for review, and a text "
        "of such a licence with further sentences is a variant.\n",
        "| identifier | name | category | terms read | on the Hub |\n|---|---|---|---|---|",
    ]
    for id_, entry in sorted(catalogue.licenses.items(), key=lambda item: item[0].lower()):
        hub = ", ".join(f"`{name}`" for name in entry.hub_ids)
        named = f"[{escape_markdown(entry.name)}]({link.format(id=id_)})"
        parts.append(f"| {id_} | {named} | {entry.category} | {entry.read} | {hub} |")
    parts += [
        "\nThese identifiers of the Hub name a family of licences or no licence, so nothing follows from them:\n",
        *(f"- `{name}`: {escape_markdown(why)}" for name, why in sorted(catalogue.vague_licenses.items())),
        _SENTENCES,
    ]
    return "\n".join(parts)


def render_licenses_in_use(catalogue: Catalogue) -> str:
    """Render the page that shows each ready policy at work on repositories of ``fixtures/``."""
    stated = [policy for policy in catalogue.policies.values() if policy.intent.is_stated]
    parts = [
        NOTICE,
        "# Licences in use\n",
        "`modelaudit license TARGET --policy NAME` judges whether the licences that bind a model permit the intended "
        "use of the policy, and lists the obligations. The last line of each answer states the exit code: 0 for a "
        "pass, 1 for a fail, 3 if a person must decide or something was not read. A value that is not stated is "
        "unknown, and an unknown never permits. `--territory`, `--mau`, `--revenue`, `--use` and `--field` state "
        "more values. [Policies](policy.md) describes a policy of your own.\n",
        "The repositories are those of `fixtures/repositories/licenses`, laid out as in a Hub cache. Their base models "
        "are not in that cache, so the examples also show a base model that cannot be read. To try one in a checkout, "
        "name its folder: `modelaudit license fixtures/repositories/licenses/models/paper-voice --policy research "
        "--offline`.\n",
    ]
    with _make_hub_cache() as folder:
        for policy in sorted(stated, key=lambda policy: list(EXAMPLES).index(policy.name)):
            parts += [f"## {policy.name}\n", f"{escape_markdown(policy.description)}\n"]
            parts += [_render_example(name, policy.name, options, folder) for name, options in EXAMPLES[policy.name]]
        parts += _render_notices(folder)
    return "\n".join(parts)


def _render_example(name: str, policy: str, options: str, folder: Path) -> str:
    """Render a command and its output; ``folder`` is the Hub cache with the repository ``name``."""
    report = ask_license(name, policy, options, folder)
    command = " ".join(["modelaudit license", name, "--policy", policy, *options.split(), "--offline"])
    screen = render_license(report, width=WIDTH).decode().rstrip()
    return f"```console\n$ {command}\n{screen}\n```\n"


def _render_notices(folder: Path) -> Iterator[str]:
    """Yield the section on ``--notices``: the command, and each file that it writes."""
    name, policy, options = NOTICES_EXAMPLE
    yield "## The files to ship\n"
    yield (
        "`--notices OUT/` writes what a recipient of the model must get:\n\n"
        "- `NOTICE`: the words that a licence prescribes for a notice, and nothing else;\n"
        "- `COPYRIGHT.txt`: the copyright lines of the texts and of the source code, by file;\n"
        "- `texts/`: the licence texts, notices and use policies of the repository, unchanged. A text that is required "
        "and missing is the standard text, where a package of this installation ships it word for word (Apache-2.0, "
        "MIT, BSD-3-Clause, CC-BY-4.0); MIT and BSD still need the copyright line of the author;\n"
        "- `ATTRIBUTIONS.md` and `USE-RESTRICTIONS.md`: the statements to show with their places, the limits to pass "
        "on;\n"
        "- `CHECKLIST.md`: the done and the remaining steps, with the address of each missing text;\n"
        "- `MANIFEST.json`: which file came from where, with the SHA-256 of each.\n\n"
        "A second run renews its own files and removes those that are gone. A file that was there before, or that you "
        "changed since, such as a ticked checklist, is never replaced: the run ends with exit code 2.\n"
    )
    command = f"modelaudit license {name} --policy {policy} {options} --offline --notices OUT/"
    yield f"```console\n$ {command}\n```\n"
    report = ask_license(name, policy, options, folder)
    for file, content in build_notice_files(name, Options(offline=True), report).items():
        yield f"`OUT/{file}`:\n\n```text\n{content.decode().rstrip()}\n```\n"


def ask_license(name: str, policy: str, options: str, folder: Path) -> AuditReport:
    """Ask for the answer on the licence, and replace the path of the Hub cache in it by a neutral one.

    Args:
        name: the repository.
        policy: the name of a ready policy.
        options: pairs of an option and its value, as in a command: ``--territory EU --mau 5e6``.
        folder: the Hub cache.
    """
    words = options.split()
    pairs = list(zip(words[::2], words[1::2], strict=True))
    value_of = dict(pairs)
    report = modelaudit.license(
        name,
        policy=policy,
        offline=True,
        territories=[value for option, value in pairs if option == "--territory"],
        monthly_active_users=float(value_of["--mau"]) if "--mau" in value_of else None,
        field=value_of.get("--field"),
    )
    return parse_report(render_json(report).replace(str(folder).encode(), CACHE.encode()))


@contextmanager
def _make_hub_cache() -> Iterator[Path]:
    """Make a Hub cache with the repositories; ``HF_HUB_CACHE`` names it until the end of the block."""
    before = os.environ.get("HF_HUB_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        _load_builder().write_hub_cache(Path(folder))
        os.environ["HF_HUB_CACHE"] = folder
        try:
            yield Path(folder)
        finally:
            del os.environ["HF_HUB_CACHE"]
            if before is not None:
                os.environ["HF_HUB_CACHE"] = before


def _load_builder() -> ModuleType:
    """Load the builder of the repositories from its file.

    Its folder must not be on the import path: it contains folders that are named like libraries.
    """
    path = ROOT / "fixtures/builders/license_repositories.py"
    spec = importlib.util.spec_from_file_location("license_repositories", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
