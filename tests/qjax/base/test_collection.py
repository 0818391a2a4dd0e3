"""Garbage collection is put off while many objects are made, and as before thereafter."""

import gc

import pytest

from qjax._base.collection import collection_put_off


@pytest.mark.parametrize("num_gates", [10, 10**5])
@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_as_it_was(num_gates: int, enabled: bool) -> None:
    was = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with collection_put_off(num_gates):
            assert gc.isenabled() == (enabled and num_gates == 10)
        assert gc.isenabled() == enabled
        with pytest.raises(KeyError), collection_put_off(num_gates):
            raise KeyError
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if was else gc.disable)()
