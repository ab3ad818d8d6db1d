from __future__ import annotations

import torch
from torch import Tensor, nn

from vitnas.cost.peak import peak_activation_bytes
from vitnas.cost.trace import trace


def peak_elements(module: nn.Module, shape: tuple[int, ...]) -> int:
    return peak_activation_bytes(trace(module, shape), 1)


class Call(nn.Module):
    """A module from one function."""

    def __init__(self, function: object) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)  # type: ignore[operator, no-any-return]


def test_a_kernels_operand_and_result_are_alive_together() -> None:
    assert peak_elements(nn.Conv2d(3, 8, 1), (1, 3, 4, 4)) == 16 * (3 + 8)


def test_bytes_are_elements_times_their_size() -> None:
    traced = trace(nn.Conv2d(3, 8, 1), (2, 3, 4, 4))
    assert [peak_activation_bytes(traced, size) for size in (2, 4)] == [2 * 2 * 176, 4 * 2 * 176]


def test_a_chain_keeps_only_its_widest_pair() -> None:
    chain = nn.Sequential(
        nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 6, 1), nn.Conv2d(6, 2, 1)
    )
    assert peak_elements(chain, (1, 3, 4, 4)) == 16 * (8 + 6)


def test_the_peak_of_a_chain_is_the_largest_peak_of_its_members() -> None:
    members = [
        nn.Conv2d(3, 8, 3, padding=1),
        nn.Sequential(nn.BatchNorm2d(8), nn.Conv2d(8, 24, 1), nn.GELU(), nn.Conv2d(24, 8, 1)),
        Call(lambda x: x + torch.sigmoid(x) * x),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)),
    ]
    shapes = [(1, 3, 6, 6), (1, 8, 6, 6), (1, 8, 6, 6), (1, 8, 6, 6)]
    peaks = [peak_elements(m, s) for m, s in zip(members, shapes, strict=True)]
    assert peak_elements(nn.Sequential(*members), shapes[0]) == max(peaks) == 36 * (8 + 24)


def test_a_residual_keeps_its_input_alive() -> None:
    expand, project = nn.Conv2d(4, 16, 1), nn.Conv2d(16, 4, 1)
    block = Call(lambda x: x + project(torch.relu(expand(x))))
    block.layers = nn.ModuleList([expand.to("meta"), project.to("meta")])
    # While `project` runs: the input for the residual, the wide map, and the result.
    assert peak_elements(block, (1, 4, 2, 2)) == 4 * (4 + 16 + 4)


def test_pointwise_work_is_in_place_only_if_its_operand_dies() -> None:
    assert peak_elements(Call(lambda x: torch.relu(x)), (1, 10)) == 10
    assert peak_elements(Call(lambda x: torch.relu(x) * x), (1, 10)) == 20
    assert peak_elements(Call(lambda x: torch.cat([torch.relu(x), torch.tanh(x)], 1)), (1, 10)) == 40


def test_a_broadcast_does_not_write_into_the_smaller_operand() -> None:
    # mean (1, 3) while x (1, 4, 3) lives; the product then overwrites x.
    assert peak_elements(Call(lambda x: x.mean(1, keepdim=True) * x), (1, 4, 3)) == 15


def test_views_are_the_storage_they_look_into() -> None:
    assert peak_elements(Call(lambda x: x.transpose(1, 2).flatten(2).unsqueeze(0)), (1, 5, 4, 1)) == 20


def test_a_view_keeps_its_whole_storage_alive() -> None:
    # The small slice of the wide map is read last, so all of the map stays until then.
    wide, narrow = nn.Linear(4, 40, device="meta"), nn.Linear(40, 4, device="meta")

    def forward(x: Tensor) -> Tensor:
        y = wide(x)
        return torch.cat([narrow(y), y[:, :4]], 1)

    module = Call(forward)
    module.layers = nn.ModuleList([wide, narrow])
    assert peak_elements(module, (1, 4)) == 40 + 4 + 8


def test_an_attention_map_shows_up() -> None:
    tokens, channels = 64, 8
    module = Call(lambda x: (x @ x.transpose(1, 2)).softmax(-1) @ x)
    # Softmax is no in-place kernel: scores, probabilities and the tokens are alive at once.
    assert peak_elements(module, (1, tokens, channels)) == 2 * tokens * tokens + tokens * channels


def test_an_identity_costs_its_input() -> None:
    assert peak_elements(nn.Identity(), (1, 7)) == 7
    assert peak_elements(nn.Dropout(0.5), (2, 7)) == 14
