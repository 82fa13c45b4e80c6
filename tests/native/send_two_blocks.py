"""An executor that sends two blocks and waits to be killed. Argument: the path of the agent's socket."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

from support import native_client

client = native_client.connect(sys.argv[1], bytes(range(32)), "app")
for rows in (1, 2):
    segment = client.create_segment(1 << 20)
    nodes = client.write_batch(segment, pa.record_batch({"n": range(10)}).slice(0, rows))
    client.send_block(segment, 1, rows, nodes)
    client.await_accepted(1000.0)
client.await_ack(1000.0)
