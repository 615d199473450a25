"""Corpora for the trials of the explorer: images that say which item they are, and words that are meant to do harm

An identity image is a pattern of 8 x 8 fields that holds the number of its item, the number of its channel and a check
sum, each bit beside its complement. What a screen shows can be read back from its pixels after any scaling, colouring
with a map that grows lighter, or change of contrast, so that a wrong picture cannot pass for the right one. The two
lowest lines of fields hold nothing, since scale bars lie over them.
"""
from pathlib import Path
from typing import NamedTuple

import numpy as np

from matnb.corpus.facets import Facet
from matnb.corpus.measurement import Channel, Measurement
from matnb.corpus.store import Corpus, create_corpus
from matnb.corpus.vectors import replace_vectors
from matnb.similarity.maps import make_map, store_map

FIELDS = 8  # on a side
MARKS = {(0, 0): 1, (0, 7): 0, (5, 0): 0, (5, 7): 1, (7, 7): 1, (6, 7): 0}
LINES = 6  # that hold something
PLACES = [(y, x) for y in range(LINES) for x in range(FIELDS) if (y, x) not in MARKS]  # 44: 22 bits, each twice
BITS = len(PLACES) // 2
CHANNELS = (Channel('height', 'm'), Channel('amplitude', 'm'))
MATERIALS = ('PbTiO3', 'BiFeO3', 'BaTiO3')
HOSTILE = ('<img src=x onerror="window.harmed=1">', '</script><script>window.harmed=2</script>',
           'javascript:window.harmed=3', '<svg/onload=window.harmed=4>', '"><b onmouseover="window.harmed=5">x',
           "');window.harmed=6;('", '\u202egnp.drawkcab\u202c', 'zero\u200bwidth\u200d\ufeffspaces', '&lt;b&gt;&amp;',
           '${window.harmed=7}', '{{constructor.constructor("window.harmed=8")()}}', '__proto__', 'constructor',
           '</style><style>*{display:none}</style>', 'x' * 10_000, '\u0000\u0007\u001b[31mred', '𝓐🧲' * 50, '-->', ' ')


class Identity(NamedTuple):
    "What an image says of itself"

    item: int
    channel: int


def identity_bits(item: int, channel: int) -> np.ndarray:
    "14 bits of the item, 2 of the channel, 6 of a check sum"
    body = item | channel << 14
    code = body | (body * 2_654_435_761 >> 9) % 64 << 16
    return np.array([code >> n & 1 for n in range(BITS)], bool)


def identity_fields(item: int, channel: int) -> np.ndarray:
    "The pattern, one number per field"
    fields, bits = np.zeros((FIELDS, FIELDS), bool), identity_bits(item, channel)
    for place, bit in MARKS.items(): fields[place] = bit
    for place, bit in zip(PLACES, np.stack([bits, ~bits], 1).ravel(), strict=True): fields[place] = bit
    return fields


def identity_image(item: int, size: int = 64) -> np.ndarray:
    "Both channels of an item"
    planes = [identity_fields(item, channel).repeat(size // FIELDS, 0).repeat(size // FIELDS, 1) for channel in (0, 1)]
    return np.stack([planes[0] * 4e-9, planes[1] * 2e-10]).astype('f4')


def read_identity(light: np.ndarray) -> Identity | None:
    "Which item a picture shows, from its lightness; None if it shows none"
    light = np.asarray(light, float)
    if min(light.shape) < FIELDS: return None
    centres = [((np.arange(FIELDS) + 0.5) * n / FIELDS).astype(int) for n in light.shape]
    seen = light[np.ix_(*centres)]
    if np.ptp(seen) < 40: return None
    fields = seen > (seen.min() + seen.max()) / 2
    if any(fields[place] != bool(bit) for place, bit in MARKS.items()): return None
    pairs = np.array([fields[place] for place in PLACES]).reshape(BITS, 2)
    if (pairs[:, 0] == pairs[:, 1]).any(): return None
    code = sum(1 << n for n in range(BITS) if pairs[n, 0])
    found = Identity(code & 0x3fff, code >> 14 & 3)
    return found if (identity_bits(*found) == pairs[:, 0]).all() else None


def identity_measurement(item: int) -> Measurement:
    "One item whose pictures and facets say which one it is"
    rng = np.random.default_rng(item)
    facets: dict[str, object] = {
        'file': f'identity_{item:05}.ibw', 'sample': f'S{item // 24}', 'material': MATERIALS[item % 3],
        'outcome': ('success', 'partial', 'failed')[int(rng.integers(3))], 'thickness': float(rng.lognormal(-17, 0.6)),
        'scan_size': float(rng.choice([1e-6, 2e-6, 5e-6])),
        'date': f'20{10 + item % 15}-{1 + item % 12:02}-{1 + item % 28:02}',
        'measured_by': f'Person {item % 7}', 'd33': float(rng.normal(60, 12)), 'notes': f'number {item} of many'}
    for name in ('material', 'thickness', 'date', 'd33', 'outcome'):
        if rng.random() < 0.08: del facets[name]
    return Measurement(identity_image(item), CHANNELS, (8e-9, 8e-9), facets, {'number': item},
                       'simulated', source=f'identity_{item:05}.ibw', sha256=f'{item:064x}')


def vectors_of(items: np.ndarray, width: int = 16) -> np.ndarray:
    "Vectors in nine clouds, the same for the same items"
    rng = np.random.default_rng(7)
    centres = 3 * rng.standard_normal((9, width))
    return np.stack([centres[n % 9] + np.random.default_rng(n).standard_normal(width) for n in items]).astype('f4')


def embed_synthetically(corpus: Corpus, numbers: np.ndarray, name: str = 'clouds', kind: str = 'given') -> None:
    "Vectors for all items of a corpus, as if somebody had brought them"
    held = corpus.snapshot.head
    replace_vectors(corpus.snapshot.ledger, name, {'kind': kind, 'encoder': kind, 'metric': 'euclidean'},
                    vectors_of(numbers), 'trial', numbering=held.numbering)
    corpus.changed()


def numbers_of(corpus: Corpus) -> np.ndarray:
    "The number of each item, from the name of its file"
    return np.array([int(file.split('_')[1].split('.')[0]) for file in corpus.values('file')])


def identity_corpus(folder: Path, count: int = 600, mapped: bool = True) -> Corpus:
    "Items whose pictures say who they are, with vectors and a map"
    corpus = create_corpus(folder, 'Identities')
    corpus.append([identity_measurement(n) for n in range(count)], 'trial')
    embed_synthetically(corpus, np.arange(count))
    if mapped: store_map(make_map(corpus, 'clouds', name='overview', method='pca'))
    return corpus


def hostile_measurement(item: int) -> Measurement:
    "An item whose every word is meant to do harm"
    word = HOSTILE[item % len(HOSTILE)]
    facets: dict[str, object] = {'material': word, 'notes': word, 'measured_by': HOSTILE[(item * 7) % len(HOSTILE)],
                                 'file': f'{item}{word[:200]}', 'outcome': 'success'}
    facets |= {'__proto__': f'word {item % 4}', 'constructor': item * 0.5, 'hasOwnProperty': word[:300],
               'wall_width': item * 1e-9, 'l' * 200: HOSTILE[item * 3 % len(HOSTILE)]}
    label = word[:60].replace('\u0000', '') or 'blank'
    channels = (Channel(label, '<b onclick=window.harmed=10>'), Channel('amplitude', 'm'))
    return Measurement(identity_image(item), channels, (8e-9, 8e-9), facets,
                       {word[:300] or 'k': {'<script>window.harmed=11</script>': word, 'deep': [word] * 3}},
                       'simulated', source=f'{item}.ibw', sha256=f'{item + 1_000_000:064x}')


def hostile_corpus(folder: Path, count: int = 3 * len(HOSTILE)) -> Corpus:
    "A corpus that would take over the page if words were taken for HTML"
    corpus = create_corpus(folder, '<img src=x onerror="window.harmed=12"> a title')
    corpus.define(Facet('wall_width', 'quantity', '<b>m', '<img src=x onerror="window.harmed=9">'))
    corpus.define(Facet('l' * 200, 'category', '', '</script><script>window.harmed=13</script>'))
    corpus.append([hostile_measurement(n) for n in range(count)], 'trial')
    embed_synthetically(corpus, np.arange(count), '<i onclick=x> vectors'.replace('/', ''))
    store_map(make_map(corpus, name='<b>map', method='pca'))
    return corpus
