"""What every page shares: templates with auto-escaping, inlined files, and a Content-Security-Policy by hashes.

The policy forbids everything that is not in the page: scripts and styles by the hash of their text, pictures as data.
Text from a record only ever passes through jinja2's escaping or through JSON with `<` escaped.
"""

import base64
import hashlib
import json
import re
from functools import cache
from pathlib import Path

from colorbench.cell import Budget
from colorbench.files import escape_controls

_HERE = Path(__file__).parent


@cache
def asset(name: str) -> str:
    """A text file beside this module."""
    return (_HERE / name).read_text(encoding="utf-8")


@cache
def _environment():
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_escaped,
    )  # fmt: skip
    return made


def _escaped(value):
    """A stranger's text cannot turn the direction of a page's writing; markup is our own."""
    return escape_controls(value) if type(value) is str else value


@cache
def _template(name: str):
    return _environment().get_template(name)


def render(template: str, *, scripts: list[str], styles: list[str], **values) -> str:
    """A page whose inline scripts and styles are allowed by their hashes, and nothing else."""
    return _template(template).render(
        scripts=[_safe(text) for text in scripts], styles=[_safe(text) for text in styles],
        policy=policy([_safe(text) for text in scripts], [_safe(text) for text in styles]), **values,
    )  # fmt: skip


def _safe(text: str):
    from markupsafe import Markup

    if re.search(r"</(script|style)|<!--", text, re.IGNORECASE):
        text = re.sub(r"<(?=/(?:script|style)|!--)", r"\\x3c", text, flags=re.IGNORECASE)
    return Markup(text)


def policy(scripts: list[str], styles: list[str]) -> str:
    """The page's Content-Security-Policy."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src " + (" ".join(map(_hashed, scripts)) or "'none'"),
            "style-src " + (" ".join(map(_hashed, styles)) or "'none'"),
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


@cache
def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def json_text(facts):
    """JSON for a `<script type="application/json">`: no `<`, `>` or `&`, so nothing in it can end the element."""
    from markupsafe import Markup

    text = json.dumps(facts, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def data_uri(path: Path) -> str:
    """A PNG or SVG file as a data: address."""
    kind = {".png": "image/png", ".svg": "image/svg+xml"}[path.suffix]
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def picture_uri(picture) -> str:
    """A uint8 picture as a data: address: PNG when it is small, JPEG when PNG would weigh the page down."""
    import io

    from PIL import Image

    file = io.BytesIO()
    small = picture.shape[0] * picture.shape[1] <= 128 * 128
    Image.fromarray(picture).save(file, **({"format": "PNG"} if small else {"format": "JPEG", "quality": 92}))
    return f"data:image/{'png' if small else 'jpeg'};base64,{base64.b64encode(file.getvalue()).decode()}"


def budget_words(budget: Budget) -> str:
    """A budget for readers.

    >>> [budget_words(Budget.parse(text)) for text in ("400steps", "8rs", "1e15flops")]
    ['400 steps', '8 reference seconds', '1e+15 flops']
    """
    return f"{budget.amount:.10g} {budget.kind.replace('-', ' ')}"
