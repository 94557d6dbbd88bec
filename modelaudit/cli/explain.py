"""``modelaudit explain``: print the page of a rule, a licence, a policy or a cause, or a finding of a saved report."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelaudit.catalogue import load_catalogue
from modelaudit.cli.license_names import choose_page_width, find_license, format_license, look_up_license, suggest_names
from modelaudit.cli.output import load_saved_report
from modelaudit.cli.parsing import StrictCommand
from modelaudit.cli.rules_options import add_rules_options
from modelaudit.cli.writing import print_text
from modelaudit.formats.registry import FACTS
from modelaudit.model.catalogue import Catalogue, FindingRule
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import Severity
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.policy import Policy
from modelaudit.model.structure import UnreadReason
from modelaudit.model.verdict import CauseKind
from modelaudit.reports.cause_words import ACCEPTANCE, CAUSES
from modelaudit.reports.wording import UNREAD, describe_acceptance, describe_place, format_sentence

if TYPE_CHECKING:
    from modelaudit.model.report import AuditReport
    from modelaudit.reports.results import Result

_FINGERPRINT = defer_pattern(r"[0-9a-f]{16}")
_CAUSE_PREFIX = "decision/"
_ABSENCE_PREFIX = "coverage/"


@click.command("explain", cls=StrictCommand)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--report", metavar="REPORT.json", type=click.Path(path_type=Path), help="The report with the finding.")
@click.option("--severity", type=click.Choice([each.value for each in Severity]), help="The lowest severity to list.")
@click.option("--json", "as_json", is_flag=True, help="List the rules as JSON, with all fields.")
@add_rules_options
def command(
    names: tuple[str, ...], report: Path | None, severity: str | None, as_json: bool, rules: tuple[Path, ...]
) -> int:
    """Explain a rule, finding, licence, policy or cause.

    A NAME is a rule (pickle/dangerous-call), a family of rules (pickle), a licence (Apache-2.0), a policy (strict), a
    cause of an exit code (unread), a rule of absences or causes (coverage/limit-reached, decision/refused), or with
    --report a fingerprint that any output prints, of a report that `scan -o json=FILE` saved. Without a NAME, all but
    findings are listed.
    """
    catalogue = load_catalogue(extra=rules, formats=FACTS)
    families = [name for name in names if any(id_.startswith(f"{name}/") for id_ in catalogue.findings)]
    found = [
        rule
        for id_, rule in sorted(catalogue.findings.items())
        if (not names or id_.partition("/")[0] in families)
        and (severity is None or rule.rule.severity.rank >= Severity(severity).rank)
    ]
    is_list = len(families) == len(names)
    if not is_list and (as_json or severity):
        raise ConfigurationError("--json and --severity are for lists of rules: name families alone, or nothing")
    if is_list and report is not None:
        raise ConfigurationError(
            "give the fingerprint of a finding, as in: modelaudit explain FINGERPRINT --report REPORT.json"
        )
    if as_json:
        print_text(json.dumps([asdict(rule.rule) for rule in found], indent=2))
    elif is_list:
        listed = [f"{rule.rule.id:40} {rule.rule.severity:9} {rule.rule.title}" for rule in found]
        print_text("\n".join(listed if names or severity else [*listed, *_list_other_pages(catalogue)]))
    else:
        print_text("\n\n".join(_explain(name, report, catalogue, rules) for name in names))
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
        return explain_result(_load_named_report(name, report), name, catalogue, str(report))
    return _format_any_page(name, catalogue, folders)


def _format_any_page(name: str, catalogue: Catalogue, folders: Sequence[Path] | None) -> str:
    """Format the page of a cause, a policy, a rule or a licence; ``folders`` is as for ``_format_rule``.

    Raises:
        ConfigurationError: there is none of this name.
    """
    if name.removeprefix(_CAUSE_PREFIX) in set(CAUSES):
        meaning, remedy = CAUSES[CauseKind(name.removeprefix(_CAUSE_PREFIX))]
        width = choose_page_width()
        lines = (textwrap.fill(line, width) for line in (meaning, f"Next: {remedy}"))
        page = [f"{name}: a cause of an exit code", "", *lines]
        for part in ACCEPTANCE.get(CauseKind(name.removeprefix(_CAUSE_PREFIX)), ()):
            page += ["", part] if isinstance(part, str) else [f"  {line}" for line in part]
        return "\n".join(page)
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


def _load_named_report(fingerprint: str, report: Path | None) -> AuditReport:
    """Load the report of a fingerprint. Raises ``ConfigurationError`` if none is named, or it cannot be read."""
    if report is None:
        raise ConfigurationError(
            f"the finding {fingerprint!r} is explained from a saved report; "
            f"name it: explain {fingerprint} --report REPORT.json"
        )
    return load_saved_report(report)


def explain_result(report: AuditReport, fingerprint: str, catalogue: Catalogue, label: str = "the report") -> str:
    """Return the page of a result of a report, a finding, an absence or a cause, and that of its rule.

    Args:
        report: a saved report.
        fingerprint: of the result, as any output prints it.
        catalogue: the rule set.
        label: the name of the report in messages.

    Raises:
        ConfigurationError: no result has the fingerprint.
    """
    from modelaudit.reports.decision_words import is_acceptable
    from modelaudit.reports.results import Outcome, ResultKind, list_results

    result = next((each for each in list_results(report) if each.fingerprint == fingerprint), None)
    if result is None:
        next_step = f"`modelaudit render {label}` lists its findings"
        raise ConfigurationError(f"{label}: no finding has the fingerprint {fingerprint!r}; {next_step}")
    page = f"{_format_result(result)}\n\n{_format_any_page(result.rule, catalogue, None)}"
    if result.kind is ResultKind.CAUSE:
        return f"{page}\n\nNext: modelaudit decide --list --report {label}"
    if result.is_settled or result.outcome is Outcome.NOTED:
        return page
    finding = next((each for each in report.findings if each.fingerprint == fingerprint), None)
    answers = "accept|refuse" if finding is None or is_acceptable(finding, report.policy) else "refuse"
    return f"{page}\n\nNext: modelaudit decide {fingerprint} --report {label} --answer {answers}"


def _format_result(result: Result) -> str:
    """Format a result: its message, severity and place, who accepts it, then its evidence."""
    from modelaudit.reports.text import escape_unprintable, guard_lines

    where = describe_place(result.location)
    place = escape_unprintable(f"{result.address}, {where}" if where else result.address) or "the model as a whole"
    accepted = [escape_unprintable(describe_acceptance(result.acceptance))] if result.acceptance else []
    page = "\n".join(
        [
            textwrap.fill(f"{result.fingerprint}: {escape_unprintable(result.message)}", choose_page_width()),
            f"severity {result.severity}, in {place}",
            *(textwrap.fill(each, choose_page_width()) for each in accepted),
            "",
            *(f"  {escape_unprintable(line)}" for line in result.evidence),
        ]
    )
    return guard_lines(page)


def _format_page(name: str, catalogue: Catalogue, folders: Sequence[Path] | None) -> str:
    """Format the page of a rule, or else of a licence; ``folders`` is as for ``_format_rule``.

    Raises:
        ConfigurationError: the name belongs to neither.
    """
    if (rule := catalogue.findings.get(name)) is not None:
        return _format_rule(rule, catalogue, folders)
    if name in {f"{_ABSENCE_PREFIX}{reason}" for reason in UNREAD} - set(catalogue.retired):
        meaning = format_sentence(UNREAD[UnreadReason(name.removeprefix(_ABSENCE_PREFIX))])
        meaning = f"{name}: parts of the model that were not examined\n\n{meaning}"
        return f"{meaning}\nNext: remove the part, accept it in the policy under allow-unread, or record a decision."
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


def _format_rule(rule: FindingRule, catalogue: Catalogue, folders: Sequence[Path] | None) -> str:
    """Format the page of a rule for the terminal.

    Args:
        rule: the rule.
        catalogue: the rule set.
        folders: further rule folders with examples; ``None`` below a finding, which has a message and evidence of its
            own in place of the general ones.
    """
    from modelaudit.catalogue.examples import load_examples
    from modelaudit.catalogue.taxonomy import find_standards
    from modelaudit.reports.page import render_page_text
    from modelaudit.reports.rule_page import describe_rule, describe_rule_of_finding

    standards = find_standards(rule, catalogue.taxonomy)
    if folders is None:
        page = describe_rule_of_finding(rule, standards)
    else:
        page = describe_rule(rule, standards, load_examples(folders).get(rule.rule.id))
    return render_page_text(page, choose_page_width())
