"""What was measured of a machine: kept, read when it is asked for, and not used where broken."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from qiskit.circuit.library import real_amplitudes

import qjax
from qjax import calibrate
from qjax._resources import machine as machines
from qjax._resources.machine import Rates, known_machine, save_machine, typical_machine

CIRCUIT = real_amplitudes(12, reps=2)


def twice_as_slow() -> machines.Machine:
    typical = typical_machine()
    rates = {
        name: Rates(2 * r.call, 2 * r.step, tuple((size, 2 * s) for size, s in r.units))
        for name, r in typical.rates.items()
    }
    return replace(typical, measured=True, rates=rates)


def test_times_follow_the_file(cache: Path) -> None:
    before = qjax.resources(CIRCUIT)
    assert not before.measured
    assert save_machine(twice_as_slow()) == cache / "machine.json"
    after = qjax.resources(CIRCUIT)
    assert after.measured
    assert "measured on this machine" in str(after)
    assert after.value_seconds == pytest.approx(2 * before.value_seconds)
    assert after.gradient_seconds == pytest.approx(2 * before.gradient_seconds)


def test_a_machine_is_read_as_it_was_written() -> None:
    save_machine(twice_as_slow())
    assert known_machine() == twice_as_slow()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is broken"),
        ("[]", "is broken"),
        ("{", "is broken"),
        ('{"format": 0}', "is of format 0"),
        ("speedup", "has the figure -1"),
        ("rates", "lacks the figures"),
    ],
)
def test_other_files_are_not_used(text: str, why: str, cache: Path) -> None:
    save_machine(twice_as_slow())
    file = cache / "machine.json"
    found = json.loads(file.read_text())
    if text in found:
        found[text] = {} if text == "rates" else -1
        text = json.dumps(found)
    file.write_text(text)
    with pytest.warns(UserWarning, match=rf"machine\.json {why}.*Run python -m qjax\.calibrate"):
        assert not qjax.resources(CIRCUIT).measured


def test_files_are_whole(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails while it is written leaves the file before, and nothing beside it."""
    save_machine(twice_as_slow())
    before = (cache / "machine.json").read_bytes()

    def fail(self: object, data: bytes) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr("qjax._base.files.NewFile.write", fail)
    with pytest.raises(OSError, match="no space"):
        save_machine(typical_machine())
    assert [each.name for each in cache.iterdir()] == ["machine.json"]
    assert (cache / "machine.json").read_bytes() == before


def test_between_two_sizes_units_are_between() -> None:
    rates = Rates(1.0, 1.0, ((16.0, 1.0), (256.0, 4.0)))
    assert [rates.unit(size) for size in (1, 16, 64, 256, 1e6)] == pytest.approx([1, 1, 2, 4, 4])


@pytest.mark.skipif(qjax.engine() != "native", reason="measures the native engine")
def test_calibration(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a single method and small circuits, in no time."""
    size = calibrate._Size
    method = calibrate._METHODS["native"]._replace(small=size(2, 1), large=(size(5, 1),))
    monkeypatch.setattr(calibrate, "_METHODS", {"native": method})
    monkeypatch.setattr(calibrate, "_SECONDS", 0.0)
    monkeypatch.setattr(calibrate, "_speedup", lambda machine: 1.0)
    lines: list[str] = []
    assert calibrate.calibrate(lines.append) == cache / "machine.json"
    found = known_machine()
    assert found.measured
    assert [size for size, _ in found.rates["native/complex128/adjoint"].units] == [16 << 5]
    assert any(line.startswith("native/complex64/value: ") for line in lines)
