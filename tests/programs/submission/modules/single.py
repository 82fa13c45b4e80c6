"""A module that is submitted as a file."""

NUMBER = 3
