"Lattices, cells and operations: known patterns, exactness, and images in which there is nothing to find"
import math

import numpy as np
import pytest
import torch

from matnb.symmetry.cell_features import FEATURE_NAMES, cell_features, cell_view
from matnb.symmetry.finding_lattices import (
    MARKS,
    RANKING_FAMILIES,
    areas,
    find_lattices,
    fit_ranking,
    lattice_marks,
    ranking_marks,
    reduced,
    same_lattice,
)
from matnb.symmetry.microscope import Microscope
from matnb.symmetry.operations import CANDIDATES, SETTINGS, detect_group, strains, symmetry_scores
from matnb.symmetry.pattern_source import PatternSource
from matnb.symmetry.plane_groups import GROUP_NAMES, plane_group
from matnb.symmetry.self_likeness import as_images, level, self_likeness, softened
from matnb.symmetry.unit_cells import unit_cells

CELLS = {
    'square': [[16.0, 0.0], [0.0, 16.0]],
    'turned square': [[15.0, 9.0], [-9.0, 15.0]],
    'hexagonal': [[20.0, 0.0], [10.0, 10.0 * 3**0.5]],
    'rectangular': [[14.0, 3.0], [-6.0, 28.0]],
    'oblique': [[18.0, 2.0], [5.0, 26.0]],
    'rhombic': [[11.0, 17.0], [11.0, -17.0]],
    'large': [[47.0, 6.0], [-3.0, 45.0]],
    'small': [[12.3, 0.4], [1.7, 12.1]],
}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn(basis, side=128, seed=0, waves=3):
    "A pattern without symmetry on a lattice, from random waves"
    chance = np.random.default_rng(seed)
    at = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing='ij'), -1) - side / 2
    u = at @ np.linalg.inv(np.array(basis))
    image = np.zeros((side, side))
    for i in range(-waves, waves + 1):
        for j in range(waves + 1):
            size = chance.uniform(0.3, 1) / (1 + 0.3 * math.hypot(i, j))
            phase = 2 * math.pi * (i * u[..., 0] + j * u[..., 1]) + chance.uniform(0, 6.28)
            image += size * np.cos(phase) * ((i, j) != (0, 0))
    return torch.from_numpy(image).float()


@pytest.mark.parametrize('name', CELLS)
@pytest.mark.parametrize('learned', [True, False])
def test_known_lattices_are_found(name, learned):
    image = drawn(CELLS[name])
    noisy = image + image.std() * 0.8 * torch.randn(image.shape, generator=torch.Generator().manual_seed(1))
    found = find_lattices(torch.stack([image, noisy]), learned=learned)
    true = reduced(torch.tensor(CELLS[name]))
    assert same_lattice(true, found.bases[:, 0], 0.05).all(), found.bases[:, 0]
    error = ((true @ torch.linalg.inv(found.bases[:, 0])).round() @ found.bases[:, 0] - true).norm(dim=-1).amax(1)
    assert error[0] < 0.05 and error[1] < 0.3
    assert found.explained[0, 0] > 0.97


def test_lattices_of_simulated_scans_are_right():
    noisy = Microscope(noise=(0.6, 0.6))
    seen = PatternSource(microscope=noisy, families=('atoms', 'noise', 'shapes'), seed=71).batch(0, 90)
    found = find_lattices(seen.images)
    right = same_lattice(seen.bases[:, None], found.bases, 0.2)
    assert right[:, 0].float().mean() >= 0.95 and right.any(1).float().mean() >= 0.97


def test_small_images_work_as_well():
    seen = PatternSource(side=64, smallest=10.0, largest=22.0, families=('shapes', 'atoms'), seed=72).batch(0, 60)
    right = same_lattice(seen.bases[:, None], find_lattices(seen.images).bases, 0.25)
    assert right[:, 0].float().mean() >= 0.85


def test_turning_and_mirroring_an_image_turns_its_lattice():
    seen = PatternSource(families=('shapes', 'field'), seed=73, microscope=Microscope(defects=0.0)).batch(0, 40)
    found = find_lattices(seen.images).bases[:, 0]
    turned = find_lattices(torch.rot90(seen.images, 1, (1, 2))).bases[:, 0]
    mirrored = find_lattices(seen.images.flip(2)).bases[:, 0]
    back = torch.stack([turned[..., 1], -turned[..., 0]], -1)
    assert same_lattice(found, back, 0.01).float().mean() >= 0.95
    assert same_lattice(found, mirrored * torch.tensor([1.0, -1.0]), 0.01).float().mean() >= 0.95


def test_an_image_alone_is_seen_as_in_a_batch():
    seen = PatternSource(families=('field', 'shapes', 'atoms', 'noise'), seed=74).batch(0, 12)
    together = cell_view(seen.images)
    for n in (0, 7):
        alone = cell_view(seen.images[n : n + 1])
        torch.testing.assert_close(alone.lattices.bases[0], together.lattices.bases[n], atol=2e-2, rtol=0)
        assert (alone.features[0] - together.features[n]).abs().max() < 0.05


def test_scale_offset_and_sign_of_the_grey_levels_do_not_matter():
    image = drawn(CELLS['oblique'])
    one, other = find_lattices(torch.stack([image, -3e4 * image + 1e5])).bases
    torch.testing.assert_close(one, other, atol=1e-2, rtol=0)
    tiny = find_lattices(image * 1e-9)
    assert same_lattice(one[0], tiny.bases[0, 0], 0.05)


@pytest.mark.parametrize('kind', ['constant', 'zeros', 'noise', 'wave', 'ramp', 'edge', 'spike'])
@pytest.mark.parametrize('side', [16, 33, 128])
def test_where_there_is_nothing_there_are_still_numbers(kind, side):
    at = torch.arange(float(side))
    image = {'constant': torch.full((side, side), 7.0), 'zeros': torch.zeros(side, side),
             'noise': torch.randn(side, side, generator=torch.Generator().manual_seed(0)),
             'wave': torch.sin(at / 2)[:, None].expand(side, side), 'ramp': at[:, None] + 2 * at,
             'edge': (at > side / 2).float()[:, None].expand(side, side),
             'spike': torch.zeros(side, side).index_put((torch.tensor(5), torch.tensor(6)), torch.tensor(1.0))}[kind]
    view = cell_view(image[None])
    assert view.features.shape == (1, 3, len(FEATURE_NAMES)) and torch.isfinite(view.features).all()
    assert torch.isfinite(view.lattices.bases).all() and (areas(view.lattices.bases) > 1).all()
    verdict = detect_group(image[None])
    assert 0 <= int(verdict.groups[0]) < 17
    if kind in ('constant', 'zeros', 'ramp'): assert view.lattices.explained.abs().max() < 1e-3
    if kind == 'noise' and side == 128: assert view.lattices.explained.max() < 0.2


def test_bad_images_are_refused_with_a_reason():
    holes = torch.zeros(3, 32, 32)
    holes[1, 4, 4] = math.nan
    with pytest.raises(ValueError, match=r'images \[1\] hold points without a value'): find_lattices(holes)
    holes[1, 4, 4] = math.inf
    with pytest.raises(ValueError, match='without a value'): cell_features(holes)
    with pytest.raises(ValueError, match='no images'): cell_features(torch.zeros(0, 32, 32))
    with pytest.raises(ValueError, match='squares'): find_lattices(torch.zeros(2, 32, 40))
    with pytest.raises(ValueError, match='squares'): find_lattices(torch.zeros(2, 3, 32, 32))
    with pytest.raises(ValueError, match='at least'): find_lattices(torch.zeros(2, 8, 8))


def test_arrays_and_single_images_are_taken():
    image = drawn(CELLS['square'], side=64)
    given = as_images(image.numpy().astype('f8'))
    assert given.shape == (1, 64, 64) and given.dtype == torch.float32
    assert as_images((image * 50).to(torch.int16)).dtype == torch.float32
    assert cell_features(image.numpy()[None]).shape == (1, 3, len(FEATURE_NAMES))


def test_a_cell_is_averaged_exactly():
    basis = torch.tensor(CELLS['oblique'])
    image = drawn(basis.tolist())
    cells = unit_cells(level(image[None]), basis[None, None], steps=6)
    assert cells.explained[0, 0] > 0.98
    noisy = level(image[None]) + torch.randn(1, 128, 128, generator=torch.Generator().manual_seed(3))
    again = unit_cells(noisy, basis[None, None])
    error = (again.factors - cells.factors).abs().square().sum() / cells.factors.abs().square().sum()
    assert error < 0.05, 'noise of the strength of the pattern falls by the number of points per wave'


@pytest.fixture(scope='module')
def clear():
    "Clear patterns of all groups and what was measured of them on their true lattices"
    ideal = Microscope(blur=(0.7, 0.7), noise=(0, 0), correlated=(0, 0), drift=(0, 0), jitter=(0, 0), lines=(0, 0),
                       gamma=(1, 1), inverted=0, tilt=(0, 0), defects=0)
    source = PatternSource(microscope=ideal, families=('field', 'atoms'), seed=75, smallest=20.0, largest=40.0)
    seen = source.batch(0, 200)
    return seen.groups, symmetry_scores(unit_cells(level(seen.images), reduced(seen.bases)[:, None])).kept[0, :, 0]


@pytest.mark.parametrize('group', GROUP_NAMES)
def test_each_group_keeps_all_energy_of_its_own_patterns_and_its_supergroups_do_not(clear, group):
    groups, kept = clear
    rows = kept[groups == GROUP_NAMES.index(group)]
    own = rows[:, [n for n, (name, _) in enumerate(SETTINGS) if name == group]].amax(1)
    assert len(rows) > 2 and own.min() > 0.96
    higher = [n for n, (name, _) in enumerate(SETTINGS) if plane_group(name).order > plane_group(group).order
              and plane_group(name).system not in ('square', 'hexagonal') and name not in ('cm', 'c2mm')]
    assert not higher or (rows[:, higher].amax(1) < own - 0.02).all()


def test_strains_are_those_of_the_lattice():
    hexagon = torch.tensor(CELLS['hexagonal'])
    names = list(CANDIDATES)
    held = {n for n, s in zip(names, strains(hexagon), strict=True) if s < 1e-3}
    assert held == {'half turn', 'third turn', 'sixth turn', 'mirror along a+b', 'mirror along a-b',
                    *(n for n in names if n.startswith('oblique'))}
    assert strains(torch.tensor(CELLS['oblique'])).gt(0.02).sum() == 11, 'only the half turn fits every lattice'


def test_the_ranking_can_be_learned_again():
    source = PatternSource(families=RANKING_FAMILIES[:3], microscope=Microscope(noise=(0.0, 0.9)), seed=50)
    examples = ranking_marks(source, 150)
    one, two = fit_ranking(examples, 10), fit_ranking(examples, 10)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert examples[0].shape[-1] == len(MARKS) and examples[1].any(1).float().mean() > 0.97


def test_marks_do_not_depend_on_which_way_an_image_is_turned():
    image = drawn(CELLS['rectangular'])
    likeness = self_likeness(softened(level(image[None])))
    upside = self_likeness(softened(level(image[None].flip(1, 2))))
    basis = reduced(torch.tensor(CELLS['rectangular']))[None, None]
    torch.testing.assert_close(lattice_marks(likeness, basis), lattice_marks(upside, basis), atol=1e-3, rtol=0)
