"""pandas frames as Ray Data holds them in blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["with_dense_columns"]


def with_dense_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with its sparse columns written out, because Arrow has no such type. Others are not copied."""
    import pandas as pd

    types: dict[Any, Any] = dict(frame.dtypes.items())
    sparse: Any = pd.SparseDtype
    dense = {name: type_.subtype for name, type_ in types.items() if isinstance(type_, sparse)}
    return frame.astype(dense) if dense else frame
