"""The table in the documentation says what the code does."""

import pytest
import qiskit

from tests.qjax.library_table import PATH, generate


def test_table_in_the_documentation_is_what_the_code_does() -> None:
    text = PATH.read_text()
    version = qiskit.__version__
    if f"Qiskit {version} " not in text:
        pytest.skip(f"docs/qiskit_library.md is about another Qiskit than the installed {version}")
    assert text == generate(), "run `python -m tests.qjax.library_table`"
