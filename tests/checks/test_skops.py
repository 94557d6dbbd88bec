from __future__ import annotations

from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.checks.skops import build_skops_subjects
from modelaudit.model.skops import SkopsNode, SkopsSchema

CATALOGUE = load_shipped()
SCALER = "sklearn.preprocessing._data"
FILTER = "filterpy.kalman.kalman_filter"


def judge_nodes(*nodes: SkopsNode) -> list[tuple[str, str, str]]:
    """Return use, name and standing of each subject that the nodes of one skops file make."""
    fields = [subject.fields for subject in build_skops_subjects("m", SkopsSchema(2, nodes), CATALOGUE)]
    return [(str(each["use"]), str(each["name"]), str(each["standing"])) for each in fields]


@check_each(
    "node",
    [
        SkopsNode("ObjectNode", SCALER, "StandardScaler"),
        SkopsNode("DictNode", "builtins", "dict"),
        SkopsNode("NdArrayNode", "numpy", "float64"),
        SkopsNode("TypeNode", "builtins", "str", role="DictNode.key_types"),
        SkopsNode("RandomGeneratorNode", "numpy.random._generator", "Generator", member="PCG64"),
        SkopsNode("JsonNode", "builtins", "str"),
        SkopsNode("CachedNode", "None", "None"),
    ],
)
def test_skops_node_of_a_trusted_name_makes_no_subject(node: SkopsNode) -> None:
    assert not judge_nodes(node)


@check_each(
    "node, expected",
    [
        (SkopsNode("FunctionNode", "os", "system"), ("refer", "os.system", "dangerous")),
        (SkopsNode("ListNode", "os", "system"), ("call", "os.system", "dangerous")),
        (SkopsNode("JsonNode", "os", "system"), ("refer", "os.system", "dangerous")),
        (SkopsNode("ObjectNode", "pkg", "Thing"), ("construct", "pkg.Thing", "unlisted")),
        (SkopsNode("ConstructorFromReduceNode", "pkg", "Thing"), ("call", "pkg.Thing", "unlisted")),
        # Its further methods were not read, and only in a pickle is it known that nothing runs them.
        (SkopsNode("ObjectNode", FILTER, "KalmanFilter"), ("construct", f"{FILTER}.KalmanFilter", "unlisted")),
        # It unpickles constants of its state, which only a pickle is searched for.
        (SkopsNode("ObjectNode", "e3nn.o3._linear", "Linear"), ("construct", "e3nn.o3._linear.Linear", "unlisted")),
        (SkopsNode("ConstructorFromReduceNode", "functools", "partial"), ("call", "functools.partial", "unresolved")),
        (SkopsNode("FunctionNode", "pkg", "run", role="DefaultDictNode.default_factory"), ("call", "pkg.run", "unlisted")),
        (SkopsNode("ObjectNode", "pkg", "T", role="PartialNode.func"), ("call", "pkg.T(…)", "unlisted")),
        (SkopsNode("CachedNode", "None", "None", role="PartialNode.func"), ("call", "a node that stands elsewhere", "unresolved")),
        (SkopsNode("EvalNode", "builtins", "str"), ("unknown-loader", "builtins.str", "unresolved")),
        (SkopsNode("OperatorFuncNode", "builtins", "methodcaller"), ("mismatch", "builtins.methodcaller", "unresolved")),
        (SkopsNode("OperatorFuncNode", "builtins", "methodcaller"), ("call", "operator.methodcaller", "dangerous")),
        (SkopsNode("MethodNode", "builtins", "str", member="upper", bound="os.path"), ("mismatch", "builtins.str", "unresolved")),
        (SkopsNode("MethodNode", SCALER, "StandardScaler", member="fit", bound=f"{SCALER}.StandardScaler"),
         ("method", f"{SCALER}.StandardScaler.fit", "unlisted")),
        (SkopsNode("MethodNode", SCALER, "StandardScaler", member="__globals__", bound=f"{SCALER}.StandardScaler"),
         ("method", f"{SCALER}.StandardScaler.__globals__", "unresolved")),
        (SkopsNode("RandomGeneratorNode", "numpy.random._generator", "Generator", member="seed"),
         ("call", "numpy.random.seed", "unlisted")),
        (SkopsNode("RandomGeneratorNode", "numpy.random._generator", "Generator"), ("call", "numpy.random.…", "unlisted")),
    ],
)  # fmt: skip
def test_subject_of_a_reported_skops_node_states_use_name_and_standing(
    node: SkopsNode, expected: tuple[str, str, str]
) -> None:
    assert expected in judge_nodes(node)


def test_function_inside_a_skops_partial_is_reported_as_an_unlisted_name_and_not_as_a_call() -> None:
    ((use, name, standing),) = judge_nodes(SkopsNode("FunctionNode", "numpy", "log1p", role="PartialNode.func"))
    assert (use, name, standing) == ("refer", "numpy.log1p", "unlisted")
