"""``modelaudit policy``: write, check and show policy files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from modelaudit.cli.files import check_file, write_file
from modelaudit.cli.parsing import SuggestingGroup
from modelaudit.cli.rules_options import add_rules_options
from modelaudit.cli.writing import print_text, show_notes
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.policy import PinnedModel


@click.group("policy", cls=SuggestingGroup)
def command() -> None:
    """Write, check and show the policy file modelaudit.yaml."""


@command.command("init")
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path), required=False)
@click.option("--extends", metavar="NAME", default="default", show_default=True, help="The policy to start from.")
@click.option(
    "--discover",
    "code",
    metavar="PATH",
    help="List the models that the code in PATH loads; one without a commit gets the present one of its branch.",
)
@click.option("--offline", is_flag=True, help="With --discover: make no request.")
@add_rules_options
def init(file: Path | None, extends: str, code: str | None, offline: bool, rules: tuple[Path, ...]) -> int:
    """Write a commented policy file; nothing is overwritten.

    FILE is modelaudit.yaml in this folder by default.
    """
    from modelaudit.catalogue import load_catalogue
    from modelaudit.catalogue.policy_names import explain_unknown_policy
    from modelaudit.formats.registry import FACTS
    from modelaudit.policy.places import POLICY_NAME
    from modelaudit.reports.policy_template import render_template

    known = load_catalogue(extra=rules, formats=FACTS).policies
    if extends not in known:
        raise ConfigurationError(f"--extends: {explain_unknown_policy(extends, known)}")
    path = file if file is not None else Path(POLICY_NAME)
    if path.exists():
        raise ConfigurationError(f"{path}: exists already; edit it, or name another file")
    check_file(path)
    models: Sequence[PinnedModel] = ()
    remarks: Sequence[str] = ()
    if code is not None:
        from modelaudit.internal_errors import convert_internal_errors
        from modelaudit.pinning import pin_models

        pinned = convert_internal_errors(lambda: pin_models(code, path, offline), f"searching {code!r} for models")
        models, remarks = pinned.models, pinned.remarks
    write_file(path, render_template(extends, known[extends].description, models, remarks).encode())
    listed = f"; models listed: {len(models)}, not listed: {len(remarks)}" if code is not None else ""
    click.echo(f"modelaudit: wrote {path}{listed}; `modelaudit policy show` prints every entry that applies", err=True)
    return 0


@command.command("check")
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path), required=False)
@add_rules_options
def check(file: Path | None, rules: tuple[Path, ...]) -> int:
    """Check a policy file, with its decisions and its baseline.

    Without FILE, it is the modelaudit.yaml that a scan from this folder would use.

    Exit codes: 0 valid; 2 a mistake, named with its file and line, or no policy file.
    """
    from modelaudit.policy_choice import check_files, choose_policy
    from modelaudit.reports.policy_page import summarize_policy

    if file is not None and not file.is_file():
        raise ConfigurationError(f"{file}: is not a policy file; write one with: modelaudit policy init {file}")
    choice = choose_policy(None if file is None else f"{file}", (), rules)
    show_notes(choice.notes)
    if not choice.policy.files:
        place = "there is no modelaudit.yaml in this folder or above it"
        raise ConfigurationError(f"{place}; write one with: modelaudit policy init")
    show_notes(check_files(choice.policy, rules))
    print_text(f"{choice.policy.files[0]}: valid; {summarize_policy(choice.policy)}")
    return 0


@command.command("show")
@click.argument("policy", metavar="[NAME|FILE]", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON, with the origin of each entry.")
@add_rules_options
def show(policy: str | None, as_json: bool, rules: tuple[Path, ...]) -> int:
    """Print the effective policy, with the place of each entry.

    The policy is NAME or FILE, else the modelaudit.yaml that a scan from this folder would use, else default. The text
    is a policy file itself.
    """
    from modelaudit.policy_choice import choose_policy
    from modelaudit.reports.policy_page import render_policy_json, render_policy_text

    choice = choose_policy(policy, (), rules)
    show_notes(choice.notes)
    print_text(render_policy_json(choice.policy) if as_json else render_policy_text(choice.policy))
    return 0


@command.command("rules")
@click.option("--pack", metavar="FILE", type=click.Path(path_type=Path), required=True, help="The pack to write.")
@click.option("--key", metavar="FILE", type=click.Path(path_type=Path), required=True, help="Your private EC key.")
def pack(pack: Path, key: Path) -> int:
    """Pack the rules and licences, signed, for older installations.

    `modelaudit scan --rules FILE --rules-key KEY` uses a pack in place of the built-in rules. The passphrase of
    the key comes from MODELAUDIT_KEY_PASSPHRASE, or is asked for in a terminal.
    """
    from modelaudit.cli.passphrase import get_passphrase
    from modelaudit.integrity.signing import load_key_signer
    from modelaudit.packs import sign_rules

    check_file(pack)
    data = sign_rules(load_key_signer(key, get_passphrase(key)))
    write_file(pack, data)
    click.echo(f"modelaudit: wrote {pack}, {len(data):,} bytes", err=True)
    return 0
