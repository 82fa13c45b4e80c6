"""Data-parallel deep learning: workers read handwritten digits from Spark and average their gradients.

Spark holds 1,797 images of 8 x 8 pixels (scikit-learn's digits) as arrays. Each Ray worker reads its shard of the rows
and trains a replica of a small convolutional network with ``DistributedDataParallel``, using NCCL on GPUs and Gloo
otherwise. To use more workers, change one argument: ``num_workers``. On Spark alone, this would need Horovod.

Run: python examples/data_parallel.py --workers 2 --model digits/
     python examples/data_parallel.py --smoke              few epochs, in a minute
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import torch
from local_session import local_session
from plots import add_plot_option

from raydp.torch import TorchEstimator

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SIDE = 8


def digits(spark: SparkSession) -> DataFrame:
    """Return images as arrays of 64 numbers from 0 to 1, with the digit that each shows."""
    from sklearn.datasets import load_digits

    images, numbers = load_digits(return_X_y=True)
    rows = [(index, (image / 16).tolist(), int(digit)) for index, (image, digit) in enumerate(zip(images, numbers))]  # noqa: B905
    return spark.createDataFrame(rows, "id LONG, pixels ARRAY<FLOAT>, digit INT").repartition(4, "id")


def encoder() -> torch.nn.Module:
    """Return a network that encodes an image as 32 numbers."""
    return torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, SIDE, SIDE)),
        torch.nn.Conv2d(1, 16, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(16 * SIDE * SIDE // 4, 32),
        torch.nn.ReLU(),
    )


def network() -> torch.nn.Module:
    return torch.nn.Sequential(encoder(), torch.nn.Linear(32, 10))


def run(spark: SparkSession, options: argparse.Namespace) -> dict[str, float]:
    """Return the metrics on the test set, a fifth of the images."""
    rows = digits(spark).cache()
    train, test = rows.where("id % 5 <> 0"), rows.where("id % 5 = 0")
    estimator = TorchEstimator(
        num_workers=options.workers,
        model=network,
        optimizer=lambda model: torch.optim.Adam(model.parameters(), lr=0.005),
        loss=torch.nn.CrossEntropyLoss(),
        feature_columns=["pixels"],
        label_column="digit",
        batch_size=64 // options.workers,  # per worker
        num_epochs=options.epochs,
        seed=1,
    )
    result = estimator.fit(train, test)
    print("learning curves:", result.plot(options.plot))
    if options.model:
        estimator.save(options.model)
    return estimator.evaluate(test)


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train data-parallel PyTorch on images from Spark.")
    parser.add_argument("--smoke", action="store_true", help="quick test: few epochs")
    parser.add_argument("--epochs", type=int, default=20, help="epochs (default: 20)")
    parser.add_argument("--workers", type=int, default=2, help="training workers (default: 2)")
    parser.add_argument("--model", help="folder to save the trained estimator in")
    add_plot_option(parser, __file__)
    options = parser.parse_args(given)
    if options.smoke:
        options.epochs = 6
    return options


def main() -> None:
    options = arguments()
    with local_session("digits", free_cores=options.workers + 1) as spark:
        metrics = run(spark, options)
    print("metrics on the test set:", ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
    print("example ok")


if __name__ == "__main__":
    main()
