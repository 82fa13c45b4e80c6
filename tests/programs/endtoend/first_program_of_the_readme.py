"""A program of endtoend/test_console.py: the README's first program on a small table, then a query that fails."""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import raydp
from support.scripting import say

README = Path(__file__).parents[3] / "README.md"


def predict(flights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {**flights, "late": flights["dep_delay"] > 15}


os.chdir(sys.argv[1])
Path("flights").mkdir()
pd.DataFrame({"flight": range(4), "dep_delay": [1.0, None, 30.0, 0.0]}).to_parquet("flights/part.parquet")

code = README.read_text().split("```python\n")[1].split("```")[0]
program = {"predict": predict}
# Not a cluster that happens to run, and as many processors on any machine.
exec(compile(code.replace("ray.init()", 'ray.init("local", num_cpus=2)'), "README.md", "exec"), program)
say("rows:", program["ds"].count())

print("then a query that fails", file=sys.stderr, flush=True)
spark = raydp.init_spark("fails", 1, 1, "500m")
try:
    spark.sql("SELECT raise_error('as asked')").collect()
finally:
    raydp.stop_spark()
