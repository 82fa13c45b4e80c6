"""Spark's vectors and matrices of machine learning: their storage as structs, and dense arrays of numbers.

The layouts are those of ``org.apache.spark.ml.linalg.VectorUDT`` and ``MatrixUDT`` (and their older
namesakes in ``mllib``); matrices are stored by columns unless ``isTransposed``, sparse ones by compressed
sparse columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["DENSE_FORMS", "MATRIX_TYPE", "VECTOR_TYPE", "matrix_shapes", "to_vectors", "vector_lengths", "write_dense"]

_INTEGERS = pa.list_(pa.field("element", pa.int32()))
_DOUBLES = pa.list_(pa.field("element", pa.float64()))

VECTOR_TYPE = pa.struct(
    [("type", pa.int8()), ("size", pa.int32()), ("indices", _INTEGERS), ("values", _DOUBLES)],
)
MATRIX_TYPE = pa.struct(
    [
        ("type", pa.int8()),
        ("numRows", pa.int32()),
        ("numCols", pa.int32()),
        ("colPtrs", _INTEGERS),
        ("rowIndices", _INTEGERS),
        ("values", _DOUBLES),
        ("isTransposed", pa.bool_()),
    ]
)
# Class of a user-defined type -> its storage, and the depth of nested lists with the same numbers.
DENSE_FORMS: dict[str, tuple[pa.DataType, int]] = {
    "org.apache.spark.ml.linalg.VectorUDT": (VECTOR_TYPE, 1),
    "org.apache.spark.mllib.linalg.VectorUDT": (VECTOR_TYPE, 1),
    "org.apache.spark.ml.linalg.MatrixUDT": (MATRIX_TYPE, 2),
    "org.apache.spark.mllib.linalg.MatrixUDT": (MATRIX_TYPE, 2),
}
_DENSE = 1


def vector_lengths(vectors: pa.StructArray) -> npt.NDArray[np.int64]:
    """Return the length of each vector; undefined for nulls."""
    sizes = _numbers(vectors.field("size")).astype(np.int64)
    return np.where(_is_dense(vectors), _counts(vectors.field("values")), sizes)


def matrix_shapes(matrices: pa.StructArray) -> npt.NDArray[np.int64]:
    """Return rows and columns of each matrix, as an array with two columns; undefined for nulls."""
    return np.stack([_numbers(matrices.field(name)).astype(np.int64) for name in ("numRows", "numCols")], axis=1)


def write_dense(array: pa.StructArray, valid: npt.NDArray[np.bool_], out: npt.NDArray[np.float64]) -> None:
    """Write vectors or matrices of one shape into an array of zeros, row by row.

    Args:
        array: Vectors (:data:`VECTOR_TYPE`) or matrices (:data:`MATRIX_TYPE`).
        valid: Which of them are not null; the others are skipped.
        out: Of shape (rows, length) or (rows, matrix rows, matrix columns).
    """
    if array.type.num_fields == VECTOR_TYPE.num_fields:
        _write_vectors(array, valid, out)
    else:
        _write_matrices(array, valid, out)


def to_vectors(lists: pa.ListArray, target: pa.DataType) -> pa.StructArray:
    """Return lists of numbers as dense vectors, or lists of lists as dense matrices.

    Args:
        lists: ``list<double>``, or ``list<list<double>>`` whose inner lists are rows of equal length.
        target: :data:`VECTOR_TYPE` or :data:`MATRIX_TYPE`.

    Raises:
        ValueError: A number is null, or rows of a matrix differ in length.
    """
    rows = len(lists)
    valid = _valid(lists)
    kind = pa.array(valid.astype(np.int8))
    none = pa.nulls(rows, _INTEGERS)
    if target == VECTOR_TYPE:
        numbers = lists.flatten()
        children = [kind, pa.nulls(rows, pa.int32()), none, lists]
    else:
        height = _counts(lists)
        inner = lists.flatten()
        width = np.zeros(rows, np.int64)
        first = np.cumsum(height) - height
        filled = height > 0
        width[filled] = _counts(inner)[first[filled]]
        if inner.null_count or not np.array_equal(_counts(inner), np.repeat(width, height)):
            message = "rows of one matrix differ in length"
            raise ValueError(message)
        offsets = np.concatenate([[0], np.cumsum(height * width)]).astype(np.int32)
        numbers = inner.flatten()
        values = pa.ListArray.from_arrays(pa.array(offsets), numbers, type=_DOUBLES)
        shape = [pa.array(numbers.astype(np.int32)) for numbers in (height, width)]
        children = [kind, *shape, none, none, values, pa.array(valid)]  # Spark calls row-major transposed
    if numbers.null_count:
        message = "a number in it is null"
        raise ValueError(message)
    return pa.StructArray.from_arrays(children, fields=list(target), mask=pa.array(~valid))


def _write_vectors(vectors: pa.StructArray, valid: npt.NDArray[np.bool_], out: npt.NDArray[np.float64]) -> None:
    dense = _is_dense(vectors)
    values = vectors.field("values")
    numbers = _numbers(values.flatten())
    counts = _counts(values)
    all_dense = bool(dense[valid].all())
    of_dense = np.repeat(dense, counts)
    out[valid & dense] = numbers[of_dense].reshape(-1, out.shape[1])
    if not all_dense:
        places = _numbers(vectors.field("indices").flatten())
        rows = np.repeat(np.arange(len(vectors)), np.where(dense, 0, counts))
        out[rows, places] = numbers[~of_dense]


def _write_matrices(matrices: pa.StructArray, valid: npt.NDArray[np.bool_], out: npt.NDArray[np.float64]) -> None:
    dense = _is_dense(matrices)
    by_rows = np.asarray(
        matrices.field("isTransposed").fill_null(pa.scalar(value=False)).to_numpy(zero_copy_only=False)
    )
    values = matrices.field("values")
    numbers = _numbers(values.flatten())
    counts = _counts(values)
    height, width = out.shape[1:]
    for transposed in (False, True):
        chosen = valid & dense & (by_rows == transposed)
        found = numbers[np.repeat(chosen, counts)]
        if transposed:
            out[chosen] = found.reshape(-1, height, width)
        else:
            out[chosen] = found.reshape(-1, width, height).transpose(0, 2, 1)
    ends = np.cumsum(counts)
    for row in np.flatnonzero(valid & ~dense):
        starts = _numbers(matrices.field("colPtrs")[row].values)
        across = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        along = _numbers(matrices.field("rowIndices")[row].values)
        target = out[row].T if by_rows[row] else out[row]
        target[along, across] = numbers[ends[row] - counts[row] : ends[row]]


def _is_dense(array: pa.StructArray) -> npt.NDArray[np.bool_]:
    return np.asarray(_numbers(array.field("type")) == _DENSE)


def _counts(lists: pa.ListArray) -> npt.NDArray[np.int64]:
    return np.asarray(lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False), np.int64)


def _numbers(array: pa.Array) -> npt.NDArray[Any]:
    return np.asarray(array.fill_null(0).to_numpy(zero_copy_only=False))


def _valid(array: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False))
