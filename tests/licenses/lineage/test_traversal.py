"""Tracing of base models, from the claims that name them to the roots."""

from __future__ import annotations

import random

import pytest
from support.cases import check_each

from modelaudit.licenses.evidence.hub_ids import explain_invalid_hub_id, parse_hub_id
from modelaudit.licenses.lineage.base_models import list_base_models, list_dataset_claims
from modelaudit.licenses.lineage.traversal import LookupResult, trace_base_models
from modelaudit.model.copies import replace
from modelaudit.model.license import ClaimKind, ConclusionState, LicenseClaim, OriginState
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location
from modelaudit.model.terms import Relation


def build_base_model_claim(name, field="base_model", artifact="README.md", relation=Relation.UNSTATED):
    """Build a claim that names a base model."""
    return LicenseClaim(ClaimKind.INHERITED, artifact, field, name, None, Location(line=2), relation=relation)


def build_data_set_claim(name):
    """Build a claim that names a data set: it has no relation."""
    return LicenseClaim(ClaimKind.INHERITED, "README.md", "datasets", name, None, Location(line=3))


def build_license_claim(entry):
    """Build a claim of a card that declares the licence ``entry``."""
    return LicenseClaim(ClaimKind.DECLARED, "README.md", "license", entry, entry)


class FakeHub:
    """Repositories by id, each with its claims or the result of its lookup; any other id is missing.

    The constructor takes ``owner__name`` for the id ``owner/name``.

    Attributes:
        lookups: (id, whether it is a data set) of each lookup so far.
    """

    def __init__(self, **repositories):
        self.repositories = {name.replace("__", "/"): claims for name, claims in repositories.items()}
        self.lookups = []

    def look_up(self, name, is_dataset):
        self.lookups.append((name, is_dataset))
        known = self.repositories.get(name)
        if known is None:
            return LookupResult(OriginState.MISSING, "it is not there")
        if isinstance(known, LookupResult):
            return known
        commit = f"{name:0>40}"  # differs for each repository, and has the length of a commit
        return LookupResult(OriginState.READ, "read", commit, tuple(known))

    def trace(self, *claims, limits=None, **options):
        """Trace the base models and data sets of a model with these claims, by lookups here."""
        return trace_base_models(claims, self.look_up, assess_declared, limits or Limits(), **options)


def assess_declared(claims, paths):
    """Conclude every licence that a claim declares, in the place of the real assessment."""
    ids = tuple(dict.fromkeys(claim.entry for claim in claims if claim.entry))
    return (ConclusionState.CONCLUDED if ids else ConclusionState.UNDECLARED), ids


def list_origin_rows(origins):
    """List (name, derived model, depth, lookup, licences) for each base model."""
    return [(each.name, each.made, each.depth, each.look.value, each.entries) for each in origins]


def test_chain_of_base_models_is_traced_to_its_root():
    hub = FakeHub(
        a__tuned=[build_license_claim("MIT"), build_base_model_claim("a/base")], a__base=[build_license_claim("X")]
    )
    origins, _ = hub.trace(build_base_model_claim("a/tuned"))
    assert list_origin_rows(origins) == [("a/tuned", "", 1, "read", ("MIT",)), ("a/base", "a/tuned", 2, "read", ("X",))]
    assert origins[0].state is ConclusionState.CONCLUDED
    assert (origins[0].commit, origins[0].claim) == (f"{'a/tuned':0>40}", build_base_model_claim("a/tuned"))


def test_base_model_record_names_its_derived_model_unless_that_is_the_scanned_one():
    hub = FakeHub(a__base=[build_base_model_claim("a/root")], a__root=[])
    origins, _ = hub.trace(build_base_model_claim("a/base"), build_base_model_claim("/path"), own="a/model")
    assert [(each.name, each.made) for each in origins] == [
        ("a/base", ""),
        ("/path", ""),
        ("a/root", "a/base"),
    ]


def test_base_models_are_listed_in_breadth_first_order():
    hub = FakeHub(a__one=[build_base_model_claim("a/deep")], a__two=[], a__deep=[])
    origins, _ = hub.trace(build_base_model_claim("a/one"), build_base_model_claim("a/two"))
    assert [each.name for each in origins] == ["a/one", "a/two", "a/deep"]


def test_base_model_of_two_models_is_looked_up_once_and_listed_twice():
    hub = FakeHub(
        a__one=[build_base_model_claim("a/root")],
        a__two=[build_base_model_claim("A/Root")],
        a__root=[build_license_claim("X"), build_base_model_claim("a/older")],
        a__older=[],
    )
    origins, _ = hub.trace(build_base_model_claim("a/one"), build_base_model_claim("a/two"))
    assert [(each.name, each.made, each.entries) for each in origins if each.name.lower() == "a/root"] == [
        ("a/root", "a/one", ("X",)),
        ("A/Root", "a/two", ("X",)),
    ]
    assert len(hub.lookups) == len({name.lower() for name, _ in hub.lookups})
    assert [each.made for each in origins if each.name == "a/older"] == ["a/root"]


@pytest.mark.parametrize(
    ("repositories", "name_and_derived_model"),
    [
        ({"a__one": [build_base_model_claim("a/one")]}, ("a/one", "a/one")),
        (
            {"a__one": [build_base_model_claim("a/two")], "a__two": [build_base_model_claim("A/One")]},
            ("A/One", "a/two"),
        ),
        ({"a__one": [build_base_model_claim("a/model")]}, ("a/model", "a/one")),
    ],
)
def test_cycle_of_base_models_is_recorded_and_ends_the_walk(repositories, name_and_derived_model):
    hub = FakeHub(**repositories)
    origins, _ = hub.trace(build_base_model_claim("a/one"), own="a/model")
    [cycle] = [each for each in origins if each.look is OriginState.CYCLE]
    assert (cycle.name, cycle.made) == name_and_derived_model
    assert cycle.state is ConclusionState.NOT_CHECKED
    assert "a/model" not in [name for name, _ in hub.lookups]


def test_cycle_of_base_models_across_branches_is_recorded():
    # Each of the two models names the other. The walk reaches a/two last, which leads back to a/one.
    hub = FakeHub(a__one=[build_base_model_claim("a/two")], a__two=[build_base_model_claim("a/one")])
    origins, _ = hub.trace(build_base_model_claim("a/one"), build_base_model_claim("a/two"))
    assert [(each.name, each.made) for each in origins if each.look is OriginState.CYCLE] == [("a/one", "a/two")]


def test_model_that_names_itself_as_base_model_is_recorded_as_a_cycle():
    origins, _ = FakeHub().trace(build_base_model_claim("a/model"), own="a/model")
    assert [(each.look, each.detail) for each in origins] == [(OriginState.CYCLE, "it names itself as its base model")]


def test_base_model_that_names_its_own_former_name_is_recorded_as_a_cycle():
    renamed = LookupResult(OriginState.READ, "renamed", "c" * 40, (build_base_model_claim("a/old"),))
    hub = FakeHub(a__old=renamed, a__new=renamed)
    origins, _ = hub.trace(build_base_model_claim("a/new"))
    assert [(each.name, each.look) for each in origins] == [("a/new", OriginState.READ), ("a/old", OriginState.CYCLE)]


def test_base_model_beyond_the_depth_limit_is_recorded_as_over_the_limit_and_not_looked_up():
    hub = FakeHub(**{f"a__{number}": [build_base_model_claim(f"a/{number + 1}")] for number in range(50)})
    origins, _ = hub.trace(build_base_model_claim("a/0"), limits=Limits(origin_depth=3))
    assert [(each.name, each.look) for each in origins] == [
        ("a/0", OriginState.READ), ("a/1", OriginState.READ), ("a/2", OriginState.READ), ("a/3", OriginState.LIMIT),
    ]  # fmt: skip
    assert "more than 3 steps" in origins[-1].detail
    assert len(hub.lookups) == 3


def test_one_record_stands_for_all_base_models_over_the_maximum_number():
    hub = FakeHub()
    origins, _ = hub.trace(
        *(build_base_model_claim(f"a/{number}") for number in range(1000)), limits=Limits(origins=10)
    )
    assert len(hub.lookups) == 10
    assert [each.look for each in origins] == [OriginState.MISSING] * 10 + [OriginState.LIMIT]
    assert "the rest were not looked up" in origins[-1].detail


def test_no_base_model_or_data_set_is_looked_up_after_the_time_limit():
    hub = FakeHub()
    # A negative limit is exceeded from the start.
    limits = Limits(origin_seconds=-1.0, origins=5)
    origins, data_sets = hub.trace(
        *(build_base_model_claim(f"a/{number}") for number in range(1000)),
        build_data_set_claim("a/rows"),
        limits=limits,
    )
    assert hub.lookups == []
    assert {each.look for each in origins} == {OriginState.LIMIT}
    # Five base models, and one record for all that follow.
    assert len(origins) == 6
    assert [each.look for each in data_sets] == [OriginState.LIMIT]


@pytest.mark.parametrize("look", [OriginState.MISSING, OriginState.GATED, OriginState.UNREACHED])
def test_record_of_an_unread_base_model_has_the_state_not_checked_and_the_cause(look):
    origins, _ = FakeHub(a__base=LookupResult(look, "why")).trace(build_base_model_claim("a/base"))
    assert [(each.look, each.state, each.entries, each.detail) for each in origins] == [
        (look, ConclusionState.NOT_CHECKED, (), "why")
    ]


def test_claims_of_gated_base_model_are_assessed_and_traced():
    gated = LookupResult(
        OriginState.GATED, "gated", "d" * 40, (build_license_claim("X"), build_base_model_claim("a/root"))
    )
    origins, _ = FakeHub(a__base=gated, a__root=[build_license_claim("Y")]).trace(build_base_model_claim("a/base"))
    assert [(each.look, each.entries) for each in origins] == [
        (OriginState.GATED, ("X",)),
        (OriginState.READ, ("Y",)),
    ]


@check_each(
    "name, why",
    [
        ("/data/ckpt", "a path on the machine"), ("./base", "a path on the machine"), ("../base", "a path"),
        ("C:\\models\\base", "a path"), ("a/b/c", "a path"), ("~/base", "a path"), ("s3://bucket/base", "an address"),
        ("https://example.org/a/b", "an address"), ("model.safetensors", "a file name"),
        ("my private model", "not the id of a Hub repository"), ("base model:7b", "not the id"),
        ("\u0445/base", "not the id"),  # a Cyrillic letter
    ],
)  # fmt: skip
def test_base_model_whose_name_is_no_hub_id_is_recorded_as_unreached_without_a_lookup(name, why):
    hub = FakeHub()
    origins, _ = hub.trace(build_base_model_claim(name))
    assert [(each.name, each.look) for each in origins] == [(name, OriginState.UNREACHED)]
    assert why in origins[0].detail == explain_invalid_hub_id(name)
    assert hub.lookups == []


@check_each(
    "text",
    [
        "https://huggingface.co/org/Name-1.0", "https://huggingface.co/org/Name-1.0/tree/main", "hf://org/Name-1.0",
        "https://hf.co/org/Name-1.0?x=1", "http://www.huggingface.co/models/org/Name-1.0", "org/Name-1.0@main",
        "https://huggingface.co/datasets/org/Name-1.0/blob/main/README.md", " org/Name-1.0 ",
    ],
)  # fmt: skip
def test_address_on_the_hub_is_parsed_to_the_id_of_its_repository(text):
    assert parse_hub_id(text) == "org/Name-1.0"


@check_each(
    "text, revision",
    [
        ("org/name@v2", "v2"), ("https://huggingface.co/org/name/tree/v2", "v2"), ("hf://org/name@v2/a.json", "v2"),
        ("https://hf.co/org/name/blob/v2/README.md?x=1", "v2"), ("org/name@refs/pr/1", "refs/pr/1"),
        ("hf://org/name@refs%2Fpr%2F1", "refs/pr/1"), ("https://huggingface.co/org/name/tree/refs%2Fpr%2F1", "refs/pr/1"),
        ("https://huggingface.co/org/name/commit/0123abc", "0123abc"), ("org/name@V2", "V2"),
    ],
)  # fmt: skip
def test_revision_of_a_hub_id_or_address_stays_a_part_of_the_id(text, revision):
    assert parse_hub_id(text) == f"org/name@{revision}"


@check_each("text", ["org/name@", "org/name@main", "https://hf.co/org/name/discussions/3", "hf://org/name@main/a.json"])
def test_hub_id_of_the_default_revision_has_none(text):
    assert parse_hub_id(text) == "org/name"


def test_revisions_of_one_repository_are_looked_up_apart_and_differ_by_case():
    names = ("a/base", "A/Base", "a/base@v2", "a/base@V2")
    hub = FakeHub()
    hub.repositories = {name: [build_license_claim(name)] for name in names}
    origins, _ = hub.trace(*map(build_base_model_claim, names))
    assert [(each.name, each.entries) for each in origins] == [
        (name, (name,)) for name in ("a/base", "a/base@v2", "a/base@V2")
    ]


def test_path_in_a_loader_configuration_is_taken_as_a_base_model_that_the_card_omits():
    config = build_base_model_claim("org/base", "_name_or_path", "config.json")
    tokenizer = build_base_model_claim("org/other", "name_or_path", "tokenizer_config.json")
    # The path for the tokenizer counts only if there is no path for the model.
    assert [each.name for each in list_base_models([tokenizer, config])] == ["org/base"]
    assert [each.name for each in list_base_models([tokenizer])] == ["org/other"]
    card = build_base_model_claim("org/stated")
    assert [each.name for each in list_base_models([card, tokenizer, config])] == ["org/stated", "org/base"]


def test_local_loader_path_is_dropped_beside_named_base_model():
    config = build_base_model_claim("/data/out", "_name_or_path", "config.json")
    assert [each.name for each in list_base_models([config])] == ["/data/out"]
    assert [each.name for each in list_base_models([config, build_base_model_claim("org/stated")])] == ["org/stated"]
    own = build_base_model_claim("Org/Model", "_name_or_path", "config.json")
    assert list_base_models([own], own="org/model") == ()


def test_local_path_that_ends_in_the_name_of_a_stated_base_model_adds_only_its_relation():
    adapter = build_base_model_claim(
        "/models/llama-3-8b/", "base_model_name_or_path", "adapter_config.json", Relation.ADAPTER
    )
    [each] = list_base_models([build_base_model_claim("meta/Llama-3-8B"), adapter])
    assert (each.name, each.relation) == ("meta/Llama-3-8B", Relation.ADAPTER)
    other = replace(adapter, quotation="/models/other")
    assert [each.name for each in list_base_models([build_base_model_claim("meta/Llama-3-8B"), other])] == [
        "meta/Llama-3-8B",
        "/models/other",
    ]


def test_hub_tag_supplies_a_missing_relation_and_does_not_replace_a_stated_one():
    tag = build_base_model_claim("Org/Base", "Hub tag", "", Relation.QUANTIZED)
    assert [each.relation for each in list_base_models([build_base_model_claim("org/base"), tag])] == [
        Relation.QUANTIZED
    ]
    stated = build_base_model_claim("org/base", relation=Relation.FINETUNE)
    assert [each.relation for each in list_base_models([stated, tag])] == [Relation.FINETUNE]


@pytest.mark.parametrize(
    ("paths", "relation"),
    [
        ([], Relation.UNSTATED), (["model.Q4_K_M.gguf"], Relation.QUANTIZED),
        (["adapter_config.json", "adapter_model.safetensors"], Relation.ADAPTER),
        (["adapter_config.json", "model.safetensors"], Relation.UNSTATED),
        (["model.gguf", "model.safetensors"], Relation.UNSTATED),
    ],
)  # fmt: skip
def test_relation_to_a_base_model_is_inferred_from_the_files_of_the_model(paths, relation):
    assert [each.relation for each in list_base_models([build_base_model_claim("org/base")], paths)] == [relation]


def test_several_base_models_without_a_stated_relation_get_the_relation_merge():
    assert {
        each.relation for each in list_base_models([build_base_model_claim("org/a"), build_base_model_claim("org/b")])
    } == {Relation.MERGE}
    mixed = list_base_models(
        [build_base_model_claim("org/a", relation=Relation.FINETUNE), build_base_model_claim("org/b")]
    )
    assert [each.relation for each in mixed] == [Relation.FINETUNE, Relation.UNSTATED]


def test_adapter_file_changes_a_stated_distilled_relation_to_adapter():
    stated = build_base_model_claim("org/base", relation=Relation.DISTILLED)
    assert [each.relation for each in list_base_models([stated])] == [Relation.DISTILLED]
    assert [each.relation for each in list_base_models([stated], ["adapter_config.json"])] == [Relation.ADAPTER]


def test_data_set_is_looked_up_once_and_never_becomes_a_base_model():
    hub = FakeHub(
        o__rows=[
            build_license_claim("CC-BY-NC-4.0"),
            build_base_model_claim("o/model"),
            build_data_set_claim("o/older"),
        ]
    )
    origins, data_sets = hub.trace(
        build_data_set_claim("o/rows"),
        build_data_set_claim("O/Rows"),
        build_data_set_claim("scraped text"),
        build_data_set_claim("o/none"),
    )
    assert origins == ()
    assert [(each.name, each.look, each.entries) for each in data_sets] == [
        ("o/rows", OriginState.READ, ("CC-BY-NC-4.0",)),
        ("scraped text", OriginState.UNREACHED, ()),
        ("o/none", OriginState.MISSING, ()),
    ]
    assert hub.lookups == [("o/rows", True), ("o/none", True)]
    assert data_sets[0].location == Location(line=3)
    assert list_dataset_claims([build_base_model_claim("o/a")]) == ()


def test_one_record_stands_for_all_data_sets_over_the_maximum_number():
    hub = FakeHub()
    _, datasets = hub.trace(*(build_data_set_claim(f"acme/rows-{number}") for number in range(70)))
    assert len(hub.lookups) == 50
    assert [dataset.look is OriginState.LIMIT for dataset in datasets] == [False] * 50 + [True]


def test_data_sets_of_base_models_are_not_looked_up():
    hub = FakeHub(a__base=[build_data_set_claim("o/rows")])
    _, data_sets = hub.trace(build_base_model_claim("a/base"))
    assert data_sets == ()
    assert hub.lookups == [("a/base", False)]


@check_each("seed", range(40))
def test_walk_of_a_random_base_model_graph_stays_within_depth_and_number_limits(seed):
    dice = random.Random(seed)
    names = [f"a/{number}" for number in range(dice.randint(1, 12))]
    looks = list(OriginState)
    hub = FakeHub()
    for name in names:
        # Beside the models of the graph, a claim may name a local path or a missing repository.
        claims = tuple(
            build_base_model_claim(dice.choice([*names, "/path", "a/none"])) for _ in range(dice.randint(0, 5))
        )
        commit = dice.choice([None, "e" * 40, f"{name:0>40}"])
        hub.repositories[name] = LookupResult(dice.choice(looks), "x", commit, claims)
    limits = Limits(origins=20, origin_depth=4)
    origins, _ = hub.trace(
        *(build_base_model_claim(name) for name in names), own=dice.choice(["", *names]), limits=limits
    )
    assert len(hub.lookups) == len(set(hub.lookups)) <= limits.origins
    # One more record, or one more step, states that the limit was reached.
    assert len(origins) <= limits.origins + 1
    assert all(each.depth <= limits.origin_depth + 1 for each in origins)
