"""The site: pages in Markdown, executed when it is built, and a reference from the docstrings.

`make docs` turns warnings into errors: a public name without a docstring, a link to nothing and a
block of a page that raises all fail the build.
"""

from __future__ import annotations

import importlib
import pkgutil
import pydoc
import re
from collections.abc import Iterable, Iterator
from functools import cached_property

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

import bridge
import qjax

project = "qjax + bridge"
version = release = qjax.__version__
project_copyright = "the authors of qjax + bridge; Apache-2.0"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"{project} {version}"
html_show_sphinx = False
myst_heading_anchors = 3

nb_execution_mode = "force"
nb_execution_in_temp = True  # what blocks write stays out of this folder
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = 300  # seconds, for one block on a busy machine
nb_merge_streams = True
nb_output_stderr = "remove"  # progress bars

autodoc_default_options = {
    "members": True,
    "undoc-members": True,
    "show-inheritance": True,
    # What networks inherit is described once; what other packages' classes have, in their own docs.
    "inherited-members": "NeuralNetwork, Module, Instruction, BaseEstimatorV2, BaseSamplerV2, "
    "tuple, BaseException",
}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False  # the signature of the class has the types
default_role = "py:obj"  # what docstrings have in backticks is a link where it is a public name

nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", r"(?s).*"),  # backticks hold code too
    ("py:.*", r"(?!qjax|bridge).*"),  # types of other packages: links would need a network
    ("py:class", r".*\._.*"),  # types in annotations that are not public
]

MODULES = [qjax, bridge] + [
    importlib.import_module(f"{package.__name__}.{module.name}")
    for package in (qjax, bridge)
    for module in pkgutil.iter_modules(package.__path__)
    if not module.name.startswith("_")
]
# A class that has two public names is described under the first.
PUBLIC = {
    f"{found.__module__}.{found.__qualname__}": f"{module.__name__}.{name}"
    for module in reversed(MODULES)
    for name in module.__all__
    if hasattr(found := getattr(module, name), "__qualname__")
}

CLASSES = [found for name in PUBLIC.values() if isinstance(found := pydoc.locate(name), type)]
FIELDS = {
    field
    for each in CLASSES
    for field in (*getattr(each, "__dataclass_fields__", ()), *getattr(each, "_fields", ()))
}

# Types that are shorter as users know them than as they are written or resolved.
NUMBERS = (
    "~jax.jaxlib._jax.Array | ~numpy.ndarray | ~numpy.bool | ~numpy.number | bool | int | float"
    " | complex | ~collections.abc.Sequence[object]"
)
SHORT = {NUMBERS: "ArrayLike", "jax.jaxlib._jax.Array": "jax.Array", "jaxlib._jax.Array": "Array"}

logger = logging.getLogger(__name__)


def read_docstring(
    app: Sphinx, what: str, name: str, found: object, options: object, lines: list[str]
) -> None:
    """A public name without a docstring is a warning; the map of a module's files is left out."""
    if not any(lines):
        logger.warning("%s has no docstring", name)
    if what == "module":
        whole = re.sub(r"^Floor \d+\. ", "", "\n".join(lines))
        lines[:] = re.split(r"\nThe floors|\n_\w+  ", whole)[0].split("\n")
    lines[:] = with_code(map(as_text, map(one_name, lines)))


def with_code(lines: Iterable[str]) -> Iterator[str]:
    """Indented lines below a paragraph are code, as in Markdown."""
    previous = paragraph = ""
    for line in lines:
        if line.startswith("    ") and not previous and paragraph[:1] not in set(" :-*."):
            yield from ("::", "")
        yield line
        previous, paragraph = line, line or paragraph


def one_name(line: str) -> str:
    """Of several names that share a description, all but the first would be taken for its type."""
    return re.sub(r"^(:ivar [^:,]+), ([^:]+): ", r"\1: and \2: ", line)


def as_text(line: str) -> str:
    """What reStructuredText reads otherwise: |0> is a state, and `Gate`s are several of a name.

    Nor are names such as classes_ links.
    """
    if "``" in line:
        return line
    escaped = line.replace("|", r"\|")
    parts = escaped.split("`")  # outside and inside of backticks, in turn
    parts[::2] = [re.sub(r"(?<=\w)_(?!\w)", r"\_", part) for part in parts[::2]]
    escaped = "`".join(parts)
    return re.sub(
        r"(`[^`]+`)(\w)?", lambda found: r"\ ".join(filter(None, found.groups())), escaped
    )


def skip_member(
    app: Sphinx, what: str, name: str, found: object, skip: bool, options: object
) -> bool | None:
    """Fields are described by their classes, what comes from scikit-learn in its own pages."""
    is_method = callable(found) or isinstance(found, (property, cached_property))
    is_theirs = (getattr(found, "__module__", None) or "").startswith("sklearn.")
    return True if is_theirs or (name in FIELDS and not is_method) else None


def show_bases(app: Sphinx, name: str, found: type, options: object, bases: list[type]) -> None:
    """Base classes that are not public say nothing to a reader."""
    known = [base for base in bases if base in CLASSES or not is_ours(base)]
    bases[:] = known or [object]


def is_ours(found: type) -> bool:
    """Whether a class is of this project."""
    return found.__module__.partition(".")[0] in {"qjax", "bridge"}


def shorten(
    app: Sphinx,
    what: str,
    name: str,
    found: object,
    options: object,
    signature: str | None,
    result: str | None,
) -> tuple[str | None, str | None]:
    """Signatures with the types that `SHORT` has."""
    for long, short in SHORT.items():
        signature = signature and signature.replace(long, short)
        result = result and result.replace(long, short)
    return signature, result


def check_reference(app: Sphinx, env: BuildEnvironment) -> None:
    """A public name that no page of the reference has is a warning."""
    known = env.domains.python_domain.objects
    for name in PUBLIC.values():
        if name not in known:
            logger.warning(
                "%s is missing in the reference: docs/reference has a page a module", name
            )


def find_public(
    app: Sphinx, env: BuildEnvironment, node: nodes.Element, text: nodes.TextElement
) -> nodes.Element | None:
    """Annotations name the module where a class is defined; its page has the public name."""
    name = PUBLIC.get(node.get("reftarget", ""))
    if name is None:
        return None
    domain = env.domains.python_domain
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, text)


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("autodoc-process-docstring", read_docstring)
    app.connect("autodoc-process-signature", shorten)
    app.connect("autodoc-process-bases", show_bases)
    app.connect("autodoc-skip-member", skip_member)
    app.connect("env-check-consistency", check_reference)
    app.connect("missing-reference", find_public)
