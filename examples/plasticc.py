"""What kind of object in the sky is it? Spark computes features of light curves, and XGBoost on Ray classifies them.

A light curve is the brightness of a star or galaxy on about a hundred nights, in six passbands (u, g, r, i, z, y).
Spark computes statistics for each object and passband. XGBoost learns the classes on Ray workers. Spark then evaluates
the predicted probabilities on a test set.

The tables are those of the Photometric LSST Astronomical Time-series Classification Challenge (PLAsTiCC). Without
`--data`, the program generates objects of seven of its classes with simple physical formulas. They show the method, not
the difficulty of the challenge. To use the real tables (7,848 objects, 1.4 million measurements), run

    kaggle competitions download -c PLAsTiCC-2018 -f training_set.csv -p plasticc
    kaggle competitions download -c PLAsTiCC-2018 -f training_set_metadata.csv -p plasticc

and unzip both files in that folder.

Run: python examples/plasticc.py                      2,000 generated objects
     python examples/plasticc.py --smoke              300 generated objects, in a minute
     python examples/plasticc.py --data plasticc --workers 4
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from local_session import local_session
from plots import add_plot_option, panels
from pyspark.sql import functions as F

from raydp.utils import random_split
from raydp.xgboost import XGBoostEstimator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from pyspark.sql import DataFrame, SparkSession

MEASUREMENTS = "object_id LONG, mjd DOUBLE, passband INT, flux FLOAT, flux_err FLOAT, detected INT"
OBJECTS = "object_id LONG, ddf INT, hostgal_photoz FLOAT, hostgal_photoz_err FLOAT, mwebv FLOAT, target INT"
PASSBANDS = range(6)
FIRST_NIGHT, NIGHTS = 59_580, 1_094
NAMES = {
    16: "eclipsing binary",
    42: "supernova II",
    53: "Mira variable",
    65: "M-dwarf flare",
    88: "active galactic nucleus",
    90: "supernova Ia",
    92: "RR Lyrae",
}
IN_THE_MILKY_WAY = (16, 53, 65, 92)  # no redshift: they are in our own galaxy


def brightness(kind: int, nights: NDArray[Any], colour: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    """Return the flux of an object on the given nights, without measurement noise.

    Args:
        kind: Class of the object, a key of ``NAMES``.
        nights: Days since the first night, shape (measurements,).
        colour: From 0 (the bluest passband) to 1 (the reddest).
        random: Random numbers, which make the objects of a class differ.
    """
    size = random.lognormal(5, 0.5)
    since = nights - random.uniform(100, NIGHTS - 200)  # for events that happen once
    phase = random.uniform(0, 2 * np.pi)
    shapes: dict[int, Callable[[], NDArray[Any]]] = {
        # Supernovae rise in days and decay in weeks, slower in red light; type II has a plateau of recombining
        # hydrogen.
        90: lambda: np.exp(-np.maximum(since, 0) / (15 + 30 * colour)) / (1 + np.exp(-since / 3)),
        42: lambda: 0.5 / (1 + np.exp((since - 100) / 8)) / (1 + np.exp(-since / 2)) * (0.4 + 0.6 * colour),
        # RR Lyrae pulsate in half a day, bluest at maximum; Mira variables pulsate in a year, mostly in red light.
        92: lambda: (1.2 - colour) * (((nights / random.uniform(0.4, 0.8) + phase) % 1) * -1 + 0.5),
        53: lambda: 3 * colour**2 * np.sin(2 * np.pi * nights / random.uniform(200, 400) + phase),
        # An eclipse for a tenth of the orbit; a hot spot for minutes; the random variation of gas around a black hole.
        16: lambda: -0.6 * (((nights / random.uniform(1, 5) + phase) % 1) < 0.1),
        65: lambda: (1 - colour) ** 2 * 8 * (random.random(len(nights)) < 0.02),
        88: lambda: 0.4 * sum(np.sin(nights / 20 / k + random.uniform(0, 6)) * k**0.5 for k in range(1, 8)),
    }
    return size * shapes[kind]()


def generated(spark: SparkSession, objects: int) -> tuple[DataFrame, DataFrame]:
    """Generate measurements and objects, with the columns of the challenge that this program uses."""

    def light_curves(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in frames:
            curves = []
            for row in frame.itertuples():
                random = np.random.default_rng(row.object_id)
                count = int(random.integers(90, 150))
                passband = random.integers(0, len(PASSBANDS), count)
                nights = np.sort(random.uniform(0, NIGHTS, count))
                error = random.lognormal(2.5, 0.4, count)
                flux = brightness(row.target, nights, passband / 5, random) + random.normal(0, error)
                curve = {
                    "object_id": row.object_id,
                    "mjd": FIRST_NIGHT + nights,
                    "passband": passband,
                    "flux": flux,
                    "flux_err": error,
                    "detected": (np.abs(flux) > 5 * error).astype(int),
                }
                curves.append(pd.DataFrame(curve))
            yield pd.concat(curves)

    kinds = F.array(*(F.lit(kind) for kind in NAMES))
    known = spark.range(objects).select(
        F.col("id").alias("object_id"),
        (F.rand(1) < 0.01).cast("int").alias("ddf"),
        F.element_at(kinds, (F.rand(2) * len(NAMES)).cast("int") + 1).alias("target"),
        F.rand(3).alias("redshift"),
        (F.rand(4) * 0.2).cast("float").alias("mwebv"),
    )
    redshift = F.when(F.col("target").isin(*IN_THE_MILKY_WAY), 0.0).otherwise(0.05 + F.col("redshift"))
    known = known.select(
        "object_id",
        "ddf",
        redshift.cast("float").alias("hostgal_photoz"),
        (redshift * 0.1).cast("float").alias("hostgal_photoz_err"),
        "mwebv",
        "target",
    )
    return known.select("object_id", "target").mapInPandas(light_curves, MEASUREMENTS), known


def read(spark: SparkSession, folder: str) -> tuple[DataFrame, DataFrame]:
    """Read the tables of the challenge."""
    tables = []
    for name, columns in (("training_set", MEASUREMENTS), ("training_set_metadata", OBJECTS)):
        frame = spark.read.csv(f"{folder}/{name}.csv", header=True)
        pairs = (column.split() for column in columns.split(","))
        tables.append(frame.selectExpr(*(f"CAST({column} AS {kind}) AS {column}" for column, kind in pairs)))
    return tables[0], tables[1]


def features(measurements: DataFrame, objects: DataFrame) -> DataFrame:
    """Return one row per object: statistics for each passband and for all of them, and properties of its galaxy."""
    weight = 1 / F.col("flux_err") ** 2
    statistics = {
        "mean": F.sum(F.col("flux") * weight) / F.sum(weight),
        "max": F.max("flux"),
        "min": F.min("flux"),
        "deviation": F.stddev("flux"),
        "skewness": F.skewness("flux"),
        "chi2": F.avg((F.col("flux") / F.col("flux_err")) ** 2),
        "detected": F.avg("detected"),
        "max_at": F.max_by("mjd", "flux"),
    }
    by_band = measurements.groupBy("object_id").pivot("passband", list(PASSBANDS))
    bands = by_band.agg(*(column.alias(name) for name, column in statistics.items()))
    seen = F.when(F.col("detected") == 1, F.col("mjd"))
    whole = measurements.groupBy("object_id").agg(
        (F.max(seen) - F.min(seen)).alias("seen_for"),
        F.max_by("mjd", "flux").alias("brightest_at"),
        F.kurtosis("flux").alias("kurtosis"),
        F.percentile_approx("flux", [0.05, 0.25, 0.5, 0.75, 0.95]).alias("quantiles"),
    )
    joined = bands.join(whole, "object_id").join(objects, "object_id")
    # Dates carry no information about an object, but the delay between two colours does.
    delays = {f"{band}_max_at": F.col(f"{band}_max_at") - F.col("brightest_at") for band in PASSBANDS}
    return joined.withColumns(delays).drop("brightest_at", "object_id")


def scores(scored: DataFrame, classes: list[int]) -> dict[str, float]:
    """Return the accuracy and log loss of predictions, computed by Spark."""
    known = F.array(*(F.lit(label) for label in classes))
    of_truth = F.element_at("probability", F.array_position(known, F.col("target")).cast("int"))
    row = scored.agg(
        F.avg((F.col("prediction") == F.col("target")).cast("int")).alias("accuracy"),
        (-F.avg(F.log(F.greatest(of_truth, F.lit(1e-15))))).alias("log loss"),
    ).first()
    return row.asDict()


def run(spark: SparkSession, options: argparse.Namespace) -> dict[str, float]:
    """Return accuracy and log loss (natural logarithm) on the test set, a fifth of the objects."""
    tables = generated(spark, options.objects) if options.data is None else read(spark, options.data)
    measurements, objects = tables[0].cache(), tables[1]  # cached because it is read twice
    train, test = random_split(features(measurements, objects).cache(), [0.8, 0.2], 1)
    estimator = XGBoostEstimator(
        {"objective": "multi:softprob", "max_depth": 5, "eta": 0.1, "colsample_bytree": 0.5},
        "target",
        options.workers,
        num_boost_round=options.rounds,
        nulls="keep",  # an object may have no value in a passband; trees can handle nulls
        seed=1,
    )
    result = estimator.fit(train)
    print(f"{result.rows:,} objects,", ", ".join(f"{part} {s:.1f} s" for part, s in result.seconds.items()))
    scored = estimator.predict(test, probability_column="probability").cache()
    classes = estimator.classes or []
    for row in scored.groupBy("target").agg(F.avg((F.col("prediction") == F.col("target")).cast("int"))).collect():
        print(f"{name_of(row[0])}: {row[1]:.0%} classified correctly")
    brightest = F.max_by("object_id", "flux").alias("object_id")
    shown = measurements.join(objects.where("target = 53"), "object_id").agg(brightest)
    curve = measurements.join(shown, "object_id").orderBy("mjd").toPandas()
    plot(options.plot, curve, scored.select("target", "prediction").toPandas())
    return scores(scored, classes)


def name_of(kind: int) -> str:
    return NAMES.get(kind, f"class {kind}")


def plot(path: Path, curve: pd.DataFrame, scored: pd.DataFrame) -> None:
    """Draw the light curve of one object, and the confusion matrix."""
    from sklearn.metrics import ConfusionMatrixDisplay

    with panels(path, "Classification of objects in the sky by their light curves", [5.4, 6.2], 4.6) as (left, right):
        for band, some in curve.groupby("passband"):
            colour, name = mpl.colormaps["rainbow"](band / 5), "ugrizy"[band]
            left.errorbar(some["mjd"], some["flux"], some["flux_err"], fmt=".-", lw=0.8, color=colour, label=name)
        left.set(xlabel="night (modified Julian date)", ylabel="flux")
        left.set_title("A Mira variable in six passbands")
        left.legend(ncols=6, columnspacing=0.8, handlelength=1, loc="upper center", bbox_to_anchor=(0.5, -0.16))
        names = [name_of(kind) for kind in sorted({*scored["target"], *scored["prediction"]})]
        ConfusionMatrixDisplay.from_predictions(
            scored["target"], scored["prediction"], display_labels=names, normalize="true", values_format=".0%",
            cmap="Blues", colorbar=False, xticks_rotation=35, text_kw={"fontsize": 8}, ax=right,
        )  # fmt: skip
        right.grid(visible=False)
        right.set(xlabel="", ylabel="")
        right.set_xticklabels(names, ha="right")
        right.set_title("Confusion matrix: true class (row), predicted class (column)")


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Classify objects in the sky with XGBoost on features from Spark.")
    parser.add_argument("--smoke", action="store_true", help="quick test: few objects and trees")
    parser.add_argument("--data", help="folder with the challenge's training_set*.csv (default: generate objects)")
    parser.add_argument("--objects", type=int, default=2000, help="number of objects to generate (default: 2,000)")
    parser.add_argument("--rounds", type=int, default=150, help="trees per class (default: 150)")
    parser.add_argument("--workers", type=int, default=1, help="training workers (default: 1)")
    add_plot_option(parser, __file__)
    options = parser.parse_args(given)
    if options.smoke:
        options.objects, options.rounds = 300, 20
    return options


def main() -> None:
    options = arguments()
    with local_session("plasticc", free_cores=options.workers + 1) as spark:
        for name, value in run(spark, options).items():
            print(f"{name}: {value:.3f}")
    print("example ok")


if __name__ == "__main__":
    main()
