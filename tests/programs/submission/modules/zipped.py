"""A module that is submitted in an archive."""

NUMBER = 20
