"""``modelaudit explain``: print the page of a rule, a licence, a policy or a cause, or a finding of a saved report."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from modelaudit.catalogue import load_catalogue
from modelaudit.cli.license_names import choose_page_width, find_license, format_license, look_up_license, suggest_names
from modelaudit.cli.writing import print_text
from modelaudit.formats.registry import FACTS
from modelaudit.model.catalogue import Catalogue, FindingRule
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import Finding, Severity
from modelaudit.model.policy import Policy
from modelaudit.model.verdict import CauseKind
from modelaudit.reports.cause_words import CAUSES

_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


@click.command("explain")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--report", metavar="REPORT.json", type=click.Path(path_type=Path), help="The report with the finding.")
@click.option("--severity", type=click.Choice([each.value for each in Severity]), help="The lowest severity to list.")
@click.option("--json", "as_json", is_flag=True, help="List the rules as JSON, with all fields.")
@click.option("--rules", "folders", metavar="DIR", multiple=True, type=click.Path(path_type=Path), help="As for scan.")
def command(
    names: tuple[str, ...], report: Path | None, severity: str | None, as_json: bool, folders: tuple[Path, ...]
) -> int:
    """Explain a rule, a finding, a licence, a policy or a cause of an exit code; without a NAME, list them.

    A NAME is a rule (pickle/dangerous-call), a family of rules (pickle), a licence (Apache-2.0), a policy (strict), a
    cause (unread), or with --report the fingerprint of a finding in a report that `scan -o json=FILE` saved.
    """
    catalogue = load_catalogue(extra=folders, formats=FACTS)
    families = [name for name in names if any(id_.startswith(f"{name}/") for id_ in catalogue.findings)]
    rules = [
        rule
        for id_, rule in sorted(catalogue.findings.items())
        if (not names or id_.partition("/")[0] in families)
        and (severity is None or rule.rule.severity.rank >= Severity(severity).rank)
    ]
    is_list = len(families) == len(names)
    if not is_list and (as_json or severity):
        raise ConfigurationError("--json and --severity are for lists of rules: name families alone, or nothing")
    if not names and report is not None:
        raise ConfigurationError(
            "give the fingerprint of a finding, as in: modelaudit explain FINGERPRINT --report REPORT.json"
        )
    if as_json:
        print_text(json.dumps([asdict(rule.rule) for rule in rules], indent=2))
    elif is_list:
        listed = [f"{rule.rule.id:40} {rule.rule.severity:9} {rule.rule.title}" for rule in rules]
        print_text("\n".join(listed if names or severity else [*listed, *_list_other_pages(catalogue)]))
    else:
        print_text("\n\n".join(_explain(name, report, catalogue, folders) for name in names))
    return 0


def _list_other_pages(catalogue: Catalogue) -> Iterator[str]:
    """Yield a line for each licence, each policy and each cause."""
    for id_, entry in sorted(catalogue.licenses.items(), key=lambda item: item[0].casefold()):
        yield f"{id_:40} {'licence':9} {entry.name}"
    for name, policy in sorted(catalogue.policies.items()):
        yield f"{name:40} {'policy':9} {policy.description.partition('. ')[0].rstrip('.')}."
    for kind, (meaning, _) in CAUSES.items():
        yield f"{kind:40} {'cause':9} {meaning}"


def _explain(name: str, report: Path | None, catalogue: Catalogue, folders: Sequence[Path]) -> str:
    """Return the page of one name. Raises ``ConfigurationError`` if there is none."""
    if report is not None or _FINGERPRINT.fullmatch(name):
        finding = _find_finding(name, report)
        return f"{_format_finding(finding)}\n\n{_format_page(finding.rule, catalogue, folders)}"
    if name in set(CAUSES):
        meaning, remedy = CAUSES[CauseKind(name)]
        return f"{name}: a cause of an exit code\n\n{meaning}\nNext: {remedy}"
    if name in catalogue.policies:
        return _format_policy(catalogue.policies[name])
    return _format_page(name, catalogue, folders)


def _format_policy(policy: Policy) -> str:
    """Format a policy of the rule set: its purpose, the gates of its checks, and the use that it states."""
    from modelaudit.reports.license_words import describe_intended_use

    gates = ", ".join(f"{family} {policy.gates.get(family) or 'never'}" for family in policy.checks)
    use = "; ".join(describe_intended_use(policy.intent)) if policy.intent.is_stated else "none"
    required = ", ".join(sorted(policy.require)) or "nothing more"
    facts = (f"Fails from: {gates}", f"Planned use: {use}", f"Requires: {required}")
    lines = [f"{policy.name}: a policy", "", policy.description, *facts]
    return "\n".join(textwrap.fill(line, choose_page_width(), subsequent_indent="  ") for line in lines)


def _find_finding(fingerprint: str, report: Path | None) -> Finding:
    """Find a finding in a saved report by its fingerprint.

    Raises:
        ConfigurationError: no report is named, it cannot be read, or it does not contain the finding.
    """
    from modelaudit.cli.output import load_saved_report

    if report is None:
        raise ConfigurationError(
            f"the finding {fingerprint!r} is explained from a saved report; "
            f"name it: explain {fingerprint} --report REPORT.json"
        )
    findings = load_saved_report(report).findings
    finding = next((each for each in findings if each.fingerprint == fingerprint), None)
    if finding is None:
        next_step = f"`modelaudit render {report}` lists its findings"
        raise ConfigurationError(f"{report}: no finding has the fingerprint {fingerprint!r}; {next_step}")
    return finding


def _format_finding(finding: Finding) -> str:
    """Format a finding: its message, severity and place, then its evidence."""
    from modelaudit.reports.text import escape_unprintable

    place = escape_unprintable(finding.artifact) or "the model as a whole"
    return "\n".join(
        [
            textwrap.fill(f"{finding.fingerprint}: {escape_unprintable(finding.message)}", choose_page_width()),
            f"severity {finding.severity}, in {place}",
            "",
            *(f"  {escape_unprintable(line)}" for line in finding.evidence),
        ]
    )


def _format_page(name: str, catalogue: Catalogue, folders: Sequence[Path]) -> str:
    """Format the page of a rule, or else of a licence.

    Raises:
        ConfigurationError: the name belongs to neither.
    """
    if (rule := catalogue.findings.get(name)) is not None:
        return _format_rule(rule, catalogue, folders)
    # A rule id always has a slash, an identifier of a licence never.
    if "/" not in name:
        if look_up_license(name, catalogue) is None:
            _refuse_part_of_rule_id(name, catalogue)
        return format_license(
            find_license(name, catalogue, "is no rule, licence, policy or cause", (*catalogue.policies, *CAUSES)),
            catalogue,
        )
    if (retired := catalogue.retired.get(name)) is not None:
        note = f"The rule {name} is gone since {retired.since}; {retired.became} reports the same.\n\n"
        return note + _format_rule(catalogue.findings[retired.became], catalogue, folders)
    similar = suggest_names(name, catalogue.findings)
    hint = f"did you mean {similar[0]}?" if similar else "`modelaudit explain` lists all rules"
    raise ConfigurationError(f"there is no rule {name!r}; {hint}")


def _refuse_part_of_rule_id(name: str, catalogue: Catalogue) -> None:
    """Raise ``ConfigurationError`` if ``name`` is the part of a rule id before or after its slash."""
    parts = [id_.partition("/") for id_ in sorted(catalogue.findings)]
    if any(family == name for family, _, _ in parts):
        raise ConfigurationError(f"{name!r} is a family of rules; `modelaudit explain {name}` lists them")
    matching = [f"{family}/{end}" for family, _, end in parts if end == name]
    if matching:
        raise ConfigurationError(f"{name!r} is only the last part of a rule id; did you mean {' or '.join(matching)}?")


def _format_rule(rule: FindingRule, catalogue: Catalogue, folders: Sequence[Path]) -> str:
    """Format the page of a rule for the terminal."""
    from modelaudit.catalogue.examples import load_examples
    from modelaudit.catalogue.taxonomy import find_standards
    from modelaudit.reports.page import render_page_text
    from modelaudit.reports.rule_page import describe_rule

    example = load_examples(folders).get(rule.rule.id)
    return render_page_text(describe_rule(rule, find_standards(rule, catalogue.taxonomy), example), choose_page_width())
