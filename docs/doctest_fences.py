"""For the documentation: doctests in docstrings are shown as code, not as quotations."""

import re

from griffe import Extension, Object

_DOCTEST = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


class DoctestFences(Extension):
    """Put each doctest of a docstring, up to the next empty line, into a code fence."""

    def on_instance(self, *, obj: Object, **_) -> None:
        if obj.docstring:
            obj.docstring.value = _DOCTEST.sub(lambda found: f"```pycon\n{found[0]}\n```", obj.docstring.value)
