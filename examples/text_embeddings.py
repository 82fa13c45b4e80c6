"""Batch inference on texts: which Spark function do I need? Ray computes embeddings, and Spark SQL searches them.

The texts are the docstrings of the functions in `pyspark.sql.functions`. Ray Data actors turn them into vectors with
WordLlama, a small word-embedding model. Its package contains the weights, so nothing is downloaded. `raydp.to_spark`
returns the vectors to Spark. Questions in other words than PySpark's also become vectors, and SQL finds the nearest
functions.

Run: python examples/text_embeddings.py
     python examples/text_embeddings.py --ask "shorten a text to some characters"
"""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
import wordllama
from local_session import local_session
from plots import add_plot_option, panels
from pyspark.sql import functions as F
from wordllama import WordLlama

import raydp

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

QUESTIONS = {
    "make all letters of a text capitals": {"upper", "ucase"},
    "the largest value in a group": {"max", "max_by", "greatest", "array_max"},
    "remove blanks at both ends of a text": {"trim", "btrim"},
    "how many days lie between two dates": {"datediff", "date_diff"},
    "smallest whole number not below a value": {"ceil", "ceiling"},
    "typical distance of values from their mean": {"stddev", "std", "stddev_pop", "stddev_samp"},
    "read a column of JSON text into a struct": {"from_json", "schema_of_json", "json_tuple", "get_json_object"},
    "a new row for each element of an array": {"explode", "explode_outer", "posexplode", "posexplode_outer"},
    "give the rows of a window numbers from 1": {"row_number", "rank", "dense_rank"},
    "angle in degrees as radians": {"radians", "toRadians"},
}
NEAREST_SQL = """
    WITH compared AS (
        SELECT question.text AS question, function.name, aggregate(
            zip_with(question.embedding, function.embedding, (x, y) -> x * y), 0F, (sum, product) -> sum + product
        ) AS similarity
        FROM questions AS question CROSS JOIN functions AS function)
    SELECT question, transform(
        slice(sort_array(collect_list(struct(similarity, name)), false), 1, 3),
        found -> struct(found.name, found.similarity)) AS nearest
    FROM compared GROUP BY question
"""


class Embed:
    """Adds normalized embeddings to blocks of texts."""

    def __init__(self) -> None:
        # Without a cache_dir, WordLlama looks for its tokenizer in a folder that its package does not contain.
        self._model = WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {**batch, "embedding": self._model.embed(list(batch["text"]), norm=True)}


def descriptions(spark: SparkSession) -> DataFrame:
    """Return the name of each function, and a text: its name in words and the first sentence of its docstring."""
    rows = []
    for name, function in inspect.getmembers(F, inspect.isfunction):
        text = (inspect.getdoc(function) or "").split("\n\n")[0].split(". ")[0]
        if function.__module__.startswith("pyspark.sql.functions") and text and not name.startswith("_"):
            rows.append((name, f"{name.replace('_', ' ')}: {' '.join(text.split())}"))
    return spark.createDataFrame(rows, "name STRING, text STRING")


def embedded(spark: SparkSession, texts: DataFrame, actors: int) -> DataFrame:
    """Return the texts with their embeddings."""
    vectors = raydp.from_spark(texts).map_batches(
        Embed, batch_size=64, compute=ray.data.ActorPoolStrategy(size=actors), batch_format="numpy"
    )
    return raydp.to_spark(vectors, spark)


def run(spark: SparkSession, options: argparse.Namespace) -> dict[str, list[str]]:
    """Return the three nearest functions for each question, nearest first."""
    questions = spark.createDataFrame([(text,) for text in options.ask], "text STRING")
    embedded(spark, descriptions(spark), options.actors).createOrReplaceTempView("functions")
    embedded(spark, questions, 1).createOrReplaceTempView("questions")
    nearest = {row.question: [tuple(found) for found in row.nearest] for row in spark.sql(NEAREST_SQL).collect()}
    plot(options.plot, nearest)
    return {question: [name for name, _ in found] for question, found in nearest.items()}


def plot(path: Path, nearest: dict[str, list[tuple[str, float]]]) -> None:
    """Draw the nearest functions for each question; those that answer it are bold."""
    similarities = np.array([[similarity for _, similarity in found] for found in nearest.values()])
    with panels(path, "The nearest PySpark functions (bold: correct)", [8.6], 0.4 * len(nearest) + 1) as (axes,):
        shades = axes.imshow(similarities, cmap="YlGnBu", vmin=0, vmax=1, aspect="auto")
        for place, (question, found) in enumerate(nearest.items()):
            for rank, (name, similarity) in enumerate(found):
                weight = "bold" if name in QUESTIONS.get(question, ()) else "normal"
                colour = "white" if similarity > 0.55 else "black"
                axes.text(rank, place, name, ha="center", va="center", weight=weight, color=colour)
        axes.set_yticks(range(len(nearest)), nearest)
        axes.set_xticks(range(3), ["nearest", "second", "third"])
        axes.grid(visible=False)
        axes.get_figure().colorbar(shades, ax=axes, label="similarity", aspect=30)


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Semantic search in PySpark's functions with embeddings from Ray.")
    parser.add_argument("--ask", action="append", help="a question; can be repeated (default: ten questions)")
    parser.add_argument("--actors", type=int, default=1, help="number of actors (default: 1)")
    parser.add_argument("--smoke", action="store_true", help="quick test: three questions")
    add_plot_option(parser, __file__)
    options = parser.parse_args(given)
    options.ask = options.ask or [*QUESTIONS][: 3 if options.smoke else None]
    return options


def main() -> None:
    options = arguments()
    with local_session("texts", free_cores=options.actors + 1) as spark:
        found = run(spark, options)
    for question, nearest in found.items():
        print(f"{question}: {', '.join(nearest)}")
    answered = [question for question, names in QUESTIONS.items() if names & {*found.get(question, ())}]
    if found.keys() == QUESTIONS.keys():
        print(f"questions with a correct function among the three nearest: {len(answered)} of {len(QUESTIONS)}")
    print("example ok")


if __name__ == "__main__":
    main()
