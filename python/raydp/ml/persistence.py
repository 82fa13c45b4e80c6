"""Save and load stages: Params as MLlib's stages save theirs, everything else pickled into the metadata."""

from __future__ import annotations

import base64
import json
from typing import Any

from pyspark.ml.util import DefaultParamsReader, DefaultParamsWriter, MLReader, MLWriter
from ray import cloudpickle

__all__ = ["StageReader", "StageWriter"]


class StageWriter(MLWriter):
    """Writes a stage.

    Args:
        stage: The stage.
        content: What the stage is made from. It is pickled.
        but: Names of Params that the content has.
    """

    def __init__(self, stage: Any, content: Any, but: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._stage, self._content, self._but = stage, content, but

    def saveImpl(self, path: str) -> None:  # noqa: N802  (MLWriter's)
        """Write the stage into a folder."""
        stage = self._stage.copy()
        others: list[dict[str, Any]] = []
        for values in (stage._paramMap, stage._defaultParamMap):  # noqa: SLF001  (as DefaultParamsWriter does)
            removed = {
                param: value for param, value in values.items() if param.name in self._but or not _is_json(value)
            }
            for param in removed:
                del values[param]
            others.append({param.name: value for param, value in removed.items() if param.name not in self._but})
        metadata = {"pickled": _pickle(self._content), "pickledParams": _pickle(others)}
        DefaultParamsWriter.saveMetadata(stage, path, self.sparkSession, extraMetadata=metadata)


class StageReader(MLReader[Any]):
    """Reads a stage.

    Args:
        make: Makes the stage from the content that was written.
    """

    def __init__(self, make: Any) -> None:
        super().__init__()
        self._make = make

    def load(self, path: str) -> Any:
        """Return the stage that a folder has."""
        metadata = DefaultParamsReader.loadMetadata(path, self.sparkSession)
        stage = self._make(_unpickle(metadata["pickled"]))
        stage._resetUid(metadata["uid"])  # noqa: SLF001  (as pyspark's own readers do; grids name a stage by it)
        DefaultParamsReader.getAndSetParams(stage, metadata)
        given, defaults = _unpickle(metadata["pickledParams"])
        stage._set(**given)  # noqa: SLF001
        stage._setDefault(**defaults)  # noqa: SLF001
        return stage


def _is_json(value: Any) -> bool:
    """Return whether a value is the same after it was written as JSON. A tuple would be a list."""
    try:
        return repr(json.loads(json.dumps(value))) == repr(value)
    except (TypeError, ValueError):
        return False


def _pickle(value: Any) -> str:
    return base64.b64encode(cloudpickle.dumps(value)).decode()


def _unpickle(text: str) -> Any:
    return cloudpickle.loads(base64.b64decode(text))
