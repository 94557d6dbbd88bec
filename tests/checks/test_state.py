"""Classes that act by their state when they are loaded: only a harmless state is accepted."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelaudit
from modelaudit.formats.pickles.pickle.skimmer import _SPECIAL_KEY
from modelaudit.formats.pickles.pickle.special_keys import DECIDING_KEYS, SPECIAL_KEYS

# The key of the state that SciPy runs as source.
SOURCE_KEY = "_parse_arg_template"
# The opcode BINUNICODE with the length of the key.
BINUNICODE_19 = pickle.BINUNICODE + b"\x13\x00\x00\x00"
# The opcode with the class of the normal distribution.
IMPORT_OF_CLASS = pickle.GLOBAL + b"scipy.stats._continuous_distns\nnorm_gen\n"
OTHER_SOURCE = "import os"
# The opcodes that create an object without arguments.
CREATE_OBJECT = pickle.EMPTY_TUPLE + pickle.NEWOBJ


def scan_exit_code(tmp_path: Path, data: bytes) -> int:
    """Scan a pickle with the security check; return the exit code."""
    (tmp_path / "model.pkl").write_bytes(data)
    return modelaudit.scan(tmp_path / "model.pkl", second_opinion=False, checks=["security"]).exit_code


def encode_value(value: object) -> bytes:
    """Return the opcodes that make a plain value."""
    without_proto_and_stop = slice(2, -1)
    return pickle.dumps(value, 3)[without_proto_and_stop]


def pickle_states(*states: bytes, instance: bytes = IMPORT_OF_CLASS + CREATE_OBJECT) -> bytes:
    """Return a pickle that runs the opcodes ``instance``, and sets each of ``states`` on that object by BUILD.

    The default opcodes create an object of the normal distribution.
    """
    set_states = b"".join(state + pickle.BUILD for state in states)
    return pickle.PROTO + b"\x03" + instance + set_states + pickle.STOP


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle_of_scipy_distributions_passes_the_scan_in_protocols_2_to_5(protocol: int, tmp_path: Path) -> None:
    import scipy.stats

    names = ["norm", "uniform", "beta", "gamma", "expon", "t", "loguniform", "triang", "lognorm", "pareto"]
    distributions = [getattr(scipy.stats, name) for name in names]
    frozen = [scipy.stats.norm(0, 1), scipy.stats.beta(2, 3), scipy.stats.loguniform(1, 2)]
    assert scan_exit_code(tmp_path, pickle.dumps([*distributions, *frozen], protocol)) == 0


def test_pickle_of_every_continuous_scipy_distribution_passes_the_scan(tmp_path: Path) -> None:
    import scipy.stats

    continuous = [each for each in vars(scipy.stats).values() if isinstance(each, scipy.stats.rv_continuous)]
    assert len(continuous) > 90
    assert scan_exit_code(tmp_path, pickle.dumps(continuous, 4)) == 0


@pytest.fixture(scope="module")
def scipy_source() -> str:
    """Return the source that SciPy writes into the state of a distribution."""
    import scipy.stats

    written: str = scipy.stats.norm.__getstate__()[SOURCE_KEY]
    return written


def build_pickles_with_other_states(scipy_source: str) -> Iterator[bytes]:
    """Yield pickles whose state differs from the one that SciPy writes."""
    encoded_key, encoded_source = encode_value(SOURCE_KEY), encode_value(OTHER_SOURCE)
    yield from (
        # another source, or more source than SciPy writes
        pickle_states(encode_value({SOURCE_KEY: OTHER_SOURCE})),
        pickle_states(encode_value({SOURCE_KEY: scipy_source + OTHER_SOURCE})),
        pickle_states(encode_value({SOURCE_KEY: OTHER_SOURCE + scipy_source})),
        pickle_states(encode_value({SOURCE_KEY: scipy_source.replace("loc=0", "loc=print()", 1)})),
        pickle_states(encode_value({SOURCE_KEY: scipy_source.replace("(self,", "(self, a=print(),", 1)})),
        pickle_states(encode_value({SOURCE_KEY: OTHER_SOURCE.encode()})),
        pickle_states(encode_value({SOURCE_KEY: scipy_source + " " * 5000 + OTHER_SOURCE})),
        # the key is set a second time, by SETITEM and by SETITEMS
        pickle_states(
            encode_value({SOURCE_KEY: scipy_source})
            + BINUNICODE_19
            + SOURCE_KEY.encode()
            + encoded_source
            + pickle.SETITEM
        ),
        pickle_states(
            pickle.EMPTY_DICT
            + pickle.MARK
            + encoded_key
            + encode_value(scipy_source)
            + encoded_key
            + encoded_source
            + pickle.SETITEMS
        ),
        # a second state, and states of other types than a dictionary
        pickle_states(encode_value({"a": 1}), encode_value({SOURCE_KEY: OTHER_SOURCE})),
        pickle_states(encode_value([(SOURCE_KEY, OTHER_SOURCE)])),
        pickle_states(encode_value(((SOURCE_KEY, OTHER_SOURCE), ("a", 1)))),
        pickle_states(encode_value(({SOURCE_KEY: OTHER_SOURCE, "a": 1, "b": 2}, None))),
        pickle_states(encode_value(({SOURCE_KEY: 1, "a": 2}, ("b", 1)))),
        # ``dict.update`` takes both parts of this pair for pairs, and so sets the key
        pickle_states(encode_value(({"a": 1, "b": 2}, (SOURCE_KEY, OTHER_SOURCE)))),
        pickle_states(
            pickle.GLOBAL
            + b"collections\nOrderedDict\n"
            + pickle.EMPTY_TUPLE
            + pickle.REDUCE
            + encoded_key
            + encoded_source
            + pickle.SETITEM
        ),
        # the usual state of an object that was made in another way, or of another class
        pickle_states(
            encode_value({SOURCE_KEY: scipy_source}), instance=IMPORT_OF_CLASS + encode_value(("x",)) + pickle.NEWOBJ
        ),
        pickle_states(
            encode_value({SOURCE_KEY: scipy_source}), instance=IMPORT_OF_CLASS + pickle.EMPTY_TUPLE + pickle.REDUCE
        ),
        pickle_states(
            encode_value({SOURCE_KEY: scipy_source}),
            instance=pickle.GLOBAL + b"scipy.stats._distn_infrastructure\nrv_sample\n" + CREATE_OBJECT,
        ),
        pickle_states(
            encode_value({"a": scipy_source}),
            instance=pickle.GLOBAL + b"scipy.stats._continuous_distns\nof_a_later_release\n" + CREATE_OBJECT,
        ),
    )


def test_scipy_distribution_fails_the_scan_if_its_state_or_creation_differs_from_scipy(
    scipy_source: str, tmp_path: Path
) -> None:
    assert [data for data in build_pickles_with_other_states(scipy_source) if scan_exit_code(tmp_path, data) != 1] == []


def test_altered_source_text_in_a_scipy_state_fails_the_scan_among_much_plain_data(
    scipy_source: str, tmp_path: Path
) -> None:
    padding = {f"plain text {index}": index for index in range(20_000)}
    assert scan_exit_code(tmp_path, pickle_states(encode_value({**padding, SOURCE_KEY: OTHER_SOURCE}))) == 1
    assert scan_exit_code(tmp_path, pickle_states(encode_value({SOURCE_KEY: scipy_source, **padding}))) == 0


def test_search_pattern_of_the_skimmer_matches_each_key_that_is_reported_even_with_plain_values() -> None:
    assert SPECIAL_KEYS >= DECIDING_KEYS
    assert all(_SPECIAL_KEY.search(key.encode()) for key in SPECIAL_KEYS)


def pickle_object(name: str, state: dict[str, object]) -> bytes:
    """Return a pickle that makes an object of the class ``name``, and sets its state."""
    module, _, kind = name.rpartition(".")
    return pickle_states(encode_value(state), instance=f"c{module}\n{kind}\n".encode() + CREATE_OBJECT)


RESOURCE = "sklearn_crfsuite._fileresource.FileResource"
WRITTEN: dict[str, object] = {
    "name": None,
    "auto": True,
    "suffix": ".crfsuite",
    "prefix": "model",
    "fd": 13,
    "__FILE_RESOURCE_DATA__": b"lCRF" * 9000,
}
MEMORY = {"depth": 3, "location": None, "store_backend": None}


@pytest.mark.parametrize(
    ("name", "state", "exit_code"),
    [
        ("joblib.memory.Memory", MEMORY, 0),
        ("joblib.memory.Memory", {**MEMORY, "store_backend": "cache"}, 1),
        ("joblib.memory.Memory", {**MEMORY, "store_backend": "None"}, 1),
        ("joblib.memory.Memory", {str(each): each for each in range(5000)} | {"store_backend": "cache"}, 1),
        (RESOURCE, WRITTEN, 0),
        (RESOURCE, {"auto": False, "name": "crf.model", "suffix": ".crfsuite"}, 0),
        (RESOURCE, {**WRITTEN, "name": "/etc/passwd"}, 1),
        (RESOURCE, {**WRITTEN, "prefix": "/etc/cron.d/a"}, 1),
        (RESOURCE, {**WRITTEN, "suffix": ".pth"}, 1),
        (RESOURCE, {"auto": True, "fd": 1}, 1),
        (RESOURCE, {"auto": False, "name": "../crf.model"}, 1),
        (RESOURCE, {str(each): each for each in range(5000)} | WRITTEN | {"name": "/etc/passwd"}, 1),
        ("statsmodels.base.data.ModelData", {"endog": [1.0], "formula": "f(x)"}, 0),
        ("statsmodels.base.data.PandasData", {"restore_model_spec": True, "formula": "y ~ f(x)"}, 1),
        ("statsmodels.base.data.PatsyData", {"restore_model_spec": None, "formula": "y ~ x.a"}, 1),
    ],
)
def test_class_that_loads_by_its_state_passes_only_with_a_harmless_one(
    name: str, state: dict[str, object], exit_code: int, tmp_path: Path
) -> None:
    assert scan_exit_code(tmp_path, pickle_object(name, state)) == exit_code


def test_every_state_of_a_file_resource_is_judged(tmp_path: Path) -> None:
    module, _, kind = RESOURCE.rpartition(".")
    instance = f"c{module}\n{kind}\n".encode() + CREATE_OBJECT
    written, deleting = encode_value(WRITTEN), encode_value({**WRITTEN, "name": "/etc/passwd"})
    second_object = pickle.POP + instance
    assert scan_exit_code(tmp_path, pickle_states(written, second_object + written, instance=instance)) == 0
    assert scan_exit_code(tmp_path, pickle_states(written, deleting, instance=instance)) == 1
    assert scan_exit_code(tmp_path, pickle_states(written, second_object + deleting, instance=instance)) == 1
    reconstructed = b"ccopyreg\n_reconstructor\n" + pickle.MARK + f"c{module}\n{kind}\ncbuiltins\nobject\nNtR".encode()
    assert scan_exit_code(tmp_path, pickle_states(written, instance=reconstructed)) == 0
    assert scan_exit_code(tmp_path, pickle_states(deleting, instance=reconstructed)) == 1
    kept = pickle.MARK + f"c{module}\n{kind}\n".encode() + pickle.LIST + pickle.POP
    assert scan_exit_code(tmp_path, pickle_states(written, instance=kept + reconstructed)) == 1
