from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.model.component import Component
from cyclonedx.model.vulnerability import Vulnerability
from cyclonedx.schema.schema import BaseSchemaVersion, SchemaVersion1Dot6, SchemaVersion1Dot7
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reports.license_examples import APACHE, COMMIT, LLAMA, build_conflicting_conclusion, build_plain_conclusion

from modelaudit.model.artifact import RefKind
from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.license import ClaimKind, ConclusionState, LicenseClaim, LicenseConclusion
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import Intent, LicenseCategory
from modelaudit.reports.cyclonedx import render_cyclonedx, render_cyclonedx_17
from modelaudit.reports.json_report import compute_report_digest
from modelaudit.reports.license_view import build_lineage_tree

if TYPE_CHECKING:
    from cyclonedx.validation.json import JsonStrictValidator


VERSIONS = {"1.6": render_cyclonedx, "1.7": render_cyclonedx_17}


@functools.cache
def load_validator(version: str) -> JsonStrictValidator:
    """Import the validator when a test needs it: its grammars take seconds to build."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    return JsonStrictValidator(SchemaVersion.from_version(version))


def check_valid(report: AuditReport, *versions: str) -> None:
    """Fail unless the strict validators accept the bill of materials, in each version unless some are named."""
    for number in versions or VERSIONS:
        assert load_validator(number).validate_str(VERSIONS[number](report).decode()) is None, number


def render_bom(report: AuditReport) -> Any:
    """Render the bill of materials of a report, and parse its JSON."""
    return json.loads(render_cyclonedx(report))


def collect_properties(node: Any) -> dict[str, list[str]]:
    """Collect the values of each property of a component, of a vulnerability or of the metadata."""
    values_by_name: dict[str, list[str]] = {}
    for each in node["properties"]:
        values_by_name.setdefault(each["name"], []).append(each["value"])
    return values_by_name


@pytest.mark.parametrize("name", ["fail", "pass", "incomplete", "allowed", "conflicting", "hostile"])
def test_bill_of_materials_is_strictly_valid(name: str, examples: dict[str, Callable[[], AuditReport]]) -> None:
    check_valid(examples[name]())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(text=st.text(alphabet=st.characters(), max_size=60), version=st.sampled_from(list(VERSIONS)))
def test_hostile_text_keeps_the_bill_of_materials_valid(text: str, version: str, failing: AuditReport) -> None:
    record = replace(failing.coverage.artifacts[0], path=text, formats=(text,))
    finding = replace(failing.findings[0], artifact=text, message=text, evidence=(text,), key=text, rule=text)
    claim = LicenseClaim(ClaimKind.DECLARED, text, text, text, text)
    report = replace(
        failing,
        target=replace(failing.target, name=text, commit=text, origin=text, requested=text),
        decision=replace(failing.decision, coverage=replace(failing.coverage, artifacts=(record,))),
        findings=(finding,),
        license=LicenseConclusion(ConclusionState.UNRECOGNISED, LicenseCategory.UNKNOWN, (claim,)),
        rules=(replace(failing.rules[0], id=text, references=(text, f"https://example.org/{text}"), cwe=(text,)),),
    )
    check_valid(report, version)


def test_scanned_model_is_the_root_component(failing: AuditReport) -> None:
    bom = render_bom(failing)
    root = bom["metadata"]["component"]
    commit = failing.target.commit
    assert (root["type"], root["name"], root["version"]) == ("machine-learning-model", "acme/tiny-llama", commit)
    assert root["purl"] == f"pkg:huggingface/acme/tiny-llama@{commit}"
    assert bom["metadata"]["timestamp"] == "2026-11-24T09:30:00+00:00"
    tool = bom["metadata"]["tools"]["components"][0]
    assert (tool["name"], tool["version"]) == ("modelaudit", "0.1.0")
    assert bom["specVersion"] == "1.6"
    assert collect_properties(bom["metadata"])["modelaudit:report:sha256"] == [compute_report_digest(failing)]


def test_report_facts_for_which_cyclonedx_has_no_field_become_model_properties(failing: AuditReport) -> None:
    properties = collect_properties(render_bom(failing)["metadata"]["component"])
    assert properties["modelaudit:verdict"] == ["fail"]
    assert properties["modelaudit:coverage:not-examined"] == ["2"]
    assert properties["modelaudit:coverage:partly-examined"] == ["1"]
    assert properties["modelaudit:coverage:open-absences"] == ["3"]
    assert properties["modelaudit:policy:gate:security"] == ["high"]
    assert properties["modelaudit:license:state"] == ["contradictory"]
    assert properties["modelaudit:opinion:otherscan"][0].startswith("absent: ")
    assert len(properties["modelaudit:license:claim"]) == 3


def test_every_file_is_a_component_that_the_root_depends_on(failing: AuditReport) -> None:
    bom = render_bom(failing)
    files = {each["name"]: each for each in bom["components"]}
    assert set(files) == {record.path for record in failing.coverage.artifacts}
    assert {each["type"] for each in files.values()} == {"file"}
    graph = {each["ref"]: each.get("dependsOn", []) for each in bom["dependencies"]}
    assert set(graph["model"]) == {each["bom-ref"] for each in files.values()}


def test_hashes_of_a_file_are_computed_digests_not_claimed_ones(failing: AuditReport) -> None:
    files = {each["name"]: each for each in render_bom(failing)["components"]}
    assert files["model.safetensors"]["hashes"] == [{"alg": "SHA-256", "content": "b" * 64}]
    assert collect_properties(files["model.safetensors"])["modelaudit:claimed:sha256"] == ["c" * 64 + " by hub"]
    gguf = next(each for name, each in files.items() if name.endswith(".gguf"))
    assert "hashes" not in gguf
    assert collect_properties(gguf)["modelaudit:claimed:sha256"] == ["e" * 64 + " by hub"]
    assert collect_properties(gguf)["modelaudit:unread"][0].startswith("no-reader: ")
    assert "hashes" not in files["LICENSE"]
    assert collect_properties(files["LICENSE"])["modelaudit:digest:git-sha1"] == ["1" * 40]


def test_finding_is_a_vulnerability_that_affects_its_file(failing: AuditReport) -> None:
    bom = render_bom(failing)
    vulnerabilities = {each["id"]: each for each in bom["vulnerabilities"]}
    refs = {each["name"]: each["bom-ref"] for each in bom["components"]}
    call = vulnerabilities["pickle/dangerous-call"]
    assert call["affects"] == [{"ref": refs["pytorch_model.bin"]}]
    assert call["ratings"][0]["severity"] == "critical"
    assert call["cwes"] == [78, 502]
    assert call["source"]["name"] == "modelaudit"
    assert "posix.system" in call["description"]
    assert "1234: REDUCE" in call["detail"]
    assert call["recommendation"].startswith("Do not load the file.")
    assert collect_properties(call)["modelaudit:fingerprint"] == [failing.findings[0].fingerprint]
    assert collect_properties(call)["modelaudit:offset"] == ["1234"]
    # A finding on the model as a whole affects the root.
    assert vulnerabilities["license/contradiction"]["affects"] == [{"ref": "model"}]
    # No reference of this rule is an https address.
    assert "advisories" not in vulnerabilities["safetensors/hole"]


@pytest.mark.parametrize("view", [SchemaVersion1Dot6, SchemaVersion1Dot7])
def test_files_and_findings_have_the_form_that_the_library_writes(
    view: type[BaseSchemaVersion], any_report: AuditReport
) -> None:
    render = render_cyclonedx if view is SchemaVersion1Dot6 else render_cyclonedx_17
    bom = json.loads(render(any_report))
    files = [each for each in bom.get("components", ()) if each["type"] == "file"]
    parts = [
        *((Component, each) for each in files),
        *((Vulnerability, each) for each in bom.get("vulnerabilities", ())),
    ]
    assert len(parts) >= len(any_report.findings)
    for kind, value in parts:
        read = kind.from_json(value)  # type: ignore[attr-defined]
        assert json.loads(read.as_json(view_=view)) == value


def test_each_component_and_vulnerability_has_a_unique_reference_even_for_equal_findings(hostile: AuditReport) -> None:
    bom = render_bom(hostile)
    refs = [each["bom-ref"] for each in [*bom["components"], *bom["vulnerabilities"]]]
    expected_count = len(hostile.coverage.artifacts) + len(hostile.findings) + len(hostile.license.datasets)
    assert len(refs) == len(set(refs)) == expected_count


def test_file_component_has_the_name_of_the_file_and_not_its_escaped_address(failing: AuditReport) -> None:
    record = replace(failing.coverage.artifacts[0], path="we%21rd.bin")
    coverage = replace(failing.coverage, artifacts=(record,))
    components = render_bom(replace(failing, decision=replace(failing.decision, coverage=coverage)))["components"]
    assert [each["name"] for each in components if each["type"] == "file"] == ["we!rd.bin"]


def test_finding_in_member_affects_the_file_with_the_longest_name_that_its_address_begins_with(
    failing: AuditReport,
) -> None:
    """Older reports do not escape the "!" in the name of a file."""
    longer_name = replace(failing.coverage.artifacts[0], path="a!b.zip")
    shorter_name = replace(failing.coverage.artifacts[0], path="a")
    finding = Finding("x/y", Severity.LOW, CheckFamily.SECURITY, "a!b.zip!c/data.pkl", "m")
    coverage = replace(failing.coverage, artifacts=(shorter_name, longer_name))
    bom = render_bom(replace(failing, decision=replace(failing.decision, coverage=coverage), findings=(finding,)))
    refs = {each["name"]: each["bom-ref"] for each in bom["components"]}
    assert bom["vulnerabilities"][0]["affects"] == [{"ref": refs["a!b.zip"]}]


def test_bill_of_materials_lists_the_declared_licenses(failing: AuditReport) -> None:
    source = "declared: apache-2.0 (README.md, license, line 3, entry license)"
    assert render_bom(failing)["metadata"]["component"]["licenses"] == [
        {
            "license": {
                "acknowledgement": "declared",
                "id": "Apache-2.0",
                "properties": [{"name": "modelaudit:source", "value": source}],
                "url": "https://www.apache.org/licenses/LICENSE-2.0",
            }
        }
    ]


@pytest.mark.parametrize(
    ("quotation", "entry", "expected"),
    [
        ("llama3.1", "LicenseRef-Llama-3.1", {"name": "LicenseRef-Llama-3.1"}),
        ("my own terms", None, {"name": "my own terms"}),
        ("MIT", None, {"name": "MIT"}),
        ("mit", "MIT", {"id": "MIT"}),
        ("", None, {"name": "not stated"}),
    ],
)
def test_declared_license_has_an_spdx_id_only_if_it_resolved_to_one_and_otherwise_a_name(
    failing: AuditReport, quotation: str, entry: str | None, expected: dict[str, str]
) -> None:
    claim = LicenseClaim(ClaimKind.DECLARED, "README.md", "license", quotation, entry)
    conclusion = LicenseConclusion(ConclusionState.UNRECOGNISED, LicenseCategory.UNKNOWN, (claim,))
    ((license_,),) = (
        each.values() for each in render_bom(replace(failing, license=conclusion))["metadata"]["component"]["licenses"]
    )
    assert collect_properties(license_) == {"modelaudit:source": [f"declared: {quotation} (README.md, license)"]}
    del license_["properties"]
    assert license_ == {"acknowledgement": "declared"} | expected


@pytest.mark.parametrize(
    ("kind", "name", "origin", "purl"),
    [
        (RefKind.MODEL, "gpt2", "https://huggingface.co", "pkg:huggingface/gpt2@"),
        (RefKind.MODEL, "acme/tiny", "https://huggingface.co/", "pkg:huggingface/acme/tiny@"),
        (RefKind.CACHE, "acme/tiny", "local Hub cache", "pkg:huggingface/acme/tiny@"),
        (RefKind.FOLDER, "tiny", "local disk", "pkg:generic/tiny@"),
        (RefKind.DATASET, "acme/data", "https://huggingface.co", "pkg:huggingface/datasets/acme/data@"),
        (RefKind.DATASET, "squad", "https://huggingface.co", "pkg:huggingface/datasets/squad@"),
        (RefKind.MODEL, "a/b/c", "https://huggingface.co", None),  # not the id of a repository
    ],
)
def test_repository_of_the_hub_and_folder_with_a_digest_have_a_package_url(
    failing: AuditReport, kind: RefKind, name: str, origin: str, purl: str | None
) -> None:
    report = replace(failing, target=replace(failing.target, kind=kind, name=name, origin=origin))
    root = render_bom(report)["metadata"]["component"]
    assert root.get("purl") == (f"{purl}{failing.target.commit}" if purl else None)
    assert root["type"] == ("data" if kind is RefKind.DATASET else "machine-learning-model")


def test_package_url_contains_the_address_of_another_hub(failing: AuditReport) -> None:
    report = replace(failing, target=replace(failing.target, origin="https://hub.example.org"))
    assert render_bom(report)["metadata"]["component"]["purl"].endswith("?repository_url=https://hub.example.org")


def test_serial_number_derives_from_the_bytes_and_their_judges_and_not_from_the_time(failing: AuditReport) -> None:
    serial_number = render_bom(failing)["serialNumber"]
    assert render_bom(replace(failing, created="2026-11-25T09:30:00Z"))["serialNumber"] == serial_number
    coverage = replace(failing.coverage, artifacts=failing.coverage.artifacts[1:])
    others = (
        replace(failing, decision=replace(failing.decision, coverage=coverage)),
        replace(failing, tool=replace(failing.tool, rules_digest="0" * 64)),
        replace(failing, tool=replace(failing.tool, version="99")),
        replace(failing, policy=replace(failing.policy, digest="0" * 64)),
        replace(failing, target=replace(failing.target, commit="0" * 40)),
    )
    serial_numbers = {serial_number, *(render_bom(each)["serialNumber"] for each in others)}
    serial_numbers.add(json.loads(render_cyclonedx(failing, bom_findings=False))["serialNumber"])
    serial_numbers.add(json.loads(render_cyclonedx_17(failing))["serialNumber"])
    assert len(serial_numbers) == 3 + len(others)


def render_bom_with_license(report: AuditReport, license_: LicenseConclusion) -> Any:
    """Render and parse the bill of materials of a report with another licence conclusion; fail unless it is valid."""
    licensed = replace(report, license=license_)
    check_valid(licensed)
    return render_bom(licensed)


def test_bill_of_materials_lists_declared_and_concluded_licenses(failing: AuditReport) -> None:
    root = render_bom_with_license(failing, build_plain_conclusion())["metadata"]["component"]
    licenses = [(each["license"]["id"], each["license"]["acknowledgement"]) for each in root["licenses"]]
    assert sorted(licenses) == [("Apache-2.0", "concluded"), ("Apache-2.0", "declared")]
    assert [each["license"]["id"] for each in root["evidence"]["licenses"]] == ["Apache-2.0"]
    both = replace(build_plain_conclusion(), expression="Apache-2.0 AND LicenseRef-Llama-3.1")
    root = render_bom_with_license(failing, both)["metadata"]["component"]
    concluded = [each["license"] for each in root["licenses"] if each["license"]["acknowledgement"] == "concluded"]
    assert {each.get("id") or each["name"] for each in concluded} == {"Apache-2.0", "LicenseRef-Llama-3.1"}


def test_concluded_choice_of_licenses_is_an_expression_and_the_declared_one_is_evidence(failing: AuditReport) -> None:
    choice = replace(build_plain_conclusion(), expression="MIT OR Apache-2.0")
    root = render_bom_with_license(failing, choice)["metadata"]["component"]
    assert root["licenses"] == [{"acknowledgement": "concluded", "expression": "MIT OR Apache-2.0"}]
    evidence = [each["license"] for each in root["evidence"]["licenses"]]
    assert ("declared", "Apache-2.0", APACHE.url) in [
        (each.get("acknowledgement"), each["id"], each["url"]) for each in evidence
    ]


def test_restriction_in_running_text_is_not_a_declared_license(failing: AuditReport) -> None:
    sentence = "This model is for research only."
    restriction = LicenseClaim(ClaimKind.DECLARED, "README.md", "restriction", sentence, None)
    field = LicenseClaim(ClaimKind.DECLARED, "README.md", "license", "mit", "MIT")
    license_ = replace(build_plain_conclusion(), state=ConclusionState.CONTRADICTORY, claims=(field, restriction))
    root = render_bom_with_license(failing, license_)["metadata"]["component"]
    assert [each["license"]["id"] for each in root["licenses"]] == ["MIT"]


def test_bill_of_materials_without_a_concluded_license_lists_only_the_declared_one(failing: AuditReport) -> None:
    doubtful = replace(build_plain_conclusion(), state=ConclusionState.VAGUE)
    root = render_bom_with_license(failing, doubtful)["metadata"]["component"]
    assert [each["license"]["acknowledgement"] for each in root["licenses"]] == ["declared"]


def test_concluded_expression_that_is_malformed_becomes_the_name_of_a_license(failing: AuditReport) -> None:
    nonsense = replace(build_plain_conclusion(), expression="(( AND")
    root = render_bom_with_license(failing, nonsense)["metadata"]["component"]
    assert {"license": {"acknowledgement": "concluded", "name": "(( AND"}} in root["licenses"]


def test_base_models_are_nested_ancestors(failing: AuditReport) -> None:
    root = render_bom_with_license(failing, build_conflicting_conclusion())["metadata"]["component"]
    (base,) = root["pedigree"]["ancestors"]
    assert (base["name"], base["version"]) == ("acme/tiny-instruct", COMMIT)
    assert base["licenses"][0]["license"]["acknowledgement"] == "concluded"
    inner = {each["name"]: each for each in base["pedigree"]["ancestors"]}
    assert set(inner) == {"acme/tiny-root", "acme/other"}
    known = inner["acme/tiny-root"]
    assert known["licenses"] == [{"license": {"name": "LicenseRef-Llama-3.1", "url": LLAMA.url}}]
    assert known["purl"] == "pkg:huggingface/acme/tiny-root"
    assert root["pedigree"]["notes"] == "quantized from acme/tiny-instruct"
    assert collect_properties(known)["modelaudit:origin:look"] == ["known-by-name"]
    assert collect_properties(known)["modelaudit:origin:relation"] == ["finetune"]
    assert "licenses" not in inner["acme/other"]


def test_data_sets_are_components_with_their_own_licenses(failing: AuditReport) -> None:
    bom = render_bom_with_license(failing, build_conflicting_conclusion())
    data = {each["name"]: each for each in bom["components"] if each["type"] == "data"}
    assert data["acme/pairs"]["licenses"][0]["license"] == {"acknowledgement": "declared", "id": "CC-BY-NC-4.0"}
    address = "https://huggingface.co/datasets/acme/pairs"
    assert data["acme/pairs"]["externalReferences"] == [{"type": "distribution", "url": address}]
    assert data["acme/pairs"]["data"] == [{"type": "dataset", "name": "acme/pairs", "contents": {"url": address}}]
    assert "licenses" not in data["acme/more"]
    assert collect_properties(data["acme/more"])["modelaudit:dataset:look"] == ["unreached"]
    graph = {each["ref"]: each.get("dependsOn", []) for each in bom["dependencies"]}
    assert {each["bom-ref"] for each in data.values()} <= set(graph["model"])


def test_license_answers_and_obligations_and_openness_become_model_properties(failing: AuditReport) -> None:
    properties = collect_properties(
        render_bom_with_license(failing, build_conflicting_conclusion())["metadata"]["component"]
    )
    assert properties["modelaudit:license:permission"] == ["review"]
    assert any("via acme/tiny-root" in each for each in properties["modelaudit:license:answer"])
    assert any("“Built with Llama”" in each for each in properties["modelaudit:license:obligation"])
    assert properties["modelaudit:openness:component"] == [
        "code: absent, openness not known",
        "weights: present, not open",
    ]
    assert any(each.startswith("declared-inherited: ") for each in properties["modelaudit:license:conflict"])
    met = collect_properties(render_bom_with_license(failing, build_plain_conclusion())["metadata"]["component"])
    assert any(each.endswith("[the repository holds it: LICENSE]") for each in met["modelaudit:license:obligation"])


def test_intended_use_that_states_only_a_territory_becomes_a_property(failing: AuditReport) -> None:
    license_ = replace(build_plain_conclusion(), intent=Intent(territories=("DE",)))
    root = render_bom_with_license(failing, license_)["metadata"]["component"]
    assert "in DE" in collect_properties(root)["modelaudit:license:intent"][0]


def test_number_of_ancestors_listed_for_a_cyclic_or_long_lineage_is_bounded(failing: AuditReport) -> None:
    origin = build_conflicting_conclusion().origins[0]
    cycle = tuple(replace(origin, name=f"a/{n}", made=f"a/{(n - 1) % 3}") for n in range(3))
    chain = tuple(replace(origin, name=f"b/{n}", made=f"b/{n - 1}" if n else "") for n in range(3000))
    conclusion = replace(build_conflicting_conclusion(), origins=(*cycle, *chain))
    assert len(build_lineage_tree(conclusion)) == 3003
    # At most sixty of the 3,003 are listed.
    pedigree = render_bom_with_license(failing, conclusion)["metadata"]["component"]["pedigree"]
    assert json.dumps(pedigree).count('"type": "machine-learning-model"') == 60
    assert pedigree["notes"].endswith("; 2943 more ancestors are in the JSON report")
    root = render_bom_with_license(failing, replace(conclusion, origins=cycle))["metadata"]["component"]
    assert json.dumps(root["pedigree"]).count('"type": "machine-learning-model"') == 3
