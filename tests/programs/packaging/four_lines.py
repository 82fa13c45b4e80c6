"""A program of packaging/test_empty_environment.py."""

import ray

import raydp

ray.init(num_cpus=2)
s = raydp.init_spark("t", 1, 1, "1g")
ds = ray.data.from_spark(s.range(10**6))
print(ds.count(), ds.to_spark(s).count())
