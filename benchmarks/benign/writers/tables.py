"""Tables of pandas: every type of column, every kind of index, as pickles."""

from __future__ import annotations

import decimal
import os

import numpy as np
import pandas as pd


def build_columns():
    """Return a Series of three values for each type that the installed pandas has, by a name for the type."""
    columns = {code: pd.Series(np.arange(3), dtype=code) for code in ("i1", "i8", "u2", "f4", "f8", "c16")}
    columns["flag"] = pd.Series([True, False, True])
    columns["text"] = pd.Series(["a", None, "b"])
    columns["objects"] = pd.Series([1, "a", decimal.Decimal("1.5")], dtype=object)
    columns["category"] = pd.Series(["a", "b", "a"], dtype="category")
    columns["ordered"] = pd.Series(pd.Categorical(["lo", "hi", "lo"], categories=["lo", "hi"], ordered=True))
    columns["moment"] = pd.Series(pd.date_range("2024-01-01", periods=3))
    columns["zoned"] = pd.Series(pd.date_range("2024-01-01", periods=3, tz="UTC"))
    columns["berlin"] = pd.Series(pd.date_range("2024-01-01", periods=3, tz="Europe/Berlin"))
    columns["span"] = pd.Series(pd.to_timedelta([1, 2, 3], unit="h"))
    columns["period"] = pd.Series(pd.period_range("2024-01", periods=3, freq="M"))
    columns["interval"] = pd.Series(pd.interval_range(0, 3))
    columns["sparse"] = pd.Series(pd.arrays.SparseArray([0, 0, 1]))
    for name in (
        "Int8",
        "Int64",
        "UInt16",
        "Float32",
        "Float64",
        "boolean",
        "string",
        "string[pyarrow]",
        "int64[pyarrow]",
    ):
        try:
            values = ["a", "b", None] if name.startswith("string") else [1, 0, None]
            columns[name] = pd.Series(values, dtype=name)
        except (TypeError, ImportError, ValueError, AttributeError, NameError):  # pyarrow or the type is not there
            continue
    return columns


def build_indices():
    """Yield (name, index) for every kind of index."""
    yield "range", pd.RangeIndex(3)
    yield "int", pd.Index([1, 5, 9])
    yield "float", pd.Index([1.0, 5.0, 9.0])
    yield "unsigned", pd.Index(np.array([1, 2, 3], dtype="u8"))
    yield "text", pd.Index(["a", "b", "c"], name="key")
    yield "category", pd.CategoricalIndex(["a", "b", "a"])
    yield "moment", pd.date_range("2024-01-01", periods=3, freq="D")
    yield "zoned", pd.date_range("2024-01-01", periods=3, freq="D", tz="Europe/Berlin")
    yield "business", pd.bdate_range("2024-01-01", periods=3)
    yield "month", pd.period_range("2024-01", periods=3, freq="M")
    yield "span", pd.to_timedelta([1, 2, 3], unit="D")
    yield "interval", pd.interval_range(0, 3)
    yield "multi", pd.MultiIndex.from_product([["a"], [1, 2, 3]], names=["x", "y"])


def write_samples(samples):
    """Write a file for each column, index and value, and a table of all columns in each protocol."""
    columns = build_columns()
    for name, column in sorted(columns.items()):
        label = name.replace("[", "-").replace("]", "")
        samples.write_pickle("pandas", "series-" + label, column, protocols=(4,))
    samples.write_pickle(
        "pandas", "table", pd.DataFrame({name: column for name, column in columns.items()}), protocols=range(6)
    )
    for name, index in build_indices():
        samples.write_pickle("pandas", "index-" + name, index, protocols=(4,))
        samples.write_pickle("pandas", "table-by-" + name, pd.DataFrame({"v": range(3)}, index=index), protocols=(4,))
    numbers = pd.DataFrame(np.arange(6.0).reshape(3, 2), columns=["a", "b"])
    for protocol in (None, 4, 5):
        arguments = {} if protocol is None else {"protocol": protocol}
        for suffix in ("pkl", "pkl.gz", "pkl.bz2", "pkl.xz", "pkl.zip"):
            # By a relative path: older releases name the member of a zip after the whole path they are given.
            write_one = lambda path, arguments=arguments: numbers.to_pickle(os.path.relpath(str(path)), **arguments)  # noqa: E731
            samples.add_file(
                "pandas",
                f"numbers-{protocol}.{suffix}",
                f"frame.to_pickle(path, protocol={protocol!r})",
                write_one,
                protocol,
            )
    values = [pd.Timestamp("2024-01-01", tz="UTC"), pd.Timedelta("1h"), pd.Period("2024-01"), pd.Interval(0, 1), pd.NaT,
              getattr(pd, "NA", None), pd.DateOffset(months=1), pd.offsets.BDay(2), pd.offsets.MonthEnd(),
              pd.offsets.Hour(3),
              pd.offsets.Week(weekday=1), pd.offsets.QuarterEnd(), pd.offsets.YearBegin()]  # fmt: skip
    samples.write_pickle("pandas", "values", values, protocols=(0, 2, 4, 5))
    for value in values:
        if value is not None:
            samples.write_pickle("pandas", "value-" + type(value).__name__, value, protocols=(4,))
    types = [column.dtype for column in columns.values()]
    samples.write_pickle("pandas", "dtypes", types, protocols=(2, 4))
    grouped = numbers.groupby("a")
    samples.write_pickle("pandas", "grouped", grouped.mean(), protocols=(4,))
    with samples.omit_on_refusal("pandas/attributes"):
        flagged = numbers.copy()
        flagged.attrs["source"] = "x"
        samples.write_pickle("pandas", "attributes", flagged, protocols=(4,))
