"""Arrays, dtypes, random generators and files of numpy, and what scipy keeps in models."""

from __future__ import annotations

import collections
import importlib

import numpy as np


def build_arrays_of_every_dtype():
    """Return an array of every type of number, text, date and record, by a name for its type."""
    arrays = {}
    for code in np.typecodes["All"]:
        if code not in "OMm":  # objects, dates and spans of time are written below
            arrays["code-" + code] = np.zeros((2, 3), dtype=code)
    arrays["big-endian"] = np.arange(4, dtype=">f8")
    arrays["text"] = np.array(["a", "bcd"])
    arrays["bytes"] = np.array([b"a", b"bcd"])
    arrays["moment"] = np.array(["2024-01-01", "NaT"], dtype="datetime64[ns]")
    arrays["span"] = np.array([1, 2], dtype="timedelta64[s]")
    arrays["record"] = np.zeros(3, dtype=[("a", "i4"), ("b", "f8", (2,)), ("c", "U3")])
    arrays["aligned"] = np.zeros(3, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True))
    arrays["fortran"] = np.asfortranarray(np.ones((3, 4)))
    arrays["empty"] = np.zeros((0, 4))
    arrays["scalar-array"] = np.array(1.5)
    return arrays


def write_samples(samples):
    """Write arrays and other objects of numpy and scipy: pickles in several protocols, npy and npz."""
    protocols = (2, 4, 5)
    arrays = build_arrays_of_every_dtype()
    samples.write_pickle("numpy", "arrays", arrays, protocols=range(6))
    for name in ("code-d", "code-e", "code-F", "big-endian", "text", "moment", "record", "fortran", "empty"):
        samples.write_pickle("numpy", "array-" + name, arrays[name], protocols=(2, 5))
    samples.write_pickle("numpy", "scalars", [np.float64(1), np.float32(2), np.int8(1), np.bool_(True), np.str_("a"),
    np.bytes_(b"a"),
                                      np.datetime64("2024-01-01"), np.complex64(1j), np.longdouble(2)],
                                      protocols=protocols)  # fmt: skip
    samples.write_pickle("numpy", "dtypes", [value.dtype for value in arrays.values()], protocols=protocols)
    mixed = np.array([1, "a", None, {"b": [2.5]}, collections.OrderedDict(a=1)], dtype=object)
    samples.write_pickle("numpy", "objects", mixed, protocols=protocols)
    ragged = np.empty(2, dtype=object)
    ragged[:] = [np.arange(2), np.arange(3)]
    samples.write_pickle("numpy", "ragged", ragged, protocols=protocols)
    samples.write_pickle("numpy", "matrix", np.matrix([[1, 2]]), protocols=protocols)
    samples.write_pickle(
        "numpy", "records", np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), protocols=protocols
    )
    samples.write_pickle(
        "numpy", "record", np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])[0], protocols=protocols
    )
    samples.write_pickle("numpy", "void", np.zeros(2, dtype=[("a", "i4")])[0], protocols=protocols)
    samples.write_pickle("numpy", "masked", [np.ma.array([1, 2], mask=[0, 1]), np.ma.masked], protocols=protocols)
    with samples.omit_on_refusal("numpy/chararray"):
        samples.write_pickle("numpy", "characters", np.char.array(["a", "b"]), protocols=protocols)
    with samples.omit_on_refusal("numpy/StringDType"):
        samples.write_pickle(
            "numpy", "strings", np.array(["a", "bcd"], dtype=np.dtypes.StringDType()), protocols=protocols
        )
    samples.write_pickle("numpy", "view", np.arange(12).reshape(3, 4)[:, ::2], protocols=protocols)
    write_random_states(samples, protocols)
    samples.write_pickle(
        "numpy", "functions", [np.mean, np.sum, np.log1p, np.exp, np.add, np.float64, np.median], protocols=protocols
    )
    samples.write_pickle(
        "numpy", "polynomials", [np.poly1d([1, 2]), np.polynomial.Polynomial([1, 2])], protocols=protocols
    )
    samples.add_file("numpy", "plain.npy", "numpy.save(path, value)", lambda path: np.save(str(path), np.arange(5)))
    samples.add_file("numpy", "objects.npy", "numpy.save(path, value)", lambda path: np.save(str(path), mixed))
    pair = {"a": np.arange(5), "b": mixed}
    samples.add_file("numpy", "pair.npz", "numpy.savez(path, **value)", lambda path: np.savez(str(path), **pair))
    save_packed = lambda path: np.savez_compressed(str(path), **pair)  # noqa: E731
    samples.add_file("numpy", "packed.npz", "numpy.savez_compressed(path, **value)", save_packed)
    with samples.omit_on_refusal("scipy"):
        write_scipy_objects(samples)


def write_random_states(samples, protocols):
    """Write random states of numpy, and generators over every source of bits."""
    samples.write_pickle(
        "numpy", "random-state", [np.random.RandomState(1), np.random.RandomState(1).get_state()], protocols=protocols
    )
    for name in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"):
        bits = getattr(np.random, name, None)
        if bits is not None:
            samples.write_pickle(
                "numpy", "generator-" + name, [np.random.Generator(bits(1)), bits(2)], protocols=protocols
            )
    if hasattr(np.random, "SeedSequence"):
        samples.write_pickle("numpy", "seed", np.random.SeedSequence(5).spawn(1)[0], protocols=protocols)


def write_scipy_objects(samples):
    """Write sparse matrices, splines, trees and results of scipy."""
    import scipy.interpolate
    import scipy.optimize
    import scipy.sparse
    import scipy.spatial
    import scipy.stats

    dense = np.array([[0, 1.0, 0], [2.0, 0, 3.0], [0, 0, 4.0]])
    for kind in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil"):
        matrices = [getattr(scipy.sparse, kind + "_matrix")(dense)]
        if hasattr(scipy.sparse, kind + "_array"):
            matrices.append(getattr(scipy.sparse, kind + "_array")(dense))
        samples.write_pickle("scipy", "sparse-" + kind, matrices, protocols=(2, 4))
    save = lambda path: scipy.sparse.save_npz(str(path), scipy.sparse.csr_matrix(dense))  # noqa: E731
    samples.add_file("scipy", "sparse.npz", "scipy.sparse.save_npz(path, value)", save)
    x = np.arange(6.0)
    y = x**2
    builders = {
        "interp1d": lambda: scipy.interpolate.interp1d(x, y),
        "cubic-spline": lambda: scipy.interpolate.CubicSpline(x, y),
        "pchip": lambda: scipy.interpolate.PchipInterpolator(x, y),
        "univariate": lambda: scipy.interpolate.UnivariateSpline(x, y),
        "b-spline": lambda: scipy.interpolate.make_interp_spline(x, y),
        "grid": lambda: scipy.interpolate.RegularGridInterpolator((x, x), np.ones((6, 6))),
        "nearest": lambda: scipy.interpolate.NearestNDInterpolator(np.c_[x, y], y),
        "linear-nd": lambda: scipy.interpolate.LinearNDInterpolator(
            np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), x[:4]
        ),
        "tree": lambda: scipy.spatial.KDTree(np.c_[x, y]),
        "ctree": lambda: scipy.spatial.cKDTree(np.c_[x, y]),
        "hull": lambda: scipy.spatial.ConvexHull(np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])),
        "kde": lambda: scipy.stats.gaussian_kde(y),
        "result": lambda: scipy.optimize.minimize(lambda v: (v**2).sum(), np.ones(2)),
        "rotation": lambda: importlib.import_module("scipy.spatial.transform").Rotation.identity(),
        "rbf": lambda: scipy.interpolate.RBFInterpolator(np.c_[x, y], y),
    }
    for name, make in sorted(builders.items()):
        with samples.omit_on_refusal("scipy/" + name):
            samples.write_pickle("scipy", name, make(), protocols=(2, 4))
