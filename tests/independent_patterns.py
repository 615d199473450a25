"""Patterns of the seventeen plane groups, written a second time and differently, for tests only.

Nothing is shared with matnb: isometries of the plane in Cartesian coordinates act on functions of a continuous
position; a group is a few generators, closed numerically modulo its lattice; the names are Conway's orbifolds; motifs
are strokes, Voronoi cells, plane waves and polygons; the image is taken by sampling, with noise of counted quanta.
Whoever has learned the fingerprints of one generator fails on the other.
"""
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

Field = Callable[[np.ndarray], np.ndarray]      # positions (..., 2) as (x, y), values (...)
Isometry = tuple[np.ndarray, np.ndarray]        # x -> R x + t

ORBIFOLDS = {'p1': 'o', 'p2': '2222', 'pm': '**', 'pg': 'xx', 'cm': '*x', 'p2mm': '*2222', 'p2mg': '22*', 'p2gg': '22x',
             'c2mm': '2*22', 'p4': '442', 'p4mm': '*442', 'p4gm': '4*2', 'p3': '333', 'p3m1': '*333', 'p31m': '3*3',
             'p6': '632', 'p6mm': '*632'}
NAMES = tuple(ORBIFOLDS)                        # in the order of the International Tables
SHAPES = {'p1': 'any', 'p2': 'any', 'pm': 'box', 'pg': 'box', 'cm': 'diamond', 'p2mm': 'box', 'p2mg': 'box',
          'p2gg': 'box', 'c2mm': 'diamond', 'p4': 'square', 'p4mm': 'square', 'p4gm': 'square',
          'p3': 'honey', 'p3m1': 'honey', 'p31m': 'honey', 'p6': 'honey', 'p6mm': 'honey'}
STYLES = ('strokes', 'mosaic', 'waves', 'blobs')


def turn(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]])


def flip(degrees: float) -> np.ndarray:
    "Reflection in the line through the origin at this angle"
    c, s = np.cos(np.radians(2 * degrees)), np.sin(np.radians(2 * degrees))
    return np.array([[c, s], [s, -c]])


def lattice(shape: str, rng: np.random.Generator) -> np.ndarray:
    "Two primitive translations as rows, of unit area; a quarter of the free shapes take a more symmetrical metric"
    special = rng.random() < 0.25
    if shape == 'square': rows = np.eye(2)
    elif shape == 'honey': rows = np.array([[1, 0], [0.5, 3**0.5 / 2]])
    elif shape == 'box': rows = np.diag([1.0, 1.0 if special else rng.uniform(1.15, 1.9) ** rng.choice([-1, 1])])
    elif shape == 'diamond':
        any_angle = rng.choice([rng.uniform(33, 42), rng.uniform(48, 57)])
        half = np.radians(rng.choice([30, 45, 60]) if special else any_angle)
        rows = np.array([[np.cos(half), np.sin(half)], [np.cos(half), -np.sin(half)]])
    elif special: rows = lattice(str(rng.choice(['square', 'honey', 'box'])), rng)
    else: rows = np.array([[1, 0], [rng.uniform(0.12, 0.42), rng.uniform(0.95, 1.5)]])
    return rows / abs(np.linalg.det(rows)) ** 0.5


def generators(name: str, rows: np.ndarray) -> list[Isometry]:
    "What makes the group, besides the translations"
    a, b = rows
    still = np.zeros(2)
    width, height = a[0], b[1]                  # of a box, or of a square
    return {
        'o': [], '2222': [(turn(180), still)],
        '**': [(flip(90), still)], 'xx': [(flip(90), np.array([0, height / 2]))], '*x': [(flip(0), still)],
        '*2222': [(flip(0), still), (flip(90), still)],
        '22*': [(turn(180), still), (flip(90), np.array([width / 2, 0]))],
        '22x': [(turn(180), still), (flip(0), np.array([width, height]) / 2)],
        '2*22': [(flip(0), still), (flip(90), still)],
        '442': [(turn(90), still)], '*442': [(turn(90), still), (flip(0), still)],
        '4*2': [(turn(90), still), (flip(-45), np.array([width, width]) / 2)],
        '333': [(turn(120), still)], '*333': [(turn(120), still), (flip(90), still)],
        '3*3': [(turn(120), still), (flip(0), still)],
        '632': [(turn(60), still)], '*632': [(turn(60), still), (flip(0), still)],
    }[ORBIFOLDS[name]]


def closed(given: list[Isometry], rows: np.ndarray) -> list[Isometry]:
    "All products of the generators, modulo translations of the lattice"
    found: list[Isometry] = [(np.eye(2), np.zeros(2))]
    waiting = list(found)
    while waiting:
        turned, moved = waiting.pop()
        for r, t in given:
            fraction = np.linalg.solve(rows.T, r @ moved + t)
            new = r @ turned, rows.T @ (fraction - np.floor(fraction + 1e-9))
            if not any(np.allclose(new[0], f[0]) and np.allclose(new[1], f[1], atol=1e-7) for f in found):
                found.append(new)
                waiting.append(new)
    return found


def _scattered(rng: np.random.Generator, rows: np.ndarray, count: int) -> np.ndarray:
    "Positions in the cell that keep away from one another"
    places: list[np.ndarray] = []
    while len(places) < count:
        tried = max((rng.random(2) for _ in range(12)), key=lambda p: min(
            [np.linalg.norm((((p - q) + 0.5) % 1 - 0.5) @ rows) for q in places], default=0.0))
        places.append(tried)
    return np.array(places) @ rows


def _images(rows: np.ndarray) -> np.ndarray:
    "The translations whose copies reach into one cell"
    steps = np.array([(i, j) for i in range(-2, 3) for j in range(-2, 3)])
    return steps @ rows


def _orbit(points: np.ndarray, group: list[Isometry], rows: np.ndarray,
           reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    "All copies of points that reach into the first cell; which point each copies, and what turned it"
    steps, places, whose, turns = _images(rows), [], [], []
    cell = np.stack(np.meshgrid(*[np.linspace(0, 1, 13)] * 2), -1).reshape(-1, 2) @ rows
    reach += np.linalg.norm(rows, axis=1).sum() / 24
    for n, point in enumerate(points):
        for r, t in group:
            fraction = np.linalg.solve(rows.T, r @ point + t)
            for step in steps:
                place = rows.T @ (fraction % 1) + step
                if np.linalg.norm(cell - place, axis=1).min() > reach: continue
                places.append(place)
                whose.append(n)
                turns.append(r)
    return np.array(places), np.array(whose), np.array(turns)


def _home(where: np.ndarray, rows: np.ndarray) -> np.ndarray:
    "The same positions, brought into the first cell"
    return (np.linalg.solve(rows.T, where.reshape(-1, 2).T).T % 1) @ rows


def strokes(rng: np.random.Generator, group: list[Isometry], rows: np.ndarray) -> Field:
    "Hooks of two straight lines with round ends: as lopsided as a comma"
    count = max(1, round(5 / len(group)))
    points, spread = _scattered(rng, rows, count), 0.55 / (count * len(group)) ** 0.5
    places, whose, turns = _orbit(points, group, rows, 3 * spread)
    angles, weights = rng.uniform(0, 2 * np.pi, (count, 2)), rng.uniform(0.5, 1, count) * rng.choice([-1, 1], count)
    ends = spread * np.stack([np.cos(angles), np.sin(angles)], -1) * np.array([1.0, 0.6])[:, None]
    width = spread * rng.uniform(0.22, 0.4)

    def at(where: np.ndarray) -> np.ndarray:
        flat, value = _home(where, rows), np.zeros(where[..., 0].size)
        for place, n, turned in zip(places, whose, turns, strict=True):
            away = flat - place
            for end in ends[n] @ turned.T:
                along = np.clip(away @ end / (end @ end), 0, 1)
                value += weights[n] * np.exp(-((away - along[:, None] * end) ** 2).sum(-1) / width**2)
        return value.reshape(where.shape[:-1])

    return at


def mosaic(rng: np.random.Generator, group: list[Isometry], rows: np.ndarray) -> Field:
    "Voronoi cells of a few orbits, one grey for each, with a seam where two cells of one grey meet"
    points = _scattered(rng, rows, max(2, round(8 / len(group))) + int(rng.integers(1, 3)))
    places, whose, _ = _orbit(points, group, rows, 1.5)
    greys = rng.permutation(np.linspace(-1, 1, len(points)))
    seam, tree = 0.12 / (len(points) * len(group)) ** 0.5, cKDTree(places)

    def at(where: np.ndarray) -> np.ndarray:
        far, nearest = tree.query(_home(where, rows), 2)
        value = greys[whose[nearest[:, 0]]] - 1.5 * (far[:, 1] - far[:, 0] < seam)
        return value.reshape(where.shape[:-1])

    return at


def waves(rng: np.random.Generator, group: list[Isometry], rows: np.ndarray) -> Field:
    "Standing waves of the reciprocal lattice with chance phases, summed over the group"
    reciprocal = 2 * np.pi * np.linalg.inv(rows).T
    reach = range(-4, 5)
    indices = np.array([(h, k) for h in reach for k in reach if (h, k) > (0, 0)])
    vectors = indices @ reciprocal
    long = np.linalg.norm(vectors, axis=1)
    falls = np.exp(-(long / (long.min() * rng.uniform(1.6, 2.8))) ** 2)
    sizes, phases = falls * rng.normal(size=len(long)), rng.uniform(0, 2 * np.pi, len(long))

    def at(where: np.ndarray) -> np.ndarray:
        return sum(np.cos((where @ r.T + t) @ vectors.T + phases) @ sizes for r, t in group)

    return at


def blobs(rng: np.random.Generator, group: list[Isometry], rows: np.ndarray) -> Field:
    "Triangles and quadrangles without equal sides, filled, one over the other"
    count = max(1, round(4 / len(group)))
    points, spread = _scattered(rng, rows, count), 0.75 / (count * len(group)) ** 0.5
    places, whose, turns = _orbit(points, group, rows, 2 * spread)
    shapes = []
    for _ in range(count):
        gaps = rng.dirichlet(np.full(int(rng.integers(3, 5)), 4.0))
        angles = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.cumsum(gaps)
        lengths = spread * rng.uniform(0.45, 1, len(angles))
        shapes.append(lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], -1))
    greys = rng.uniform(0.4, 1, count) * rng.choice([-1, 1], count)

    def at(where: np.ndarray) -> np.ndarray:
        flat, value = _home(where, rows), np.zeros(where[..., 0].size)
        for place, n, turned in zip(places, whose, turns, strict=True):
            away = (flat - place) @ turned              # back into the frame in which it was drawn
            corners = shapes[n]
            sides = np.roll(corners, -1, 0) - corners
            within = np.ones(len(away), bool)
            for corner, side in zip(corners, sides, strict=True):
                within &= side[0] * (away[:, 1] - corner[1]) - side[1] * (away[:, 0] - corner[0]) >= 0
            value += greys[n] * within
        return value.reshape(where.shape[:-1])

    return at


MOTIFS = {'strokes': strokes, 'mosaic': mosaic, 'waves': waves, 'blobs': blobs}


def holohedry(rows: np.ndarray) -> list[np.ndarray]:
    "Turnings and reflections that leave a lattice as it is, found by trying"
    long, short = np.linalg.norm(rows, axis=1)
    angles = {round(np.degrees(np.arctan2(*v[::-1])) % 180, 6) for v in _images(rows) if v @ v > 1e-9}
    tried = [turn(d) for d in (60, 90, 120, 180, 240, 270, 300)] + [flip(d) for d in angles]
    whole = [r for r in tried if np.allclose(f := np.linalg.solve(rows.T, r @ rows.T), np.round(f), atol=1e-6)]
    assert long > 0 and short > 0 and whole
    return whole


def strangest(field: Field, group: list[Isometry], rows: np.ndarray, points: int = 36) -> float:
    "How much the pattern looks, about its best centre, as if it had one more operation: 1 is exactly so"
    u = np.stack(np.meshgrid(*[np.arange(points)] * 2, indexing='ij'), -1)
    cell = field(u / points @ rows)
    cell = (cell - cell.mean()) / max(cell.std(), 1e-12)
    spectrum, worst = np.fft.fft2(cell), -1.0
    own = [r for r, _ in group]
    for r in holohedry(rows):
        if any(np.allclose(r, o) for o in own): continue
        whole = np.round(np.linalg.solve(rows.T, r @ rows.T)).astype(int)
        v = (u @ whole.T) % points
        like = np.fft.ifft2(spectrum * np.fft.fft2(cell[v[..., 0], v[..., 1]]).conj()).real / points**2
        worst = max(worst, float(like.max()))
    inside = np.fft.ifft2(np.abs(spectrum) ** 2).real / points**2          # a smaller cell is one more operation, too
    near = np.linalg.norm(((u / points + 0.5) % 1 - 0.5) @ rows, axis=-1) < 0.3
    return max(worst, float(np.where(near, -1, inside).max()))


@dataclass
class Drawn:
    "An image and all that is known about it"
    image: np.ndarray
    name: str
    style: str
    seen: np.ndarray        # Primitive translations in the image, points, rows as (x, y)
    rows: np.ndarray        # The same before turning and scaling: those of the function and of the group
    field: Field
    group: list[Isometry]
    strangeness: float


def draw(name: str, style: str, rng: np.random.Generator, side: int = 128, cell: tuple[float, float] = (14, 44),
         noise: float | None = None) -> Drawn:
    "One image of a plane group, at any angle and place, as an unsteady instrument would give it"
    while True:
        rows = lattice(SHAPES[name], rng)
        group = closed(generators(name, rows), rows)
        field = MOTIFS[style](rng, group, rows)
        if (strangeness := strangest(field, group, rows)) < 0.8: break
    size = np.exp(rng.uniform(*np.log(cell)))
    turned = turn(rng.uniform(0, 360)) @ (flip(0) if rng.random() < 0.5 else np.eye(2))
    centre, offsets = rng.uniform(-1, 1, 2), (np.arange(2) - 0.5) / 2
    pixels = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing='xy'), -1) - side / 2
    clean = np.mean([field((pixels + (dx, dy)) @ turned / size + centre) for dx in offsets for dy in offsets], 0)
    return Drawn(taken(clean, rng, noise), name, style, rows @ turned.T * size, rows, field, group, strangeness)


def taken(clean: np.ndarray, rng: np.random.Generator, noise: float | None = None) -> np.ndarray:
    "What an instrument makes of a pattern: quanta, a slope, another contrast, lines that slip"
    side = len(clean)
    seen = (clean - clean.mean()) / max(clean.std(), 1e-9)
    if rng.random() < 0.5: seen = -seen
    if noise is None:
        quanta = 10 ** rng.uniform(0.9, 2.5)
        bright = np.clip(1 + 0.45 * seen, 0.02, None)
        seen = rng.poisson(quanta * bright) / quanta
        seen = (seen - seen.mean()) / seen.std()
        slope = rng.normal(0, 0.15, 2)
        y, x = np.mgrid[:side, :side] / side - 0.5
        seen = seen + slope[0] * x + slope[1] * y + rng.normal(0, 0.03, side)[:, None]
    else: seen = seen + noise * rng.normal(size=seen.shape)
    return ((seen - seen.mean()) / seen.std()).astype(np.float32)


def bench(each: int, seed: int = 0, side: int = 128,
          noise: float | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    "Images of all groups and styles in turn, their numbers in the order of the International Tables, their styles"
    images, groups, styles = [], [], []
    for n in range(each):
        for number, name in enumerate(NAMES):
            style = STYLES[(n + number) % len(STYLES)]
            rng = np.random.default_rng([seed, n, number])
            images.append(draw(name, style, rng, side, noise=noise).image)
            groups.append(number)
            styles.append(style)
    return np.stack(images), np.array(groups), np.array(styles)
