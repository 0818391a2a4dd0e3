"""The bridge in other processes: data-parallel training, DataLoader workers, pickles."""

from __future__ import annotations

import copy
import datetime
import io
import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset

import qjax
from bridge import TorchConnector, jax2torch

DATA = torch.linspace(-1.0, 1.0, 24).reshape(8, 3)


def hybrid() -> torch.nn.Module:
    torch.manual_seed(3)
    connector = TorchConnector(qjax.TwoLayerQNN(2, input_gradients=True))
    return torch.nn.Sequential(torch.nn.Linear(3, 2), connector, torch.nn.Linear(1, 1))


def train(model: torch.nn.Module, data: torch.Tensor) -> dict[str, Any]:
    """Three steps; the gradients of the first, and the parameters after the last."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    first: list[torch.Tensor] = []
    for _ in range(3):
        optimizer.zero_grad()
        model(data).square().mean().backward()
        first = first or [parameter.grad.clone() for parameter in model.parameters()]
        optimizer.step()
    return {"gradients": first, "weights": [p.detach().clone() for p in model.parameters()]}


def train_on_a_rank(rank: int, folder: str) -> None:
    store = distributed.FileStore(f"{folder}/store", 2)
    minutes = datetime.timedelta(minutes=4)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=2, timeout=minutes)
    model = DistributedDataParallel(hybrid())
    torch.save(train(model, DATA[rank::2]), f"{folder}/{rank}.pt")
    # The group ends with the process: torch 2.13 sometimes hangs or aborts where gloo is torn down.


def test_data_parallel_training_equals_one_process(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ranks = [
        context.Process(target=train_on_a_rank, args=(rank, str(tmp_path))) for rank in range(2)
    ]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(60)
        assert process.exitcode == 0
    expected = train(hybrid(), DATA)
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt")
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


class Encoded(Dataset):
    """Samples that a network makes when they are asked for."""

    def __init__(self) -> None:
        self.model = hybrid()

    def __len__(self) -> int:
        return len(DATA)

    def __getitem__(self, place: int) -> torch.Tensor:
        with torch.no_grad():
            return self.model(DATA[place])


def test_a_data_loader_with_spawned_workers() -> None:
    dataset = Encoded()
    expected = hybrid()(DATA).detach()
    loader = DataLoader(dataset, batch_size=4, num_workers=1, multiprocessing_context="spawn")
    torch.testing.assert_close(torch.cat(list(loader)), expected)


@pytest.mark.filterwarnings("ignore:os.fork")  # JAX
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")  # Python
def test_a_data_loader_with_forked_workers_names_the_remedy() -> None:
    dataset = Encoded()
    dataset[0]  # JAX runs
    loader = DataLoader(dataset, batch_size=4, num_workers=1, multiprocessing_context="fork")
    with pytest.raises(RuntimeError, match='multiprocessing_context="spawn"'):
        list(loader)


def _call_in_child(function: Any, errors: Any) -> None:
    try:
        function(DATA)
    except RuntimeError as error:
        errors.put(str(error))


@pytest.mark.filterwarnings("ignore:os.fork")  # JAX
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")  # Python
def test_a_forked_process_raises() -> None:
    function = jax2torch(jnp.sin)
    function(DATA)
    context = multiprocessing.get_context("fork")
    errors = context.Queue()
    child = context.Process(target=_call_in_child, args=(function, errors))
    child.start()
    assert 'multiprocessing_context="spawn"' in errors.get(timeout=60)
    child.join()


def evaluate_in_child(model: torch.nn.Module, results: Any) -> None:
    results.put(pickle.dumps(model(DATA).detach().numpy()))


def test_a_module_sent_to_another_process() -> None:
    model = hybrid()
    expected = model(DATA).detach().numpy()
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=evaluate_in_child, args=(model, results))
    process.start()
    found = pickle.loads(results.get(timeout=300))
    process.join(60)
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_whole_module_saved_and_loaded() -> None:
    model = hybrid()
    model(DATA)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    assert torch.equal(loaded(DATA), model(DATA))
    duplicate = copy.deepcopy(model)
    duplicate[1].weight.data.zero_()
    assert not torch.equal(duplicate(DATA), model(DATA))
