"""A program of endtoend/test_console.py: the README's first program, then a query that fails."""

import sys
from pathlib import Path

import raydp

README = Path(__file__).parents[3] / "README.md"

code = README.read_text().split("```python\n")[1].split("```")[0]
# Not a cluster that happens to run, and as many processors on any machine.
exec(compile(code.replace("ray.init()", 'ray.init("local", num_cpus=2)'), "README.md", "exec"), {})

print("then a query that fails", file=sys.stderr, flush=True)
spark = raydp.init_spark("fails", 1, 1, "500m")
try:
    spark.sql("SELECT raise_error('as asked')").collect()
finally:
    raydp.stop_spark()
