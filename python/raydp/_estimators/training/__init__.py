"""One fit, from checked rows to a trained model.

* ``preparation``: checks of the rows, and the layout and classes that they determine.
* ``run``: the workers, retries and checkpoints on Ray Train.
* ``train_environment``: settings of Ray Train. ``progress``: the progress bar.
* ``result``: what ``fit`` returns.
"""
