"""Render the screen of ``modelaudit license``: the answer, its reasons, the evidence, and the duties."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from modelaudit.model.copies import replace
from modelaudit.model.license import (
    Basis,
    ClaimKind,
    ConclusionState,
    LicenseClaim,
    LicenseConclusion,
)
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import Answer, Outcome
from modelaudit.model.verdict import Verdict
from modelaudit.reports import view
from modelaudit.reports.answers import describe_exit_code, list_reasons_on_use
from modelaudit.reports.decision_words import describe_settled_answer, list_decision_lines
from modelaudit.reports.layout import (
    Rows,
    build_marked_line,
    build_rows,
    build_text,
    build_title,
    indent_block,
    render_parts,
)
from modelaudit.reports.license_duties import LABEL_COLUMNS, render_tasks, shorten_id
from modelaudit.reports.license_names import name_licenses
from modelaudit.reports.license_parts import list_model_rows
from modelaudit.reports.license_view import (
    Reason,
    build_lineage_tree,
    describe_base_model,
    describe_dataset,
    describe_lineage_path,
    describe_original,
    list_license_claims,
    list_limits,
    list_unread,
    list_unsaid_conflicts,
)
from modelaudit.reports.license_words import (
    MISSING_PREFIX,
    RELATIONS,
    describe_claim,
    describe_conflict,
    describe_intended_use,
    describe_kind,
    quote_claim,
)
from modelaudit.reports.marks import VERDICT_MARKS
from modelaudit.reports.next_step import describe_next_step
from modelaudit.reports.openness_words import describe_openness
from modelaudit.reports.wording import (
    CATEGORIES,
    WITHOUT_LICENSE,
    count_noun,
    cut_text,
    describe_acceptance,
    end_sentence,
    lower_first,
)

_MAX_REASONS = 6
_MAX_MODELS = 20
_MAX_CLAIMS = 5
_MAX_SENTENCES = 3
_MAX_BRANCHES = 12
_MAX_CONFLICTS = 4
_MAX_FORBIDDEN_USES = 8
_MAX_DATASETS = 4
_MAX_UNREAD_SOURCES = 6
_SHORT_OUTCOMES = {Outcome.DENIED: "deny", Outcome.INCOMPLETE: "unread"}
"""Words for the narrow column of labels; the others are those of the outcome."""

_MAX_PLACE_COLUMNS = 26
_MAX_DRAWN_DEPTH = 8
"""Base models deeper than this show the number of their depth instead of the lines of the tree."""

_MAX_CLAUSE_CHARACTERS = 320
_MAX_SENTENCE_CHARACTERS = 240
_MAX_ORIGINAL_CHARACTERS = 200
_MAX_QUOTATION_CHARACTERS = 60
_MAX_DIFFERENCE_CHARACTERS = 80

_MISSING_WORDS = {"naming": "words to show"}
"""Plain words for missing items, where the kind of the conflict is not plain."""


def render_license(report: AuditReport, width: int = 100, color: bool = False) -> bytes:
    """Render the screen as UTF-8 text.

    Args:
        report: the report to show.
        width: columns of the terminal; between 40 and 100 are used.
        color: whether to write ANSI colors.
    """
    report = name_licenses(report)
    license_ = report.license
    parts = [
        _render_head(report),
        _render_models(license_),
        _render_reasons(report),
        _render_conclusion(license_),
        _render_lineage(report),
        render_tasks(license_),
        _render_conflicts(license_, report.decision.use.reason),
        _render_limits_and_sources(license_),
        build_text(describe_exit_code(report)),
    ]
    return render_parts([part for part in parts if part is not None], width=min(width, 100), color=color)


def _render_head(report: AuditReport) -> RenderableType:
    """Render the answer on the use with its reason, the model, and the policy with the use that it states."""
    license_, target, ruling = report.license, report.target, report.decision.use
    shape, style = VERDICT_MARKS[ruling.verdict]
    version = target.commit or "no commit: the files are not pinned to a version"
    rows = [("model", build_text((view.get_model_name(target), "bold"), f", {version}"))]
    if license_.permission is not None and license_.intent is not None:
        use = "; ".join(describe_intended_use(license_.intent))
    else:
        use = "it states no planned use; state one with --use commercial or --policy commercial-saas, for instance"
    rows.append(("policy", build_text((report.policy.name, "bold"), ": ", use)))
    if unopened := view.describe_unopened(report):
        rows.append(("files", build_text(unopened)))
    rows += [(label, build_text(line)) for label, line in list_decision_lines(report, only_use=True)]
    step = "" if ruling.verdict is Verdict.FAIL else describe_next_step(license_)
    rows += [("next", build_text(step))] if step else []
    mark = build_text((f" {shape} USE: {ruling.verdict.upper()} ", style))
    return Group(build_marked_line(mark, build_text(ruling.reason)), build_rows(rows, label=LABEL_COLUMNS))


def _render_block(heading: str, lines: list[Text | Padding | Rows]) -> RenderableType:
    """Render lines under a heading."""
    return Group(build_title(heading), *lines)


def _render_models(license_: LicenseConclusion) -> RenderableType | None:
    """Render the answer for each of several models."""
    rows = list_model_rows(license_)
    if not rows:
        return None
    lines: list[Text | Padding | Rows] = [
        build_rows(
            [(row.answer or "", build_text((row.name, "bold"), f": {row.terms}. ", row.because))], label=LABEL_COLUMNS
        )
        for row in rows[:_MAX_MODELS]
    ]
    terms = "with equal licences" if len({row.terms for row in rows}) == 1 else "each with its own terms"
    heading = f"{len(rows)} parts of the repository, {terms}; --path FOLDER answers for one"
    return _render_block(heading, lines + _render_omission(len(rows), _MAX_MODELS, "more model"))


def _render_omission(number: int, shown: int, noun: str) -> list[Text | Padding | Rows]:
    """Render a line for the entries of a list that are not shown; no line if all are.

    Args:
        number: the number of entries.
        shown: the number of entries that are shown at most.
        noun: a noun for one further entry, such as ``more reason``.
    """
    if number <= shown:
        return []
    omitted = count_noun(number - shown, noun)
    return [indent_block(Text(f"… and {omitted}, in the HTML and JSON reports", "dim"))]


def _render_reasons(report: AuditReport) -> RenderableType | None:
    """Render the reasons against the use, worst first, unless the only one is the answer itself."""
    license_, stated = report.license, report.decision.use.reason
    # The first line states the first of them.
    reasons = [
        each
        for each in list_reasons_on_use(report)
        if each.answer.because != stated or each.answer.text or each.answer.license or each.vias
    ]
    if not reasons:
        return None
    lines: list[Text | Padding | Rows] = [
        build_rows([(_name_answer(reason), _format_reason(reason, license_, stated))], label=LABEL_COLUMNS)
        for reason in reasons[:_MAX_REASONS]
    ]
    return _render_block("Why", lines + _render_omission(len(reasons), _MAX_REASONS, "more reason"))


def _name_answer(reason: Reason) -> str:
    """Name an answer in one word; a denial that a decision settles counts as settled."""
    return _SHORT_OUTCOMES.get(reason.outcome) or reason.outcome


def _format_reason(reason: Reason, license_: LicenseConclusion, stated: str) -> Text:
    """Format a reason: why, the clause with its licence, when its text was verified, and the base models in between.

    ``stated`` is the reason in the first line, which is not repeated.
    """
    answer = reason.answer
    where = ", ".join(part for part in (answer.license, answer.section or describe_kind(answer.kind)) if part)
    clause = ""
    if answer.text:
        clause = f" {where}: {end_sentence(cut_text(answer.text, _MAX_CLAUSE_CHARACTERS))}"
    elif answer.license:
        clause = f" {end_sentence(where)}"
    verification = ""
    if answer.read:
        verification = f" Read {answer.read}"
    elif answer.license:
        verification = " Terms not verified"
    if verification:
        verification = f"{verification}: {answer.url}." if answer.url else end_sentence(verification)
    paths = "; ".join(describe_lineage_path(license_, via) for via in reason.vias)
    inherited = f" Inherited: {paths}." if paths else ""
    because = "" if answer.because == stated else answer.because
    clause = clause if because else clause.lstrip()
    settled = describe_settled_answer(answer)
    original = describe_original(license_, answer.license, answer.kind, answer.section)
    quoted = f" {cut_text(original, _MAX_ORIGINAL_CHARACTERS)}" if original else ""
    models = f"For {answer.models}: " if answer.models else ""
    decided = f" {settled}" if settled else ""
    return build_text(models, (because, "bold"), clause, quoted, (verification, "dim"), inherited, decided)


def _render_conclusion(license_: LicenseConclusion) -> RenderableType:
    """Render the conclusion with its claims."""
    category = CATEGORIES[license_.category]
    concluded = license_.expression or f"no licence, because {WITHOUT_LICENSE[license_.state]}"
    lines: list[Text | Padding | Rows] = []
    claims = list_license_claims(license_)
    rows = [(_format_place(claim), _format_claim(claim, license_)) for claim in claims[:_MAX_CLAIMS]]
    if rows:
        lines.append(build_rows(rows, label=min(max(len(place) for place, _ in rows), _MAX_PLACE_COLUMNS)))
    lines += _render_omission(len(claims), _MAX_CLAIMS, "more statement")
    # The statements above and the tree below already explain a conclusion, unless an alternative was chosen.
    is_explained = license_.state is ConclusionState.CONCLUDED and rows and " OR " not in license_.expression
    sentences = () if is_explained else license_.reasoning
    lines += [indent_block(build_marked_line(Text("-"), build_text(each))) for each in sentences[:_MAX_SENTENCES]]
    lines += _render_omission(len(sentences), _MAX_SENTENCES, "more sentence")
    if sentences and license_.acceptance is not None:
        lines.append(indent_block(build_marked_line(Text("-"), build_text(describe_acceptance(license_.acceptance)))))
    if license_.models:
        terms = {row.terms for row in list_model_rows(license_)}
        count = len(license_.models)
        concluded = (
            f"{next(iter(terms))} in all {count} parts" if len(terms) == 1 else f"{count} parts under different terms"
        )
    # ``build_text`` escapes what a terminal would act on.
    kind = f" ({category})" if license_.expression and not license_.models else ""
    return _render_block(f"Determined: {build_text(concluded)}{kind}", lines)


def _format_place(claim: LicenseClaim) -> str:
    """Format the place of a claim as ``README.md:3``, or ``the Hub`` for metadata outside of the files.

    A long place keeps its end, because files of one folder differ only there.
    """
    line = f":{claim.location.line}" if claim.location.line else ""
    place = str(build_text(f"{claim.artifact}{line}" if claim.artifact else "the Hub"))
    if cell_len(place) <= _MAX_PLACE_COLUMNS:
        return place
    return f"…{set_cell_size(place[::-1], _MAX_PLACE_COLUMNS - 1)[::-1]}"


def _format_claim(claim: LicenseClaim, license_: LicenseConclusion) -> Text:
    """Format a claim as its words, the resolved licence, and the kind of the source."""
    field = f"{claim.field}: " if claim.kind is ClaimKind.DECLARED else ""
    if claim.basis is Basis.VARIANT:
        # The conflicts and the reports hold all words that differ.
        quotation = cut_text(claim.quotation, _MAX_QUOTATION_CHARACTERS)
        differences = cut_text(", ".join(claim.differs), _MAX_DIFFERENCE_CHARACTERS)
        result = (
            f"resembles {claim.entry or 'a licence'} but differs from it{f': {differences}' if differences else ''}"
        )
        return build_text(f"{field}“{quotation}” ", (result, "bold"))
    is_known, result = view.describe_claimed_license(claim, license_)
    outcome = f" = {result}" if is_known else f" ({lower_first(result)})"
    quotation = quote_claim(replace(claim, quotation=cut_text(claim.quotation, _MAX_QUOTATION_CHARACTERS)))
    return build_text(f"{field}{quotation}", (outcome, "bold"), f", {describe_claim(claim)}")


def _render_lineage(report: AuditReport) -> RenderableType | None:
    """Render the tree of base models."""
    branches = build_lineage_tree(report.license)
    if not branches:
        return None
    lines: list[Text | Padding | Rows] = []
    for branch in branches[:_MAX_BRANCHES]:
        origin = branch.origin
        description = f": {describe_base_model(origin)}"
        line = build_text(f"{RELATIONS[origin.relation]} ", (origin.name, "bold"), description)
        # The shown depth counts from 1, for a base model that the scanned model names itself.
        rails = branch.rails if branch.depth < _MAX_DRAWN_DEPTH else f"… {branch.depth + 1} "
        lines.append(build_rows([(rails, line)], label=len(rails)))
    return _render_block("Base models", lines + _render_omission(len(branches), _MAX_BRANCHES, "more base model"))


def _render_conflicts(license_: LicenseConclusion, stated: str) -> RenderableType | None:
    """Render the conflicts that neither the reasons nor the line of missing items already show."""
    unreported = [each for each in list_unsaid_conflicts(license_) if each.detail != stated]
    conflicts = [each for each in unreported if not each.kind.startswith(MISSING_PREFIX)]
    lines: list[Text | Padding | Rows] = []
    for conflict in conflicts[:_MAX_CONFLICTS]:
        detail = cut_text(conflict.detail, _MAX_SENTENCE_CHARACTERS)
        lines.append(indent_block(build_text((f"{describe_conflict(conflict)}: ", "bold"), detail)))
    lines += _render_omission(len(conflicts), _MAX_CONFLICTS, "more conflict")
    return _render_block("Conflicts", lines) if lines else None


def _list_missing_items(license_: LicenseConclusion) -> list[str]:
    """List all items that a licence requires and the repository lacks, in one line; no line if none is missing."""
    ids_by_item: dict[str, list[str]] = {}
    for conflict in license_.conflicts:
        if conflict.kind.startswith(MISSING_PREFIX):
            item = conflict.kind.removeprefix(MISSING_PREFIX)
            ids_by_item.setdefault(item, []).extend(shorten_id(id_) for id_ in conflict.entries)
    parts = [
        f"{_MISSING_WORDS.get(item, item)} of {', '.join(dict.fromkeys(ids))}" for item, ids in ids_by_item.items()
    ]
    return [f"Not in the repository: {end_sentence('; '.join(parts))}"] if parts else []


def _render_limits_and_sources(license_: LicenseConclusion) -> RenderableType | None:
    """Render limits, missing items, data sets, openness and unread sources, as rows without a heading."""
    limits = () if license_.open_permission is Answer.DENY else list_limits(license_, _MAX_FORBIDDEN_USES)
    rows = [("limits" if index == 0 else "", build_text(each)) for index, each in enumerate(limits)]
    rows += [("missing", build_text(each)) for each in _list_missing_items(license_)]
    datasets = [f"{each.name}: {describe_dataset(each)}" for each in license_.datasets]
    if datasets:
        more = f"; and {len(datasets) - _MAX_DATASETS} more" if len(datasets) > _MAX_DATASETS else ""
        listed = "; ".join(datasets[:_MAX_DATASETS])
        rows.append(("data", build_text(f"{listed}{more} (separate from the model's own licence)")))
    openness = describe_openness(license_)
    if openness:
        rows.append(("open", build_text(openness)))
    unread = list_unread(license_)
    rows += [
        ("unread" if index == 0 else "", build_text(each)) for index, each in enumerate(unread[:_MAX_UNREAD_SOURCES])
    ]
    if len(unread) > _MAX_UNREAD_SOURCES:
        omitted = len(unread) - _MAX_UNREAD_SOURCES
        rows.append(("", build_text(f"… and {omitted} more, in the HTML and JSON reports")))
    return build_rows(rows, indent=0, label=LABEL_COLUMNS) if rows else None
