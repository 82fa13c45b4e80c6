"""Show the options of all estimators in the signature and the documentation of each, and refuse unknown names."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_type_hints

from raydp._configuration.arguments import check_argument_names
from raydp._estimators.configuration import Configuration

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["with_options"]

_Class = TypeVar("_Class", bound=type)

_PLACE = re.compile(r"^        options: .*?$(?:\n {12}.*$)*", re.MULTILINE)  # in the docstring of a class
_ADVICE = "RayDP 1.6 passed other arguments on to Ray's trainer, which takes none of them any more. "


def with_options(options: type[Any], **defaults: Any) -> Callable[[_Class], _Class]:
    """Decorate an estimator class whose constructor has ``**options: Unpack[Options]``.

    Instead of ``**options``, ``help()``, completion and the docstring then show each option with its type and its
    default. An argument that does not exist raises a TypeError that names the one that is most like it.

    Args:
        options: The typed dictionary of the options.
        defaults: Defaults that differ from those of :class:`Configuration`.
    """

    def decorate(kind: _Class) -> _Class:
        initialize: Any = kind.__init__  # type: ignore[misc]  # of this class, and not of an instance
        signature = _expand(inspect.signature(initialize), options, defaults)
        names = [name for name in signature.parameters if name != "self"]

        @functools.wraps(initialize)
        def check_and_initialize(self: Any, *args: Any, **kwargs: Any) -> None:
            check_argument_names(type(self).__name__, kwargs, names, advice=_ADVICE)
            initialize(self, *args, **kwargs)

        cast("Any", check_and_initialize).__signature__ = signature
        cast("Any", kind).__init__ = check_and_initialize
        if kind.__doc__ is not None:  # python -OO removes it
            kind.__doc__ = _PLACE.sub(lambda _: _describe(options), kind.__doc__)
        return kind

    return decorate


def _expand(signature: inspect.Signature, options: type[Any], defaults: dict[str, Any]) -> inspect.Signature:
    fields = {field.name: field.default for field in dataclasses.fields(Configuration)}
    types = get_type_hints(options)
    named = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    added = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=defaults.get(name, default),
            annotation=types[name],
        )
        for name, default in fields.items()
        if name in types
    ]
    return signature.replace(parameters=[*named, *added])


def _describe(options: type[Any]) -> str:
    """Return the entries of the options for a docstring, from the one of Configuration."""
    entries = re.findall(r"^        (\w+): (.*(?:\n {12}.*)*)", Configuration.__doc__ or "", re.MULTILINE)
    types = get_type_hints(options)
    return "\n".join(f"        {name}: {text}" for name, text in entries if name in types)
