"""The site: pages in Markdown, executed when it is built, and a reference from the docstrings.

`make docs` turns warnings into errors: a public name without a docstring, a link to nothing and a
block of a page that raises all fail the build.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

import bridge
import qjax
import qjax.gradients
import qjax.optimizers
import qjax.primitives

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
    # What networks inherit is described once; what other packages' classes have, in their own docs.
    "inherited-members": "NeuralNetwork, Module, Instruction, BaseEstimatorV2, BaseSamplerV2, "
    "tuple, BaseException",
}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
default_role = "py:obj"  # what docstrings have in backticks is a link where it is a public name

nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", r"(?s).*"),  # backticks hold code too
    ("py:.*", r"(?!qjax|bridge).*"),  # types of other packages: links would need a network
    ("py:class", r".*\._.*"),  # types in annotations that are not public
]

MODULES = (qjax, qjax.gradients, qjax.optimizers, qjax.primitives, bridge)
PUBLIC = {
    f"{found.__module__}.{found.__qualname__}": f"{module.__name__}.{name}"
    for module in MODULES
    for name in module.__all__
    if hasattr(found := getattr(module, name), "__qualname__")
}

# How Python and Sphinx hold a field: of a named tuple, of a dataclass.
FIELDS = ("_tuplegetter", "_Sentinel")

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
    lines[:] = map(as_text, lines)


def as_text(line: str) -> str:
    """Where reStructuredText has other ideas: |0> is a state, *batch in a type is any shape."""
    if line.startswith(":vartype"):
        return line.replace("*", r"\*")
    return line if "``" in line else line.replace("|", r"\|")


def skip_field(
    app: Sphinx, what: str, name: str, found: object, skip: bool, options: object
) -> bool | None:
    """Fields of dataclasses and named tuples are described in the docstrings of their classes."""
    return True if type(found).__name__ in FIELDS else None


def check_reference(app: Sphinx, env: BuildEnvironment) -> None:
    """A public name that no page of the reference has is a warning."""
    known = env.domains.python_domain.objects
    for name in PUBLIC.values():
        if name not in known:
            logger.warning("%s is missing in the reference", name)


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
    app.connect("autodoc-skip-member", skip_field)
    app.connect("env-check-consistency", check_reference)
    app.connect("missing-reference", find_public)
