"""A program of lifecycle/test_dashboard.py, whose arguments are printed."""

import sys

import raydp

if __name__ == "__main__":
    spark = raydp.init_spark("a job", 1, 1, "600m")
    ds = raydp.from_spark(spark.range(1000)).map_batches(lambda batch: {"twice": 2 * batch["id"]})
    print("sum:", raydp.to_spark(ds).selectExpr("sum(twice)").first()[0], *sys.argv[1:], flush=True)
