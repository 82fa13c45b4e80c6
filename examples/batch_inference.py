"""Batch inference: Ray computes embeddings for the images of a Spark DataFrame, and Spark SQL finds similar images.

The encoder of the network that ``data_parallel.py`` trained turns each image into a vector. Each Ray Data actor loads
it once, on a GPU if there is one, and embeds the blocks of ``raydp.from_spark``. ``raydp.to_spark`` returns the vectors
to Spark, and an SQL query finds the nearest neighbour of each image.

Run: python examples/data_parallel.py --model digits/
     python examples/batch_inference.py --model digits/
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
import torch
from data_parallel import SIDE, digits
from local_session import local_session
from plots import add_plot_option, panels

import raydp
from raydp.torch import TorchEstimator

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from pyspark.sql import SparkSession

NEAREST_SQL = """
    SELECT image.id, image.digit, max_by(struct(other.id, other.digit), aggregate(
        zip_with(image.embedding, other.embedding, (x, y) -> x * y), 0F, (sum, product) -> sum + product)) AS found
    FROM embedded AS image JOIN embedded AS other ON image.id <> other.id
    GROUP BY image.id, image.digit
"""
PAIRS = 10


class Embed:
    """Adds normalized embeddings to blocks of images."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._encoder = encoder.to(self._device).eval()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        pixels = torch.from_numpy(np.stack(batch["pixels"]).astype(np.float32)).to(self._device)
        with torch.inference_mode():
            vectors = torch.nn.functional.normalize(self._encoder(pixels))
        return {"id": batch["id"], "digit": batch["digit"], "embedding": vectors.cpu().numpy()}


def run(spark: SparkSession, options: argparse.Namespace) -> float:
    """Return the share of images (0 to 1) whose nearest neighbour shows the same digit."""
    encoder = TorchEstimator.load(options.model).get_model()[0]
    images = digits(spark).where(f"id < {options.images}")
    embedded = raydp.from_spark(images).map_batches(
        Embed,
        fn_constructor_args=[encoder],
        batch_size=256,
        compute=ray.data.ActorPoolStrategy(size=options.actors),
        num_gpus=1 if ray.cluster_resources().get("GPU") else None,
    )
    vectors = raydp.to_spark(embedded, spark)
    vectors.createOrReplaceTempView("embedded")
    nearest = spark.sql(NEAREST_SQL).cache()
    found = nearest.selectExpr("id", "found.id AS found").orderBy("id").limit(PAIRS).toPandas()
    plot(options.plot, vectors.toPandas(), images.orderBy("id").toPandas(), found)
    return float(nearest.selectExpr("avg(CAST(digit = found.digit AS INT))").first()[0])


def plot(path: Path, vectors: pd.DataFrame, images: pd.DataFrame, found: pd.DataFrame) -> None:
    """Draw a map of the embeddings, and images next to their nearest neighbours."""
    from sklearn.manifold import TSNE

    places = TSNE(init="pca", random_state=1).fit_transform(np.stack(vectors["embedding"]))
    with panels(path, f"Embeddings of {len(vectors):,} handwritten digits", [5.6, 3.6]) as (left, right):
        dots = left.scatter(*places.T, c=vectors["digit"], cmap="tab10", s=6)
        left.legend(*dots.legend_elements(), loc="center left", bbox_to_anchor=(1, 0.5))
        left.set(xticks=[], yticks=[], title="Map of the embeddings (t-SNE), coloured by digit")
        pixels = np.stack(images["pixels"]).reshape(-1, SIDE, SIDE)
        pixels = np.pad(pixels, ((0, 0), (1, 1), (1, 1)))
        pairs = [np.hstack([pixels[row.id], pixels[row.found]]) for row in found.itertuples()]
        columns = [np.vstack(pairs[start::2]) for start in range(2)]
        gap = np.full((len(columns[0]), SIDE // 2), np.nan)
        right.imshow(np.hstack([columns[0], gap, columns[1]]), cmap="gray_r")
        right.set_axis_off()
        right.set_title("Images and their nearest neighbours")


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compute embeddings of images from Spark with Ray actors.")
    parser.add_argument("--model", required=True, help="folder that `data_parallel.py --model` wrote")
    parser.add_argument("--images", type=int, default=1797, help="number of images (default: all 1,797)")
    parser.add_argument("--actors", type=int, default=1, help="number of actors (default: 1)")
    parser.add_argument("--smoke", action="store_true", help="quick test: few images")
    add_plot_option(parser, __file__)
    options = parser.parse_args(given)
    if options.smoke:
        options.images = 500
    return options


def main() -> None:
    options = arguments()
    with local_session("embeddings", free_cores=options.actors + 1) as spark:
        share = run(spark, options)
    print(f"images whose nearest neighbour shows the same digit: {share:.1%}")
    print("example ok")


if __name__ == "__main__":
    main()
