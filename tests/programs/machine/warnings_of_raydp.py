"""A program of machine/test_log_lines.py: warnings before and after the program sets up logging."""

import logging

import raydp  # noqa: F401

part = logging.getLogger("raydp.part")
part.info("not shown")
part.warning("a node died: %s", "n1")
logging.getLogger("of.the.program").warning("of the program")
logging.basicConfig()
part.warning("of raydp")
