"""A program of first_hour/test_promised_errors.py: functions that need a session, in a program that has none."""

import ray
import ray.data

import raydp
from support.scripting import say

ds = ray.data.Dataset.__new__(ray.data.Dataset)  # to make one with rows would start Ray
calls = {
    "to_spark": lambda: raydp.to_spark(ds),
    "register": lambda: raydp.register(ds, "x"),
    "unregister": lambda: raydp.unregister("x"),
    "scale": lambda: raydp.scale(1),
    "ui_url": raydp.ui_url,
}
for name, call in calls.items():
    try:
        call()
    except raydp.errors.SessionError as error:
        say(name, error)
say("Ray runs:", ray.is_initialized())
