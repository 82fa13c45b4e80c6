"""A Spark standalone cluster whose master and workers live in Ray.

* ``start``: the public function, and what it refuses.
* ``cluster``: the public object, and its end.
* ``sizes``: what workers demand of Ray, and whether Ray has it.
* ``settings``: the settings of the processes and of clients.
* ``daemons``: the actors, as their owner sees them.
* ``daemon_actor``: one actor, which runs one process of Spark through ``supervisor``.
* ``master_client``: asks the master which workers it has.
* ``known_masters``: refuses sessions of this process that the master would refuse.
"""
