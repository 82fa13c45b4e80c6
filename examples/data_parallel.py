"""Data-parallel deep learning: workers that average their gradients read handwritten digits.

Spark holds 1,797 images of 8 x 8 pixels (scikit-learn's digits) as arrays; each Ray worker gets its part of the rows
and trains a replica of a small convolutional network with ``DistributedDataParallel``, over Gloo, or NCCL where workers
have GPUs. What took Horovod on Spark is one argument here: ``num_workers``.

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
    """Images as arrays of 64 numbers from 0 to 1, with the digit that they show."""
    from sklearn.datasets import load_digits

    images, numbers = load_digits(return_X_y=True)
    rows = [(index, (image / 16).tolist(), int(digit)) for index, (image, digit) in enumerate(zip(images, numbers))]  # noqa: B905
    return spark.createDataFrame(rows, "id LONG, pixels ARRAY<FLOAT>, digit INT").repartition(4, "id")


def encoder() -> torch.nn.Module:
    """Give a vector of 32 numbers for each image."""
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
    """Return the metrics on a fifth of the images that nobody learned from."""
    rows = digits(spark).cache()
    train, judge = rows.where("id % 5 <> 0"), rows.where("id % 5 = 0")
    estimator = TorchEstimator(
        num_workers=options.workers,
        model=network,
        optimizer=lambda model: torch.optim.Adam(model.parameters(), lr=0.005),
        loss=torch.nn.CrossEntropyLoss(),
        feature_columns=["pixels"],
        label_column="digit",
        batch_size=64 // options.workers,  # of each worker
        num_epochs=options.epochs,
        seed=1,
    )
    result = estimator.fit(train, judge)
    print("learning curves:", result.plot(options.plot))
    if options.model:
        estimator.save(options.model)
    return estimator.evaluate(judge)


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Data-parallel PyTorch on images that lie in Spark.")
    parser.add_argument("--smoke", action="store_true", help="few epochs, to see that it works")
    parser.add_argument("--epochs", type=int, default=20, help="epochs (default: 20)")
    parser.add_argument("--workers", type=int, default=2, help="training workers (default: 2)")
    parser.add_argument("--model", help="folder for the trained estimator")
    add_plot_option(parser, __file__)
    options = parser.parse_args(given)
    if options.smoke:
        options.epochs = 6
    return options


def main() -> None:
    options = arguments()
    with local_session("digits", free_cores=options.workers + 1) as spark:
        metrics = run(spark, options)
    print("metrics on other images:", ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
    print("example ok")


if __name__ == "__main__":
    main()
