"""Write the pages and files that derive from the code and the rules: commands, rules, callables, licences, examples.

``make docs`` runs it. ``tests/test_docs.py`` fails if a committed file differs from the generated one.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby, takewhile
from pathlib import Path

import click

from modelaudit.catalogue import load_catalogue
from modelaudit.catalogue.policy_schema import build_policy_schema
from modelaudit.catalogue.register_file import build_register_schema
from modelaudit.cli.main import command as program
from modelaudit.model.catalogue import (
    EFFECTS,
    CallableEntry,
    Callables,
    Standing,
)
from modelaudit.reports.page import escape_markdown

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "docs") not in sys.path:
    sys.path.insert(0, str(ROOT / "docs"))

from license_pages import (  # noqa: E402 - the modules beside this file are on no path
    render_license_index,
    render_license_pages,
    render_licenses_in_use,
)
from rule_pages import NOTICE, render_examples, render_rule_index, render_rule_pages  # noqa: E402
from site_tree import SiteTree, build_site_tree  # noqa: E402
from transcripts import update_dates, update_transcripts  # noqa: E402
from vocabulary_page import render_vocabulary_page  # noqa: E402

SITE = ROOT / "build/docs"
WIDTH = 100
WITH_TRANSCRIPTS = (
    "README.md",
    *(f"docs/{name}.md" for name in ("start", "ci", "security-engineers", "compliance-officers")),
)
"""The documents with commands that are run, and their output."""


def render_committed_files() -> Mapping[Path, str]:
    """Render every generated file that is committed, by its path."""
    catalogue = load_catalogue()
    return {
        ROOT / "docs/cli.md": render_cli_page(),
        ROOT / "docs/rules.md": render_rule_index(catalogue, "../rules/findings/{id}.yaml"),
        ROOT / "docs/vocabularies.md": render_vocabulary_page(catalogue),
        ROOT / "docs/callables.md": render_callables_page(catalogue.callables),
        ROOT / "docs/licenses.md": render_license_index(catalogue, "../rules/licenses/{id}.yaml"),
        ROOT / "docs/licences-in-use.md": render_licenses_in_use(catalogue),
        ROOT / "docs/policy-v1.schema.json": build_policy_schema(catalogue),
        ROOT / "docs/decisions-v1.schema.json": build_register_schema(),
        ROOT / "rules/examples.yaml": render_examples(catalogue),
    }


def render_site() -> SiteTree:
    """Render the whole documentation site, as it is written below ``build/docs/``."""
    catalogue = load_catalogue()
    return build_site_tree(
        {
            "rules.md": render_rule_index(catalogue, "rules/{id}.md"),
            "licenses.md": render_license_index(catalogue, "licenses/{id}.md"),
            **render_rule_pages(catalogue),
            **render_license_pages(catalogue),
        }
    )


def render_cli_page() -> str:
    """Render the help of the program and of each command."""
    root = click.Context(program, info_name="modelaudit", terminal_width=WIDTH)
    parts = [NOTICE, "# Command line\n", _format_help(program, "modelaudit")]
    for name in program.list_commands(root):
        subcommand = program.get_command(root, name)
        assert subcommand
        parts += [f"## modelaudit {name}\n", _format_help(subcommand, f"modelaudit {name}")]
    return "\n".join(parts)


def _format_help(command: click.Command, name: str) -> str:
    """Format the help of a command as a code block of Markdown."""
    context = click.Context(command, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH)
    context.help_option_names = ["-h", "--help"]
    return f"```text\n{command.get_help(context)}\n```\n"


def render_callables_page(callables: Callables) -> str:
    """Render the page on callables: families of harm, the standard library, the libraries on the trust list."""
    parts = [
        NOTICE,
        "# Callables\n",
        "A pickle can name any callable. The lists of `rules/callables/` judge each by its exact name:\n",
        "| the name is | called or constructed | imported or stored |\n|---|---|---|",
        "| trusted | nothing, within the conditions of its entry | nothing |",
        "| dangerous | critical | high |",
        "| anything else in the standard library | high | high |",
        "| reached by a walk from attribute to attribute, or unresolved | high | high |",
        "| anything else of another package | high as a call, medium as a type | medium |",
        *_list_families(callables),
        *_list_standard_library(callables),
        *_list_trusted_libraries(callables),
        "",
    ]
    return "\n".join(parts)


def _list_families(callables: Callables) -> Iterator[str]:
    """Yield the section with the number of dangerous names and of dangerous modules for each effect."""
    yield "\n## Dangerous, by effect\n"
    yield "| family | names | whole modules |\n|---|---:|---:|"
    names = Counter(entry.effect for entry in callables.by_name.values() if entry.standing is Standing.DANGEROUS)
    modules = Counter(module.effect for module in callables.modules.values())
    yield from (f"| {effect} | {names[effect]} | {modules[effect]} |" for effect in EFFECTS)


def _list_standard_library(callables: Callables) -> Iterator[str]:
    """Yield a row for every top-level module, and for every submodule that is judged otherwise than its module."""
    yield "\n## The standard library\n"
    yield "CPython 2.7 and 3.8 to 3.14 on every platform. A submodule without a row is judged like its module.\n"
    yield "| module | dangerous | trusted | any other name |\n|---|---|---:|---|"
    names: dict[str, list[CallableEntry]] = {}
    for entry in callables.by_name.values():
        if entry.name.partition(".")[0].partition(":")[0] in callables.standard_library:
            names.setdefault(_find_module(entry.name), []).append(entry)
    dangerous_modules = {name for name in callables.modules if name.partition(".")[0] in callables.standard_library}
    # A module below a dangerous module is dangerous as a whole as well, so its names need no row.
    modules_with_names = {
        module for module in names if not any(prefix in callables.modules for prefix in _list_prefixes(module))
    }
    for module in sorted(callables.standard_library | modules_with_names | dangerous_modules):
        yield _describe_standard_module(module, names.get(module, []), callables)


def _describe_standard_module(module: str, entries: list[CallableEntry], callables: Callables) -> str:
    """Describe a module as a row of the table; ``entries`` are its listed names."""
    dangerous_parents = [prefix for prefix in _list_prefixes(module) if prefix in callables.modules]
    if dangerous_parents:
        parent = callables.modules[dangerous_parents[0]]
        return f"| `{module}` | as a whole, {parent.effect}: {escape_markdown(parent.why)} |  | critical |"
    dangerous = Counter(entry.effect for entry in entries if entry.standing is Standing.DANGEROUS)
    trusted = sum(entry.standing is Standing.TRUSTED for entry in entries)
    shown = ", ".join(f"{count} {effect}" for effect, count in sorted(dangerous.items()))
    return f"| `{module}` | {shown} | {trusted or ''} | high |"


def _list_trusted_libraries(callables: Callables) -> Iterator[str]:
    """Yield the section with the number of trusted names of each library, and of those that have conditions."""
    yield "\n## Trusted, by library\n"
    yield "| library | names | of them with conditions |\n|---|---:|---:|"
    trusted = [entry for entry in callables.by_name.values() if entry.standing is Standing.TRUSTED]
    for library, entries in groupby(sorted(trusted, key=lambda entry: entry.library), key=lambda entry: entry.library):
        names = list(entries)
        conditional = sum(bool(entry.arguments) or entry.construct_only for entry in names)
        yield f"| {escape_markdown(library)} | {len(names)} | {conditional} |"


CAPITAL_MODULES = frozenset({"ElementInclude", "ElementPath", "ElementTree"})
"""Submodules of the standard library whose names begin with a capital, as classes do."""


def _find_module(name: str) -> str:
    """Find the module of a listed name: ``os.path`` for ``os.path.join``, ``email.message`` for a name of its class.

    A name may also state its module, as ``module:Class.method``.
    """
    if ":" in name:
        return name.partition(":")[0]
    # A part that begins with a capital is a class; the parts after it are its attributes.
    first, *parts = name.split(".")[:-1]
    return ".".join([first, *takewhile(lambda part: not part[0].isupper() or part in CAPITAL_MODULES, parts)])


def _list_prefixes(module: str) -> list[str]:
    """List the packages that contain a module, from the outermost on, and the module itself."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def make_anchor(heading: str) -> str:
    """Make the fragment under which GitHub shows a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def find_stale_files() -> Iterator[tuple[Path, str]]:
    """Yield (file, its new text) for every committed file that is not up to date."""
    wanted = dict(render_committed_files())
    if sys.version_info < (3, 13):  # the transcripts show modelscan, which newer Pythons do not have
        for path in map(ROOT.joinpath, WITH_TRANSCRIPTS):
            wanted[path] = update_transcripts(path.read_text(encoding="utf-8"))
    decisions = ROOT / "docs/decisions.md"
    wanted[decisions] = update_dates(wanted.get(decisions) or decisions.read_text(encoding="utf-8"))
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            yield path, text


if __name__ == "__main__":
    for file, text in find_stale_files():
        file.write_text(text, encoding="utf-8")
    shutil.rmtree(SITE, ignore_errors=True)
    render_site().write(SITE)
