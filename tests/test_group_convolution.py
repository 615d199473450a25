"Group convolutions and networks made of them: exactly equivariant, whatever is inside"
import json
import time
from dataclasses import asdict

import numpy as np
import pytest
import torch
from torch import nn

from matnb.learn.devices import threads
from matnb.learn.weights import shipped_weights
from matnb.symmetry.compared_networks import (
    COMPARED,
    PlainNetwork,
    judged_patterns,
    own_copies,
    read_comparison,
    scores_of,
    self_correlations,
    train_for,
)
from matnb.symmetry.equivariant_network import (
    EquivariantDesign,
    EquivariantNetwork,
    read_network,
    standardise,
    write_network,
)
from matnb.symmetry.group_convolution import (
    DihedralGroup,
    GroupBatchNorm,
    GroupConvolution,
    act,
    angular_spectrum,
    turned_basis,
)
from matnb.symmetry.pattern_source import PatternSource

DESIGNS = {'D4': EquivariantDesign(), 'D4 without shrinking': EquivariantDesign(widths=(4, 6), depths=(1, 0), shrink=1),
           'D4 of rings': EquivariantDesign(basis='rings', widths=(4, 6, 8), size=5),
           'D8': EquivariantDesign(8, 'rings', (3, 4, 6)), 'D12': EquivariantDesign(12, 'rings', (2, 3, 4), size=5)}


@pytest.fixture(autouse=True)
def one_thread():
    with threads(1): yield


def made(design, seed=0):
    "A network whose normalisations and weights are none of those that it begins with"
    torch.manual_seed(seed)
    network = EquivariantNetwork(design)
    for module in network.modules():
        if not isinstance(module, nn.BatchNorm1d | nn.BatchNorm3d): continue
        module.running_mean.normal_(0, 0.3)
        module.running_var.uniform_(0.5, 2)
        if module.affine:
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
    return network.eval()


def noise(*shape, seed=0): return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- The group

@pytest.mark.parametrize('turns', [1, 2, 3, 4, 5, 6, 8, 12])
def test_the_table_is_that_of_a_group(turns):
    group = DihedralGroup(turns)
    table, elements = group.relative(), group.matrices()
    assert len(np.unique(elements.round(9), axis=0)) == group.order == 2 * turns
    for g in range(group.order):
        for h in range(group.order): assert np.allclose(elements[g] @ elements[table[g, h]], elements[h])


@pytest.mark.parametrize('size', [2, 3, 4, 5, 6, 7])
def test_pixels_are_turned_as_images_are(size):
    functions = torch.from_numpy(turned_basis(DihedralGroup(4), size))
    for g in range(8): assert torch.equal(functions[g], act(functions[0], g))


@pytest.mark.parametrize(('turns', 'size'), [(4, 3), (8, 4), (12, 5), (12, 6)])
def test_rings_are_turned_as_images_are_by_quarter_turns(turns, size):
    group = DihedralGroup(turns)
    functions = torch.from_numpy(turned_basis(group, size, 'rings'))
    for g in range(8):
        element = (g % 4) * turns // 4 + (g >= 4) * turns
        assert torch.allclose(functions[element], act(functions[0], g), atol=1e-12)
    oscillating = abs(functions.sum((-1, -2))) < 1e-9
    assert oscillating.sum(1).min() == oscillating.sum(1).max() >= functions.shape[1] // 2


# --- Layers

@pytest.mark.parametrize(('turns', 'basis'), [(4, 'pixels'), (4, 'rings'), (8, 'rings'), (12, 'rings')])
@pytest.mark.parametrize(('size', 'stride'), [(3, 1), (5, 1), (4, 2), (6, 2)])
def test_layers_turn_with_their_images(turns, basis, size, stride):
    torch.manual_seed(1)
    group = DihedralGroup(turns)
    lift = GroupConvolution(group, 2, 3, size, basis, stride, lifts=True, bias=True)
    after = GroupConvolution(group, 3, 2, size, basis, stride, bias=True)
    for layer in (lift, after): nn.init.normal_(layer.bias)
    norm = GroupBatchNorm(group, 3)
    images = noise(3, 2, 16, 24)
    norm(lift(images))
    norm.eval()
    with torch.no_grad():
        expected = after(norm(lift(images)).relu()).unflatten(1, (-1, group.order))
        for g in range(8):
            element = (g % 4) * turns // 4 + (g >= 4) * turns
            seen = after(norm(lift(act(images, g))).relu()).unflatten(1, (-1, group.order))
            order = torch.from_numpy(group.relative()[element])
            assert torch.allclose(seen, act(expected[:, :, order], g), atol=2e-5 * expected.abs().max().item())


def test_a_kernel_is_the_group_convolution_written_out():
    "Against the definition, summed by loops"
    torch.manual_seed(3)
    group = DihedralGroup(4)
    layer, fields = GroupConvolution(group, 2, 1, 3), noise(1, 2, 8, 5, 5)
    with torch.no_grad():
        weight = layer.weight[0].reshape(2, 8, 3, 3)
        answer = layer(fields.flatten(1, 2))[0]
        for g in range(8):
            total = sum((fields[0, i, h, 1:4, 1:4] * act(weight[i, group.relative()[g, h]], g)).sum()
                        for i in range(2) for h in range(8))
            assert torch.isclose(answer[g, 2, 2], total, atol=1e-5)


def test_kernels_without_a_centre_are_refused():
    for size, stride in [(2, 1), (3, 2), (4, 1), (2, 4)]:
        with pytest.raises(ValueError, match='centre|skips'):
            GroupConvolution(DihedralGroup(4), 1, 1, size, stride=stride)
    with pytest.raises(ValueError, match='rings'): GroupConvolution(DihedralGroup(3), 1, 1)


def test_the_angular_spectrum_counts_periods():
    group = DihedralGroup(12)
    angles = torch.arange(12) * torch.pi / 6
    for k in range(1, 7):
        row = (k * angles + 0.7).cos()
        spectrum = angular_spectrum(torch.cat([row, torch.zeros(12)]), group)
        assert spectrum.argmax() == k - 1 and (spectrum > 0.01).sum() == 1
    numbers = noise(5, 24)
    for g in range(24):
        moved = numbers[:, torch.from_numpy(group.relative()[g])]
        assert torch.allclose(angular_spectrum(moved, group), angular_spectrum(numbers, group), atol=1e-6)


# --- The network

@pytest.mark.parametrize('name', DESIGNS)
@pytest.mark.parametrize('shape', [(64, 64), (128, 128), (48, 96)])
def test_vectors_do_not_change_under_the_eight_elements(name, shape):
    network, images = made(DESIGNS[name]), noise(2, *shape)
    with torch.no_grad():
        before = network(images)
        spread = made(DESIGNS[name])(noise(16, 64, 64, seed=2)).vector.std()
        for g in range(1, 8):
            after = network(act(images, g))
            assert (after.vector - before.vector).abs().max() < 1e-5 * before.vector.abs().max().clamp_min(spread)
            assert (after.logits - before.logits).abs().max() < 1e-5 * before.logits.abs().max().clamp_min(1)


@pytest.mark.parametrize('side', [33, 50, 63, 65, 100, 111])
def test_sides_that_strides_do_not_divide_are_resampled(side):
    network, images = made(EquivariantDesign()), noise(2, side, side)
    with torch.no_grad():
        before = network(images).vector
        for g in range(8): assert (network(act(images, g)).vector - before).abs().max() < 1e-5 * before.abs().max()


def test_without_resampling_such_sides_would_break_the_symmetry():
    "What the resampling is for: the stages themselves on 65 points"
    network, images = made(EquivariantDesign(shrink=1)), noise(1, 1, 65, 65)
    with torch.no_grad():
        sums = [nn.Sequential(*network.stages)(act(images, g)).mean() for g in range(8)]
    assert max(abs(s - sums[0]) for s in sums) > 1e-3 * abs(sums[0])


def test_brightness_and_contrast_do_not_matter_and_blank_images_are_no_accident():
    network, images = made(EquivariantDesign()), noise(3, 64, 64)
    images[1] = 0
    images[2] = 7.25
    with torch.no_grad(): before, after = network(images).vector, network(images * 300 + 50).vector
    assert before.isfinite().all() and torch.allclose(before, after, atol=1e-4)
    assert torch.allclose(before[1], before[2])


def test_every_parameter_is_trained():
    network = EquivariantNetwork(EquivariantDesign(widths=(3, 4), depths=(1, 1)))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d): nn.init.ones_(module.weight)
    said = network(noise(6, 32, 32))
    (said.logits.square().sum() + said.vector[:3].sum()).backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not idle


def test_single_images_and_wrong_shapes():
    network = made(EquivariantDesign())
    with torch.no_grad(): assert network(noise(1, 128, 128)).vector.shape == (1, 240)
    with pytest.raises(ValueError, match='height, width'): network(noise(128, 128))
    with pytest.raises(ValueError, match='at least 16'): network(noise(1, 8, 8))


def test_a_file_holds_the_network_and_its_design(tmp_path):
    for name, design in DESIGNS.items():
        network = made(design)
        write_network(network, tmp_path/f'{name}.safetensors')
        again = read_network(tmp_path/f'{name}.safetensors')
        assert again.design == design and not again.training
        with torch.no_grad(): assert torch.equal(again(noise(2, 64, 64)).vector, network(noise(2, 64, 64)).vector)


def test_files_from_before_there_were_cards_are_read(tmp_path):
    from safetensors.torch import save_file
    network = made(DESIGNS['D8'])
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(state, tmp_path/'old.safetensors', {'design': json.dumps(asdict(network.design))})
    again = read_network(tmp_path/'old.safetensors')
    assert again.design == network.design and not again.training
    with torch.no_grad(): assert torch.equal(again(noise(2, 64, 64)).vector, network(noise(2, 64, 64)).vector)


def test_a_file_of_other_weights_is_refused(tmp_path):
    from safetensors.torch import save_file
    save_file({'a': torch.ones(2)}, tmp_path/'other.safetensors')
    with pytest.raises(ValueError, match='not written by save_weights'): read_network(tmp_path/'other.safetensors')
    save_file({'a': torch.ones(2)}, tmp_path/'wrong.safetensors', {'design': json.dumps({'turns': 4})})
    with pytest.raises(ValueError, match='another network'): read_network(tmp_path/'wrong.safetensors')
    for design in ({}, {'turns': 4, 'colour': 'blue'}):
        save_file({'a': torch.ones(2)}, tmp_path/'wrong.safetensors', {'design': json.dumps(design)})
        with pytest.raises(ValueError, match='does not say which'): read_network(tmp_path/'wrong.safetensors')
    with pytest.raises(ValueError, match='does not say which'): read_network(shipped_weights('symmetry'))
    path = tmp_path/'network.safetensors'
    write_network(made(EquivariantDesign()), path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ValueError, match='damaged'): read_network(path)
    with pytest.raises(FileNotFoundError, match='no weights'): read_network(tmp_path/'none.safetensors')


def test_images_in_any_unit_look_the_same():
    "Heights in metres, counts with a large offset; what is blank stays blank"
    images = noise(3, 64, 64)
    for factor, offset in ((1e-9, 0), (1e-9, 3e-8), (1e-15, 0), (1e6, 2e7), (1.0, 100.0)):
        assert torch.allclose(standardise(images * factor + offset), standardise(images), atol=2e-4)
    for blank in (0.0, 0.1, 1000.1, 1e-9, -3e20): assert not standardise(torch.full((1, 48, 48), blank)).any()
    with pytest.raises(ValueError, match='without a value'): standardise(images * torch.nan)


def test_the_network_is_small_and_quick(measured):
    network, images = made(EquivariantDesign()), noise(32, 128, 128)
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        network(images[:2])
        begun = time.process_time()
        network(images)
        seconds = time.process_time() - begun
    count = sum(p.numel() for p in network.parameters())
    measured(f'equivariant network: {count:,} parameters, {32 / seconds:.0f} images of 128² per processor second')
    assert count < 1_000_000 and network.design.numbers <= 256


# --- Networks to compare with

@pytest.mark.parametrize('name', COMPARED)
def test_compared_networks_give_the_same_kinds_of_answers(name):
    torch.manual_seed(0)
    network = COMPARED[name]()
    said = network(noise(3, 128, 128))
    assert said.logits.shape == (3, 17) and said.vector.ndim == 2 and said.logits.isfinite().all()
    said.logits.sum().backward()
    if isinstance(network, PlainNetwork): assert network.stages[0][1].weight.grad.any()


def test_self_correlation_finds_what_was_done_to_an_image():
    "An image with a mirror at each angle is found to have it there; copies by quarter turns are exact"
    side = 64
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    rng = np.random.default_rng(0)
    for axis in (0, 7, 22):
        t = np.radians(axis * 5)
        along, across = np.cos(t) * x + np.sin(t) * y, -np.sin(t) * x + np.cos(t) * y
        image = sum(np.cos(rng.uniform(0.2, 0.8) * along + rng.uniform(0, 6)) * np.cos(rng.uniform(0.2, 0.8) * across)
                    for _ in range(12))
        peaks = self_correlations(standardise(torch.from_numpy(image)[None])).amax((2, 3))[0]
        assert peaks[:36].argmax() in ((axis - 1) % 36, axis, (axis + 1) % 36) and peaks[:36].max() > 0.9
    images, grid = noise(1, 1, side, side), own_copies(side)
    turned = nn.functional.grid_sample(images, grid[38:39], align_corners=False)
    assert min((turned - act(images, g)).abs().max() for g in (1, 3)) < 1e-4


def test_a_comparison_trains_and_judges():
    torch.manual_seed(0)
    network = EquivariantNetwork(EquivariantDesign(widths=(4, 6, 8), depths=(0, 0, 0)))
    before = network.head[0].weight.clone()
    seen = train_for(network, 1.0, count=16)
    assert not torch.equal(network.head[0].weight, before)
    assert seen >= 32 and seen % 16 == 0
    patterns = {name: p for name, p in judged_patterns(40).items() if name == 'known'}
    scores = scores_of(network, patterns, PatternSource(seed=5, families=('field',)).pairs(0, 12))
    assert scores.keys() == {'known', 'alike', 'first'} and all(0 <= scores[k] <= 1 for k in ('known', 'first'))


def test_the_table_beside_the_notebook_is_of_these_networks():
    from house import ROOT
    rows = read_comparison(ROOT/'nbs'/'symmetry'/'ablation.csv')
    assert {'D4', 'plain'} <= {row.network for row in rows} <= set(COMPARED)
    assert all(row.seconds > 0 and row.seen > 0 and row.machine and 0 <= row.known <= 1 for row in rows)
    assert read_comparison(ROOT/'no such file.csv') == []
