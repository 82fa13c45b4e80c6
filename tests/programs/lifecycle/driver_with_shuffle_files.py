"""A program of lifecycle/test_shuffle_service.py. Its argument says whether the shuffle service is enabled."""

import sys
import time

from shuffling import FOLDER, RIGHT, start, sums_of

from support.scripting import say

# One executor: a second one, killed after it creates its folder and before that is guarded, would leave the folder.
spark = start(service=sys.argv[1], dynamic_allocation=False)
sums, _ = sums_of(spark)
say("result:", sorted(sums.collect()) == RIGHT)
say("files:", len(list(FOLDER.iterdir())) >= 2)
time.sleep(300)
