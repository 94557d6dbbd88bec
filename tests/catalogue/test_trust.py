"""The sources of trust: classes with reviewed methods, lists that a script derives, and names that were refused."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.checks.callables import judge_name
from modelaudit.model.catalogue import Standing
from modelaudit.model.pickle import Name

ROOT = Path(__file__).parents[2]
TRUSTED = ROOT / "rules" / "callables" / "trusted"
CALLABLES = load_shipped().callables


def load_script(name: str) -> ModuleType:
    """Load one of the scripts beside the lists, which are outside any package."""
    spec = importlib.util.spec_from_file_location(f"callables_{name}", ROOT / "rules" / "callables" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


LOADING = load_script("loading")
DERIVE = load_script("derive")
CONSTANTS = load_script("derive_constants")


# Classes with one method that loading runs, and classes without any. Nothing creates an object of them.
class Restored:
    def __setstate__(self, state: object) -> None: ...


class Finalised:
    def __del__(self) -> None: ...


class LookedUp:
    def __getattr__(self, name: str) -> object: ...


class Filled:
    def append(self, item: object) -> None: ...


class Inheriting(Restored):
    pass


class Plain:
    def method(self) -> None: ...


@dataclass(frozen=True)
class Frozen:
    value: int


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("cls", "hook"),
    [
        (Restored, "__setstate__"),
        (Finalised, "__del__"),
        (LookedUp, "__getattr__"),
        (Filled, "append"),
        (Inheriting, "__setstate__"),
    ],
)
def test_class_is_not_inert_if_loading_runs_an_unreviewed_method_of_it(cls: type, hook: str) -> None:
    (unreviewed_method,) = LOADING.list_unreviewed_methods(cls)
    assert unreviewed_method.endswith(f".{hook}")
    assert not LOADING.is_inert(cls)


@pytest.mark.parametrize("cls", [Plain, Frozen, Pair, dict, list])
def test_class_is_inert_if_it_overrides_no_method_that_loading_runs(cls: type) -> None:
    assert LOADING.is_inert(cls)


def list_torch_classes_with_stored_state() -> Iterator[str]:
    """Yield the classes of torch that are trusted because loading only stores their state."""
    for file in sorted(TRUSTED.glob("torch-derived.yaml")):
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["alike"]:
            if "its state is only stored" in group["why"]:
                yield from group["names"]


def test_loader_runs_only_reviewed_methods_of_a_torch_class_trusted_to_only_store_its_state() -> None:
    pytest.importorskip("torch")
    checked_classes = 0
    for name in list_torch_classes_with_stored_state():
        module, _, qualname = name.rpartition(".")
        cls = getattr(importlib.import_module(module), qualname, None)
        if cls is not None:  # another release may have it no more
            assert LOADING.list_unreviewed_methods(cls) == set(), name
            checked_classes += 1
    assert checked_classes > 20


def test_first_line_of_a_derived_list_names_its_releases_and_forbids_edits_by_hand() -> None:
    derived = sorted(TRUSTED.glob("*-derived.yaml"))
    assert len(derived) >= 12
    for file in derived:
        first = file.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("# Derived by ../derive.py from "), file.name
        assert first.endswith("; do not edit by hand."), file.name


def test_derived_list_contains_no_name_from_a_handwritten_list_of_trusted_or_dangerous_names() -> None:
    handwritten, dangerous = DERIVE.read_handwritten_names()
    assert handwritten
    assert dangerous
    derived = sorted(TRUSTED.glob("*-derived.yaml"))
    assert derived
    for file in derived:
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["alike"]:
            assert not handwritten.intersection(group["names"])
            assert not [name for name in group["names"] if DERIVE._is_covered(name, dangerous)]


def test_name_in_several_groups_of_a_derived_list_is_written_under_the_first_reason_only() -> None:
    derived = DERIVE.DerivedList("some", {"1.10", "1.9"})
    # The key of a group is its reason, and whether its names are construct-only and refer-only.
    derived.groups[("is a layer", False, False)] = {"some.b", "some.a"}
    derived.groups[("is a part", True, False)] = {"some.a", "some.c", "some.hand", "some.bad.d"}
    text = derived.format_file(frozenset({"some.hand"}), frozenset({"some.bad"}))
    assert text.startswith("# Derived by ../derive.py from some 1.9, 1.10; do not edit by hand.\n")
    assert yaml.safe_load(text) == {
        "library": "some",
        "alike": [
            {"why": "is a layer", "names": ["some.a", "some.b"]},
            {"why": "is a part", "construct-only": True, "names": ["some.c"]},
        ],
    }


@check_each(
    "name",
    [
        # __setstate__ runs source, or evaluates a formula, out of the state
        "scipy.stats._distn_infrastructure.rv_frozen",
        "statsmodels.base.data.ModelData",
        # unpickles its argument, or lays an array of any type over it
        "spacy.vocab.unpickle_vocab",
        "spacy.tokens.doc.unpickle_doc",
        "spacy.vectors.unpickle_vectors",
        # sets attributes by names that are in its arguments
        "transformers.modeling_outputs.BaseModelOutput",
        # runs a program, opens a file or unpickles one when it is used
        "nltk.tag.stanford.StanfordTagger",
        "nltk.tag.hunpos.HunposTagger",
        "gensim.similarities.docsim.Similarity",
        "joblib.memory.Memory",
        # finds more than it is asked for on the way
        "nltk.corpus.util.LazyCorpusLoader",
        "ultralytics.nn.distill_model.DistillationModel",
        "ultralytics.nn.autobackend.AutoBackend",
        "peft.tuners.osf.layer.OSFLayer",
        "sklearn.callback._scoring_monitor.ScoringMonitor",
        "torch.fx.graph_module.GraphModule",
        "torch._dynamo.decorators._DimRange",
    ],
)
def test_name_that_was_reviewed_and_rejected_is_not_trusted(name: str) -> None:
    module, _, qualname = name.rpartition(".")
    assert judge_name(Name(module, qualname), CALLABLES).standing is not Standing.TRUSTED


@check_each(
    "name",
    ["sklearn.tree.tree.DecisionTreeClassifier", "sklearn.ensemble.forest.RandomForestClassifier",
     "sklearn.linear_model.logistic.LogisticRegression", "sklearn.preprocessing.imputation.Imputer",
     "pandas.core.indexes.numeric.Int64Index", "pandas.core.indexes.frozen.FrozenNDArray",
     "numpy.core.multiarray.scalar", "numpy.random._bit_generator.SeedSequence", "_loss.CyHalfBinomialLoss"],
)  # fmt: skip
def test_name_from_an_earlier_library_release_is_trusted(name: str) -> None:
    module, _, qualname = name.rpartition(".")
    assert judge_name(Name(module, qualname), CALLABLES).standing is Standing.TRUSTED


def test_constant_of_a_dangerous_module_may_be_referred_to_and_not_called() -> None:
    constant = CALLABLES.by_name["huggingface_hub.constants.HUGGINGFACE_HUB_CACHE"]
    assert constant.standing is Standing.TRUSTED
    assert constant.arguments
    for name in ("huggingface_hub.constants.OTHER", "huggingface_hub.hf_hub_download"):
        module, _, attribute = name.rpartition(".")
        assert judge_name(Name(module, attribute), CALLABLES).standing is Standing.DANGEROUS


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('A = "x" + "y"', ["A"]),
        ("A = 10 * 1024", ["A"]),
        ('import os\nA = os.getenv("X", "y").rstrip("/")', ["A"]),
        ('import os\nA = os.getenv("X")', []),
        ('A = "x"\nA = open', []),
        ('A = "x"\ndef A(): pass', []),
        ('A = "x"\nfrom m import A', []),
        ('A, B = "x", run()', []),
        ('def f(value) -> bool: return value\nA = f("x")', ["A"]),
        ("def f(value): return value\nA = f(open)", []),
        ("A = [open]", []),
        ('def g():\n    global A\n    A = open\nA = "x"', []),
    ],
)
def test_constant_is_derived_only_where_every_assignment_gives_a_text_or_a_number(
    source: str, names: list[str]
) -> None:
    assert CONSTANTS.read_constants(source.encode()) == names
