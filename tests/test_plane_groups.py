"Plane groups and the source of patterns: exact operations, an independent oracle, no symmetry that was not meant"
import itertools
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from matnb.corpus.simulated import simulate_corpus
from matnb.symmetry.aperiodic import APERIODIC, aperiodic_images
from matnb.symmetry.lattices import Lattice, random_bases
from matnb.symmetry.microscope import Microscope, photograph
from matnb.symmetry.motifs import FAMILIES, motifs
from matnb.symmetry.ordered_domains import append_ordered, ordered_domains, simulate_ordered
from matnb.symmetry.pattern_source import KINDS, PatternSource
from matnb.symmetry.patterns import foreign_likeness, make_cells, render, soften, symmetrise
from matnb.symmetry.plane_groups import (
    GROUP_NAMES,
    PLANE_GROUPS,
    SYSTEMS,
    Operation,
    identify,
    kinship,
    plane_group,
    subgroups,
)

# International Tables: the polar space group P or C that a plane group becomes when it is stacked without any mirror
POLAR = (1, 3, 6, 7, 8, 25, 28, 32, 35, 75, 99, 100, 143, 156, 157, 168, 183)
SPACE_GROUPS = dict(zip(GROUP_NAMES, POLAR, strict=True))
each_group = pytest.mark.parametrize('group', PLANE_GROUPS, ids=GROUP_NAMES)
NUMBERS = torch.arange(17)
OF_SYSTEM = torch.tensor([SYSTEMS.index(group.system) for group in PLANE_GROUPS])


def chance(seed=0): return torch.Generator().manual_seed(seed)


def cells_of(groups, seed=0, area=900.0):
    "Lattice bases for each of some groups, whose shape may be special"
    return random_bases(OF_SYSTEM[groups], torch.full((len(groups),), area), chance(seed))


# --- The operations
@each_group
def test_operations_are_closed_and_have_inverses(group):
    for operations in (group.operations, group.primitive):
        held = set(operations)
        assert len(held) == len(operations) == group.order
        assert {f @ g for f in held for g in held} == held
        assert all(any(str(f @ g) == 'x,y' for g in held) for f in held)


@each_group
def test_operations_keep_every_distance(group):
    "In real space each is a turn or a mirror of any cell that the lattice system allows"
    for basis in cells_of(torch.full((20,), group.number), 1).double():
        for operation in group.primitive:
            turn = torch.linalg.inv(basis) @ torch.tensor(operation.matrix).double().T @ basis
            assert torch.allclose(turn @ turn.T, torch.eye(2).double(), atol=1e-5)
            assert round(float(torch.linalg.det(turn))) == operation.determinant


@pytest.mark.filterwarnings('ignore:Set OLD_ERROR_HANDLING')
@each_group
def test_spglib_agrees(group):
    "A crystal of two layers of atoms in general positions, stacked so that nothing turns it over"
    import spglib

    rng = np.random.default_rng(group.number)
    for basis in cells_of(torch.full((12,), group.number), 2, 1.0).double().numpy():
        lattice = np.zeros((3, 3))
        lattice[:2, :2], lattice[2, 2] = basis, 3.7
        places, kinds = [], []
        for kind, height in enumerate((0.0, 0.31, 0.55)):
            point = rng.random(2)
            for operation in group.primitive:
                moved = np.array(operation.matrix) @ point + np.array([float(s) for s in operation.shift])
                places.append([*moved % 1, height])
                kinds.append(kind)
        found = spglib.get_symmetry_dataset((lattice, places, kinds), symprec=1e-5)
        assert found is not None and found.number == SPACE_GROUPS[group.name]


def test_operations_are_read_and_written():
    for group in PLANE_GROUPS:
        for operation in group.operations: assert Operation.read(str(operation)) == operation
    assert str(Operation.read(' -x + 3/2 , y-1/4')) == '-x+1/2,y+3/4'
    for wrong in ('x', 'x,y,z', 'x,w', 'x*2,y', ''):
        with pytest.raises(ValueError, match='coordinate'): Operation.read(wrong)


def test_groups_by_name():
    assert plane_group('p4m') is plane_group('p4mm') and [g.number for g in PLANE_GROUPS] == list(range(17))
    with pytest.raises(ValueError, match='p5.*p6mm'): plane_group('p5')


def test_groups_are_identified_in_any_basis():
    "The name does not depend on which primitive cell, origin or order of the operations"
    for group, change in itertools.product(PLANE_GROUPS, (((1, 1), (0, 1)), ((0, 1), (-1, 0)), ((2, 1), (1, 1)))):
        (p, q), (r, s) = change
        there, back = Operation(change), Operation(((s, -q), (-r, p)))
        assert identify(there @ o @ back for o in group.primitive) == group.name
    with pytest.raises(ValueError, match='one after the other'): identify(plane_group('p4').primitive[:3])


def test_subgroups():
    "As in the International Tables, volume A1: the maximal translationengleiche subgroups"
    maximal = {'p2': 'p1', 'pm': 'p1', 'pg': 'p1', 'cm': 'p1', 'p2mm': 'p2 pm', 'p2mg': 'p2 pm pg', 'p2gg': 'p2 pg',
               'c2mm': 'p2 cm', 'p4': 'p2', 'p4mm': 'p2mm c2mm p4', 'p4gm': 'p2gg c2mm p4', 'p3': 'p1',
               'p3m1': 'cm p3', 'p31m': 'cm p3', 'p6': 'p2 p3', 'p6mm': 'c2mm p3m1 p31m p6'}
    for name, below in maximal.items():
        reached = {name}.union(*(subgroups(s) for s in below.split()))
        assert set(subgroups(name)) == reached and subgroups('p1') == ('p1',)


def test_kinship():
    table = kinship()
    of = {name: i for i, name in enumerate(GROUP_NAMES)}
    assert (np.diag(table) == 1).all() and (table == table.T).all() and (table[~np.eye(17, dtype=bool)] < 1).all()
    assert table[of['p4'], of['p4mm']] > table[of['p4'], of['p2']] - 1e-9 > table[of['p4'], of['p3']]
    table[:] = 0
    assert kinship().max() == 1  # A caller's changes stay with the caller


# --- Lattices
def test_reduced_cells():
    rng = np.random.default_rng(3)
    for _ in range(200):
        basis = rng.normal(size=(2, 2))
        lattice, small = Lattice(basis), Lattice(basis).reduced()
        steps = basis @ np.linalg.inv(small.basis)
        assert np.allclose(steps, np.round(steps), atol=1e-9) and abs(abs(np.linalg.det(steps)) - 1) < 1e-9
        assert small.lengths[0] <= small.lengths[1] + 1e-12 and 60 - 1e-9 <= small.angle <= 90 + 1e-9
        assert math.isclose(small.area, lattice.area)
    assert np.allclose(Lattice([[3, 0], [0, 4]]).in_metres((1e-9, 2e-9)).lengths, (3e-9, 8e-9))
    for wrong in ([[1, 2], [2, 4]], [[1, 0], [0, math.nan]], [1, 2]):
        with pytest.raises(ValueError, match='not parallel'): Lattice(wrong)


def test_shapes_do_not_tell_the_group():
    "Of the cells of every system that has freedom, a quarter is more regular than it needs to be"
    for system, name in enumerate(SYSTEMS):
        bases = random_bases(torch.full((3000,), system), torch.linspace(100, 900, 3000), chance(4)).double()
        assert torch.allclose(torch.linalg.det(bases).abs(), torch.linspace(100, 900, 3000).double(), rtol=1e-4)
        assert 0.4 < (torch.linalg.det(bases) > 0).double().mean() < 0.6
        metric = bases @ bases.mT
        a, b, c = metric[:, 0, 0], metric[:, 1, 1], metric[:, 0, 1]
        square = ((a / b - 1).abs() < 1e-4) & (c.abs() / a < 1e-4)
        hexagonal = ((a / b - 1).abs() < 1e-4) & ((c.abs() / a - 0.5).abs() < 1e-4)
        special = (square | hexagonal).double().mean()
        if name in ('square', 'hexagonal'): assert (square if name == 'square' else hexagonal).all()
        else: assert (0.1 if name == 'oblique' else 0.2) < special < 0.3
        if name == 'rectangular': assert (c.abs() / a < 1e-4).all()
        if name == 'centred': assert ((a / b - 1).abs() < 1e-4).all()


# --- Cells
@pytest.mark.parametrize('how', ['mean', 'max', 'copy'])
def test_symmetrised_cells_keep_their_operations(how):
    cells = symmetrise(torch.randn(17, 24, 24, generator=chance(5)).double(), NUMBERS, how)
    for group, cell in zip(PLANE_GROUPS, cells, strict=True):
        for operation in group.primitive: assert torch.allclose(moved(cell, operation), cell)
        assert cell.std() > 0.1


def moved(cell, operation):
    "A cell seen through an operation, point by point"
    size = len(cell)
    u, v = np.mgrid[:size, :size]
    (p, q), (r, s) = operation.matrix
    du, dv = (round(float(shift) * size) for shift in operation.shift)
    return cell[(p * u + q * v + du) % size, (r * u + s * v + dv) % size]


def all_symmetries(cell, basis, least):
    "Each isometry of a lattice under which a cell correlates with itself better than this: matrix, shift, correlation"
    metric, found, size = basis @ basis.T, [], len(cell)
    waves = np.fft.fft2(cell - cell.mean())
    power = (np.abs(waves) ** 2).sum()
    h = np.stack(np.meshgrid(*[np.fft.fftfreq(size, 1 / size).round().astype(int)] * 2, indexing='ij'), -1)
    for matrix in itertools.product(range(-2, 3), repeat=4):
        w = np.array(matrix).reshape(2, 2)
        if abs(round(np.linalg.det(w))) != 1 or np.abs(w.T @ metric @ w - metric).max() > 0.02 * metric.max(): continue
        there = h @ w
        inside = (np.abs(there) < size // 2).all(-1)
        turned = np.where(inside, waves[there[..., 0] % size, there[..., 1] % size], 0)
        score = np.fft.ifft2(waves * turned.conj()).real * size**2 / power
        for shift in np.argwhere(score > least): found.append((w, shift / size, score[tuple(shift)]))
    return found


@pytest.mark.parametrize('side', [64, 128])
def test_each_sample_has_its_symmetry_and_no_other(side):
    "All isometries that the cell has, found by brute force in double precision, are the group's: no supergroup's is"
    source = PatternSource(side=side, seed=6)
    there = source.specimens(0, 136)
    cells = soften(there.cells, there.bases, there.blur).double().numpy()
    for cell, raw, basis, number in zip(cells, there.cells, there.bases.double().numpy(), there.groups, strict=True):
        group = PLANE_GROUPS[number]
        for operation in group.primitive: assert torch.allclose(moved(raw, operation), raw, atol=1e-4)
        own = {o.matrix: [float(s) for s in o.shift] for o in group.primitive}
        for w, shift, score in all_symmetries(cell, basis, 0.9):
            matrix = tuple(map(tuple, w.tolist()))
            assert matrix in own, f'{group}: {matrix} to {score:.2f}'
            away = shift - own[matrix]
            assert np.abs(away - away.round()).max() < 0.21, f'{group}: {matrix} shifted by {away} to {score:.2f}'


def test_symmetry_that_was_not_meant_is_found():
    "Groups that hide in a cell, half-cell repeats and rows without a second period"
    groups = torch.tensor([GROUP_NAMES.index(name) for name in ('p4', 'p3', 'p1', 'p2mm', 'p6')])
    bases = random_bases(OF_SYSTEM[groups], torch.full((5,), 900.0), chance(7), special=0)
    above = torch.tensor([GROUP_NAMES.index(name) for name in ('p4mm', 'p6', 'p2', 'p2mm', 'p6mm')])
    cells = symmetrise(motifs('field', 5, 48, chance(8), bases, above), above)
    assert (foreign_likeness(cells, groups, bases)[[0, 1, 2, 4]] > 0.99).all()
    assert (foreign_likeness(cells, above, bases)[[0, 2]] < 0.98).all()
    plain = make_cells('noise', torch.zeros(4, dtype=torch.long), bases[:4], 48, chance(9))
    none, few = torch.zeros(4, dtype=torch.long), torch.full((4,), 1.0)
    assert (foreign_likeness(plain, none, bases[:4], few) < 0.7).all()
    repeated = plain + plain.roll(24, 1) + 0.3 * plain.roll(5, 2)
    assert (foreign_likeness(repeated, none, bases[:4]) > 0.85).all()
    rows = plain.mean(1, keepdim=True).expand(-1, 48, -1) + 0.05 * plain
    assert (foreign_likeness(rows, none, bases[:4], few) > 0.95).all()


@pytest.mark.parametrize('family', FAMILIES)
def test_families(family):
    cells = make_cells(family, NUMBERS, cells_of(NUMBERS), 32, chance(10))
    assert cells.shape == (17, 32, 32) and cells.isfinite().all()
    assert torch.allclose(cells.mean((1, 2)), torch.zeros(17), atol=1e-5)
    assert torch.allclose(cells.square().mean((1, 2)), torch.ones(17), atol=1e-4)


def test_patches_come_from_the_images_that_are_given():
    own = torch.zeros(2, 40, 40)
    own[:, ::2] = 1
    cut = motifs('patches', 8, 32, chance(11), source=own)
    assert cut.min() >= 0 and cut.max() <= 1 and cut.std() > 0.1
    with pytest.raises(ValueError, match='family'): motifs('wavelets', 1, 32, chance())


# --- Images
def test_images_repeat_and_have_the_symmetry_of_their_cells():
    "What the basis and the operations say about the image is true in the image"
    source = PatternSource(side=128, seed=12, families=('field',), smallest=24, microscope=Microscope.ideal())
    there = source.specimens(0, 34)
    cells = soften(there.cells, there.bases, torch.full((34,), 1.0)).double()
    middle = torch.full((34, 2), 64.0).double()
    images = render(cells, there.bases.double(), 128, middle)
    for image, basis, number in zip(images, there.bases.double(), there.groups, strict=True):
        at = torch.rand(300, 2, generator=chance(13)).double() * 50 - 25
        inverse, here = torch.linalg.inv(basis), sampled(image, at + 64)
        for operation in PLANE_GROUPS[number].primitive:
            shift = torch.tensor([float(s) for s in operation.shift])
            u = at @ inverse @ torch.tensor(operation.matrix).double().T + shift
            u = u + (at @ inverse - u).round()  # Back to the cell where the point was
            other = sampled(image, u @ basis + 64)
            assert np.corrcoef(here, other)[0, 1] > 0.98


def sampled(image, at):
    where = (at.flip(-1) / (image.shape[-1] - 1) * 2 - 1)[None, None]
    return torch.nn.functional.grid_sample(image[None, None], where, align_corners=True)[0, 0, 0].numpy()


def test_microscope_does_what_it_says():
    clean = PatternSource(side=64, seed=14, microscope=Microscope.ideal()).batch(0, 32).images
    assert torch.allclose(photograph(clean, Microscope.ideal(), chance()), clean, atol=2e-2)
    nothing = (0.0, 0.0)
    for sigma in (0.35, 0.8, 1.5):
        noisy = Microscope(nothing, (sigma, sigma), nothing, nothing, nothing, nothing, (1.0, 1.0), 0.0, nothing, 0.0)
        like = (photograph(clean, noisy, chance(1)) * clean).mean()
        assert abs(like - 1 / math.sqrt(1 + sigma**2)) < 0.02
    for wrong in (dict(blur=(2, 1)), dict(noise=(-1, 0)), dict(defects=1.5), dict(gamma=(0, 1))):
        with pytest.raises(ValueError, match=next(iter(wrong))): Microscope(**wrong)


def test_defects_are_as_frequent_as_asked_and_leave_most_of_the_pattern():
    clean = PatternSource(side=64, seed=15, microscope=Microscope.ideal()).batch(0, 300).images
    nothing = (0.0, 0.0)
    broken = Microscope(nothing, nothing, nothing, nothing, nothing, nothing, (1.0, 1.0), 0.0, nothing, 0.5)
    seen = photograph(clean, broken, chance(2))
    changed = ((seen - clean).abs() > 0.05).float().mean((1, 2))
    assert 0.3 < (changed > 0.01).float().mean() < 0.6


# --- The source
@pytest.mark.parametrize('side', [64, 128])
def test_batches(side):
    source = PatternSource(side=side, seed=16)
    found = source.batch(3, 400)
    assert found.images.shape == (400, side, side) and found.images.dtype == torch.float32
    assert found.groups.dtype == torch.int64 and set(found.groups.tolist()) == set(range(17))
    assert set(found.families.tolist()) == set(range(len(FAMILIES)))
    assert found.images.isfinite().all() and torch.allclose(found.images.std((1, 2)), torch.ones(400), atol=1e-2)
    edges = torch.linalg.det(found.bases).abs().sqrt() * 128 / side
    assert 11 < edges.min() < 13 and 43 < edges.max() < 53
    assert 0 <= found.noise.min() and 0.3 < found.noise.max() <= 0.35


def test_a_number_always_gives_the_same_bits():
    source = PatternSource(side=64, seed=17, aperiodic=0.3)
    first = source.batch(5, 48)
    source.batch(6, 48), source.pairs(5, 16)
    again = PatternSource(side=64, seed=17, aperiodic=0.3).batch(5, 48)
    assert (first.images == again.images).all() and (first.groups == again.groups).all()
    assert not (source.batch(6, 48).images == first.images).all()
    assert not (PatternSource(side=64, seed=18, aperiodic=0.3).batch(5, 48).images == first.images).all()


def test_two_processes_agree():
    code = ('import torch, hashlib; torch.set_num_threads(1)\n'
            'from matnb.symmetry.pattern_source import PatternSource\n'
            'for side in (64, 128):\n'
            '    a, b = PatternSource(side=side, aperiodic=0.2).pairs(9, 40)\n'
            '    print(hashlib.sha256(a.images.numpy().tobytes() + b.images.numpy().tobytes()).hexdigest())')
    env = os.environ | {'PYTHONPATH': os.pathsep.join(p for p in sys.path if p)}
    told = [subprocess.run([sys.executable, '-c', code], env=env, capture_output=True, text=True, check=True).stdout
            for _ in range(2)]
    assert told[0] == told[1] and len(told[0].split()) == 2


def test_pairs_show_one_pattern_twice():
    source = PatternSource(side=128, seed=19, microscope=Microscope.ideal())
    first, second = source.pairs(0, 200)
    assert (first.groups == second.groups).all() and (first.families == second.families).all()
    scale = (torch.linalg.det(second.bases) / torch.linalg.det(first.bases)).abs().sqrt()
    assert 0.69 < scale.min() < 0.8 and 1.25 < scale.max() < 1.41
    mirrored = (torch.linalg.det(second.bases) * torch.linalg.det(first.bases) < 0).float().mean()
    assert 0.35 < mirrored < 0.65
    back = torch.linalg.inv(first.bases) @ second.bases / scale[:, None, None]  # A turn, or a turn and a mirror
    assert torch.allclose(back @ back.mT, torch.eye(2).expand(200, 2, 2), atol=1e-4)
    assert ((first.images * second.images).mean((1, 2)).abs() < 0.7).float().mean() > 0.9


def test_without_a_period():
    found = PatternSource(side=64, seed=20, aperiodic=0.5).batch(0, 300)
    none = found.groups == -1
    assert 0.4 < none.float().mean() < 0.6
    assert found.bases[none].isnan().all() and found.bases[~none].isfinite().all()
    assert {KINDS[f] for f in found.families[none].tolist()} == set(APERIODIC)
    assert {KINDS[f] for f in found.families[~none].tolist()} == set(FAMILIES)
    with pytest.raises(ValueError, match='labyrinth'): aperiodic_images('marble', 64, torch.ones(1) * 8, chance())


@pytest.mark.parametrize('kind', [kind for kind in APERIODIC if kind != 'stripes'])
def test_aperiodic_images_do_not_repeat(kind):
    "No two steps in different directions, of up to half the image, bring such an image back to itself"
    images = aperiodic_images(kind, 64, torch.linspace(7, 12, 8), chance(21)).double().numpy()
    shifts = [(dy, dx) for dy in range(0, 30) for dx in range(-30, 31) if dy * dy + dx * dx > 36]
    for image in images:
        back = [s for s in shifts if overlap(image, *s) > 0.95]
        assert not back or np.linalg.matrix_rank(np.array(back), tol=0.15 * np.linalg.norm(back)) < 2, back


def test_stripes_change_in_one_direction_only():
    images = aperiodic_images('stripes', 128, torch.full((40,), 14.0), chance(23))
    dy, dx = torch.gradient(images, dim=(1, 2))
    yy, xx, yx = (a.mean((1, 2)) for a in (dy * dy, dx * dx, dy * dx))
    coherence = ((yy - xx) ** 2 + 4 * yx**2).sqrt() / (yy + xx)
    assert coherence.median() > 0.9 and coherence.min() > 0.4


def overlap(image, dy, dx):
    one = image[dy:, max(dx, 0):image.shape[1] + min(dx, 0)]
    two = image[:image.shape[0] - dy, max(-dx, 0):image.shape[1] + min(-dx, 0)]
    return np.corrcoef(one.ravel(), two.ravel())[0, 1]


def test_what_cannot_be_shown_is_said():
    with pytest.raises(ValueError, match='wavelets'): PatternSource(families=('wavelets',))
    with pytest.raises(ValueError, match='families'): PatternSource(families=())
    with pytest.raises(ValueError, match='p7'): PatternSource(groups=('p7',))
    with pytest.raises(ValueError, match='cells'): PatternSource(smallest=9, largest=5)
    with pytest.raises(ValueError, match='larger'): PatternSource(side=64, smallest=2, largest=2.5).batch(0, 64)


# --- Ordered domains
def test_ordered_domains_have_both_polarities_and_their_group():
    for group in ('p1', 'p4gm', 'p6'):
        domains = ordered_domains(np.random.default_rng(22), 144, 24.0, group)
        p = domains.polarisation
        assert p.shape == (3, 144, 144) and np.abs(p).max() <= 1 and 0.1 < (p[2] > 0).mean() < 0.9
        assert domains.period == 24.0 and (p[:2] == 0).all()


def test_ordered_scans_join_a_simulated_corpus(tmp_path):
    corpus = simulate_corpus(tmp_path/'corpus', 12, size=64, progress=False)
    before = set(corpus.ids())
    append_ordered(corpus, 20, size=64, progress=False)
    assert len(corpus) == 32
    ordered = corpus.where(domain_type='ordered lattice')
    assert len(ordered) == 20 and set(ordered.counts('plane_group')) <= set(GROUP_NAMES)
    append_ordered(corpus, 22, size=64, progress=False)
    assert len(corpus) == 34 and before < set(corpus.ids())
    assert len(simulate_corpus(tmp_path/'corpus', 14, size=64, progress=False)) == 36  # The corpus itself still goes on
    one, again = simulate_ordered(3, size=64), simulate_ordered(3, size=64)
    assert (one.image == again.image).all() and one.id == again.id and one.facets == again.facets
