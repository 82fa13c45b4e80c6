"""A run of mixed jobs while processes of the application are killed; ``python -m support.chaos.run`` from ``tests``."""
