"""This machine: what is installed on it, and what the operating system does for raydp.

* ``installation``: where Spark's jars, Ray's jar and raydp's own files are.
* ``java``: which Java the driver JVM and Ray's Java workers use.
* ``class_data``: archives of Java classes that shorten the start of a JVM.
* ``socket_folder``: where Unix sockets can be created.
* ``own_environment``: take a secret out of this process's environment.
* ``parent_death``: end a process together with its parent.
* ``progress``: progress bars.

Import from these modules directly. This package imports none of them, because PySpark's Python workers need only one
and must start fast.
"""
