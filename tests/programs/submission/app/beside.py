"""A module next to the program."""

NUMBER = 1000
