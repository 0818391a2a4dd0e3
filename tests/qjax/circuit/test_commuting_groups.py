"""Groups of terms that are read out of the same shots."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.quantum_info import Operator, SparsePauliOp, random_hermitian

from qjax._circuit.commuting_groups import commuting_groups, letters_of, pauli_sum_of, seen_bits
from qjax._circuit.observable import PauliSum, dense_observable, pauli_sum

LABELS = st.lists(st.text("IXYZ01+-rl", min_size=3, max_size=3), min_size=1, max_size=8)


@given(LABELS)
def test_each_term_stands_in_one_group_that_measures_its_letters(labels):
    observable = pauli_sum(3, [(label, 2.0**k) for k, label in enumerate(labels)])
    groups = commuting_groups([observable])
    coefficients = sorted(t.coefficient for g in groups for t in g.observables[0].terms)
    assert coefficients == sorted(term.coefficient for term in observable.terms)
    by_coefficient = {term.coefficient: letters_of(term) for term in observable.terms}
    for group in groups:
        measured = dict(group.letters)
        for term in group.observables[0].terms:
            assert by_coefficient[term.coefficient].items() <= measured.items()


@given(LABELS)
def test_parities_tell_the_values_of_all_outcomes(labels):
    observable = pauli_sum(3, [(label, 2.0**k) for k, label in enumerate(labels)])
    for group in commuting_groups([observable]):
        seen = seen_bits(group)
        assert len(seen.masks) <= len(group.letters)
        for state in range(2 ** len(group.letters)):
            bits = sum(((state & mask).bit_count() & 1) << k for k, mask in enumerate(seen.masks))
            assert _value(seen.observables[0], bits) == _value(group.observables[0], state)


def _value(observable: PauliSum, state: int) -> float:
    """Of a diagonal observable, in a basis state."""
    return sum(
        term.coefficient
        * (-1) ** (term.z & state).bit_count()
        * all(state >> qubit & 1 == int(letter) for qubit, letter in term.projectors)
        for term in observable.terms
    )


def test_groups_are_as_few_as_expected():
    ising = [("ZZI", 1.0), ("IZZ", 1.0), ("XII", 1.0), ("IXI", 1.0), ("IIX", 1.0)]
    assert len(commuting_groups([pauli_sum(3, ising)])) == 2
    shared = [pauli_sum(2, [("XI", 1.0)]), pauli_sum(2, [("IY", 1.0)]), pauli_sum(2, [("XY", 1.0)])]
    (group,) = commuting_groups(shared)
    assert group.letters == ((0, "Y"), (1, "X"))
    (parity,) = commuting_groups([pauli_sum(4, [("ZZZZ", 1.0)])])
    assert seen_bits(parity).masks == (0b1111,)


def test_a_matrix_is_the_sum_of_its_strings():
    matrix = random_hermitian(8, seed=3)
    ours = pauli_sum_of(dense_observable(matrix.data))
    strings = []
    for term in ours.terms:
        label = "".join(
            "IXZY"[(term.x >> q & 1) + 2 * (term.z >> q & 1)] for q in reversed(range(3))
        )
        strings.append((label, term.coefficient))
    np.testing.assert_allclose(
        SparsePauliOp.from_list(strings).to_matrix(), matrix.data, atol=1e-12
    )
    assert len(ours.terms) == len(SparsePauliOp.from_operator(Operator(matrix)))


def test_too_many_groups_are_refused():
    letters = np.array(list("XYZ"))[np.indices((3,) * 7).reshape(7, -1)].T
    strings = [("".join(row), 1.0) for row in letters[:1200]]
    with pytest.raises(ValueError, match="more than 1024 settings"):
        commuting_groups([pauli_sum(7, strings)])
