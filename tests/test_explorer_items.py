"What the explorer's page is told of items: thumbnails, cards, planes, neighbours, words, and what it writes back"
import io
import json
import random
import threading
import time

import numpy as np
import pytest
from explorer_corpora import (
    HOSTILE,
    Identity,
    embed_synthetically,
    hostile_corpus,
    identity_corpus,
    identity_image,
    read_identity,
)
from PIL import Image

import matnb
from matnb.corpus.facets import Facet
from matnb.corpus.measurement import Channel, Measurement
from matnb.corpus.store import create_corpus, open_corpus
from matnb.corpus.vectors import replace_vectors
from matnb.explorer import noting, thumbnails
from matnb.explorer.alike import distances_from
from matnb.explorer.noting import count_tags, read_tags, tag_items, untag_items
from matnb.explorer.scene import Scene
from matnb.explorer.talk import Talk
from matnb.similarity.embedding import embed
from matnb.similarity.encoders import encoder
from matnb.similarity.neighbours import Neighbours, far_apart
from matnb.similarity.paths import Path as Walk
from matnb.similarity.regions import Windows
from matnb.similarity.searching import search

HEIGHT, PHASE = Channel('height', 'm'), Channel('phase', 'deg')


class Page:
    "What a page would be: asks, and keeps what it is told"

    def __init__(self, scene):
        self.scene, self.told, self.number = scene, [], 0
        self.talk = Talk(scene, lambda message, buffers: self.told.append((message, buffers)))

    def ask(self, kind, **body):
        "An answer and its buffers, once it is there; it can always be JSON"
        self.number += 1
        self.talk.hear({'kind': kind, 'ask': self.number, 'edition': self.scene.edition, **body})
        end = time.monotonic() + 60
        while time.monotonic() < end:
            for message, buffers in self.told:
                if message.get('ask') != self.number: continue
                json.dumps(message, allow_nan=False)
                assert all(isinstance(b, bytes) for b in buffers)
                return message, buffers
            time.sleep(0.01)
        raise AssertionError(f'{kind} was never answered')

    def body(self, kind, **body):
        "An answer that is no refusal"
        message, buffers = self.ask(kind, **body)
        assert message['kind'] == kind, message
        return message, buffers

    def refused(self, kind, **body):
        "In which words a question is refused"
        message, buffers = self.ask(kind, **body)
        assert message['kind'] == 'refused' and not buffers, message
        assert 'Traceback' not in message['said'] and len(message['said']) > 8
        return message['said']


def pixels(png):
    picture = Image.open(io.BytesIO(png))
    assert picture.mode == 'L' and picture.format == 'PNG'
    return np.asarray(picture)


def odd_measurements():
    "Scans as they come: shapes, types, channels, scales and holes of many kinds"
    rng = np.random.default_rng(2)
    surface = rng.normal(size=(96, 120)).cumsum(0).cumsum(1).astype('f4')
    holes = surface.copy()
    holes[30:] = np.nan
    spikes = surface.copy()
    spikes[3, 4], spikes[5, 6] = np.inf, -np.inf
    return [
        Measurement(surface[None] * 1e-9, (HEIGHT,), (1e-9, 1e-9), {'material': 'square'}),
        Measurement(surface[None, ::2] * 1e-9, (HEIGHT,), (2e-9, 1e-9), {'material': 'tall pixels'}),
        Measurement(np.stack([holes, holes % 360]), (HEIGHT, PHASE), None, {'material': 'broken off'}),
        Measurement(spikes[None], (Channel('phase', 'rad'),), (1e-9, 1e-9), {'material': 'spikes'}),
        Measurement(np.full((1, 9, 7), np.nan, 'f4'), (PHASE,), (1e-9, 1e-9), {'material': 'nothing measured'}),
        Measurement(np.full((1, 40, 40), 7, 'u2'), (Channel('image'),), None, {'material': 'flat'}),
        Measurement(np.ones((1, 1, 1), 'f8'), (HEIGHT,), (1e-9, 1e-9), {'material': 'one point'}),
        Measurement(np.arange(5000, dtype='i4').reshape(1, 1, 5000), (HEIGHT,), (1e-9, 1e-9), {'material': 'a line'}),
        Measurement(surface[None] * np.float64(1e-150), (HEIGHT,), (1e-9, 1e-9), {'material': 'tiny'}, {}, 'simulated'),
        Measurement(np.stack([surface, surface + 1]).astype('f2'), (Channel('height', 'm', 'trace'), Channel(
            'height', 'm', 'retrace')), (1e-9, 1e-9), {'material': 'both ways'})]


@pytest.fixture
def odd(tmp_path):
    "A scene of odd scans; the last has no vector, the one before a vector of NaN"
    corpus = create_corpus(tmp_path/'odd', 'Odd scans')
    made = odd_measurements()
    corpus.append(made)
    vectors = np.random.default_rng(4).normal(size=(len(made) - 1, 8)).astype('f4')
    vectors[-1] = np.nan
    card = {'kind': 'given', 'encoder': 'given', 'metric': 'cosine'}
    replace_vectors(corpus.snapshot.ledger, 'given', card, vectors, numbering=corpus.snapshot.head.numbering)
    corpus.changed()
    return Page(Scene(Walk.begin(corpus)))


@pytest.fixture
def clouds(tmp_path):
    "A scene of 120 items whose pictures say which one they are"
    return Page(Scene(Walk.begin(identity_corpus(tmp_path/'identities', 120), on='overview')))


# --- Thumbnails

def test_every_kind_of_scan_has_a_picture_with_its_true_proportions(odd):
    told, pngs = odd.body('thumbnails', rows=list(range(10)), channel='', size=60)
    shapes = [pixels(png).shape for png in pngs]
    assert [tuple(s) for s in told['shapes']] == shapes and not told['failed']
    assert shapes == [(48, 60), (48, 60), (48, 60), (48, 60), (9, 7), (40, 40), (1, 1), (1, 60), (48, 60), (48, 60)]
    broken, nothing, flat = (pixels(pngs[n]) for n in (2, 4, 5))
    assert (broken[:14] > 0).all() and (broken[16:] == 0).all() and (nothing == 0).all() and (flat == 128).all()
    assert np.ptp(pixels(pngs[8])) > 200, 'numbers far below the range of single precision have contrast'
    assert told['widths'][:2] == pytest.approx([120e-9, 120e-9]) and told['widths'][2] is None


def test_pictures_say_what_they_show(odd):
    told, _ = odd.body('thumbnails', rows=[9, 8, 3], channel='height', size=32)
    assert told['channels'] == ['height trace', 'height', 'phase']
    assert told['labels'] == ['both ways', 'tiny (simulated)', 'spikes; no height, this is its phase']
    assert told['alts'][1].endswith('tiny (simulated)') and told['alts'][2].startswith('phase of item ')
    told, _ = odd.body('thumbnails', rows=[9], channel='height retrace', size=32)
    assert told['channels'] == ['height retrace'] and told['labels'] == ['both ways']
    asked_by_nothing, _ = odd.body('thumbnails', rows=[3], channel='', size=32)
    assert asked_by_nothing['labels'] == ['phase: spikes']


@pytest.mark.parametrize('low, high', [(-90, 90), (0, 180), (-170, 10), (200, 340), (-90, 200)])
def test_domains_that_are_brighter_stay_brighter(tmp_path, low, high):
    "The cut of the circle turns no contrast over: the code in the phase can be read"
    corpus = create_corpus(tmp_path/'phases')
    fields = np.where(identity_image(77)[0] > 0, high, low) + np.random.default_rng(0).normal(size=(64, 64))
    corpus.append([Measurement(fields[None].astype(kind), (PHASE,)) for kind in ('f4', 'f2', 'f8')])
    embed_synthetically(corpus, np.arange(3))
    _, pngs = Page(Scene(Walk.begin(corpus))).body('thumbnails', rows=[0, 1, 2], channel='phase', size=64)
    assert [read_identity(pixels(png)) for png in pngs] == [Identity(77, 0)] * 3


def test_a_damaged_image_fails_alone_and_is_shown_once_it_is_mended(clouds):
    file = next(f for f in (clouds.scene.corpus.path/'image_0').rglob('*') if f.is_file() and f.stat().st_size > 9000)
    before = file.read_bytes()
    stride = clouds.scene.corpus.snapshot.images[0].spec.row_bytes
    octets = bytearray(before)
    octets[3 * stride + 100] ^= 1
    file.write_bytes(octets)
    page = Page(Scene(Walk.begin(open_corpus(clouds.scene.corpus.path), on='overview')))
    told, pngs = page.body('thumbnails', rows=[2, 3, 4], channel='height', size=40)
    assert list(told['failed']) == ['3'] and 'identity_00003.ibw' in told['failed']['3']
    assert [bool(png) for png in pngs] == [True, False, True] and told['shapes'][1] == (0, 0)
    assert 'cannot be shown' in told['alts'][1] and 'cannot be shown' in told['labels'][1]
    assert read_identity(pixels(pngs[0])) == Identity(2, 0) and read_identity(pixels(pngs[2])) == Identity(4, 0)
    assert 'not what was written' in page.refused('plane', row=3, channel='height', most=64)
    card, _ = page.body('card', row=3)
    assert 'not what was written' in card['trouble'] and card['channels'][0]['low'] is None
    file.write_bytes(before)
    page = Page(Scene(Walk.begin(open_corpus(clouds.scene.corpus.path), on='overview')))
    told, pngs = page.body('thumbnails', rows=[3], channel='height', size=40)
    assert not told['failed'] and read_identity(pixels(pngs[0])) == Identity(3, 0)


def test_a_missing_file_of_pixels_is_said_in_words(clouds):
    path = clouds.scene.corpus.path
    for file in (path/'image_0').rglob('*'):
        if file.is_file() and file.stat().st_size > 9000: file.unlink()
    page = Page(Scene(Walk.begin(open_corpus(path), on='overview')))
    told, pngs = page.body('thumbnails', rows=[0, 1], channel='', size=41)
    assert set(told['failed']) == {'0', '1'} and 'backup' in told['failed']['0'] and pngs == [b'', b'']


@pytest.mark.parametrize('seed', [1, 2])
def test_the_right_picture_whatever_happens_to_the_corpus(tmp_path, seed):
    "Deleted, restored, added, compacted, opened again: row r shows the item whose id is that of row r"
    rng = random.Random(seed)
    corpus = identity_corpus(tmp_path/'c', 60)
    owner = {str(i): n for n, i in enumerate(corpus.ids())}
    for _ in range(25):
        act = rng.choice(['delete', 'restore', 'compact', 'look', 'look'])
        held = corpus.ids().tolist()
        if act == 'delete' and len(held) > 20: corpus.delete(rng.sample(held, 4))
        if act == 'restore': corpus.restore([i for i in rng.sample(stored_ids(corpus), 5) if i not in held])
        if act == 'compact': corpus.compact()
        scene = Scene(Walk.begin(open_corpus(corpus.path), on='overview'))
        page, rows = Page(scene), [rng.randrange(len(scene)) for _ in range(12)]
        channel = rng.choice(['height', 'amplitude'])
        _, pngs = page.body('thumbnails', rows=rows, channel=channel, size=rng.choice([24, 40, 64]))
        for row, png in zip(rows, pngs, strict=True):
            assert read_identity(pixels(png)) == Identity(owner[scene.id(row)], channel == 'amplitude')
        card, _ = page.body('card', row=rows[0])
        assert card['id'] == scene.id(rows[0]) and card['metadata'] == {'number': str(owner[card['id']])}


def stored_ids(corpus):
    "Ids of all items that are not compacted away, deleted ones included"
    return [f'{n:016x}' for n in corpus.snapshot.column('item_id').tolist()]


def test_pictures_are_kept_within_a_number_of_bytes_also_when_many_ask_at_once(clouds):
    snapshot, kept = clouds.scene.items.snapshot, thumbnails.KeptThumbnails(room=40_000)
    wrong, rounds = [], [random.Random(n) for n in range(6)]

    def look(rng):
        for _ in range(60):
            at, size = rng.randrange(120), rng.choice([24, 40])
            seen = kept.get(snapshot, at, 'height', size)
            if read_identity(pixels(seen.png)) != Identity(at, 0) or seen.shape != (size, size): wrong.append(at)

    threads = [threading.Thread(target=look, args=(rng,)) for rng in rounds]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert not wrong and 0 < kept.used <= kept.room
    assert kept.used == sum(len(t.png) + 500 for t in kept._held.values())


def test_many_pictures_cost_little(clouds, measured):
    thumbnails.KEPT.__init__()
    for what in ('made', 'kept'):
        begin = time.process_time()
        _, pngs = clouds.body('thumbnails', rows=list(range(48)), channel='amplitude', size=96)
        measured(f'48 thumbnails of 64 x 64 points, {what}: {1000 * (time.process_time() - begin):.1f} ms CPU')
    assert len(pngs) == 48


# --- Cards and planes

def test_cards_of_odd_scans(odd):
    cards = [odd.body('card', row=row)[0] for row in range(10)]
    assert [c['shape'] for c in cards][:2] == [[96, 120], [48, 120]]
    assert cards[1]['pixel_size'] == [2e-9, 1e-9] or tuple(cards[1]['pixel_size']) == (2e-9, 1e-9)
    assert cards[2]['pixel_size'] is None and 'does not say' in cards[2]['size_said']
    assert cards[4]['channels'][0]['said'] == 'nothing was measured' and cards[4]['channels'][0]['least'] is None
    spread = cards[3]['channels'][0]
    assert spread['least'] < spread['low'] < spread['high'] < spread['greatest'] and np.isfinite(spread['greatest'])
    assert [c['simulated'] for c in cards] == [False] * 8 + [True, False] and '(simulated)' in cards[8]['alt']
    assert [c['vectors'] for c in cards][-2:] == [['given'], []]
    assert len(cards[9]['channels']) == 2 and cards[9]['channels'][1]['name'] == 'height retrace'


def test_words_of_a_card_are_plain_and_bounded(tmp_path):
    page = Page(Scene(Walk.begin(hostile_corpus(tmp_path/'hostile'), on='<b>map')))
    for row in range(0, len(page.scene), 3):
        card, _ = page.body('card', row=row)
        material = next((f['value'] for f in card['facets'] if f['name'] == 'material'), '')
        word = HOSTILE[row % len(HOSTILE)]
        written = json.dumps(card, ensure_ascii=False)
        assert len(written) < 60_000 and not set('\u202e\u0007\u001b') & set(written)
        if word.startswith('<') and len(word) < 100: assert material == word, 'as it is, neither escaped nor cut'
    told, _ = page.body('thumbnails', rows=list(range(20)), channel='nothing <b>', size=24)
    assert all('<b>' in label for label in told['labels'])


def test_huge_metadata_is_cut_and_says_so(tmp_path):
    corpus = create_corpus(tmp_path/'huge')
    metadata = {'flat': {f'key {n}': n for n in range(20_000)}, 'text': 'y' * 50_000, 'list': [{'a': [1, 2]}] * 500}
    corpus.append([Measurement(np.zeros((1, 4, 4), 'f4'), (HEIGHT,), metadata=metadata)])
    embed_synthetically(corpus, np.arange(1))
    card, _ = Page(Scene(Walk.begin(corpus))).body('card', row=0)
    assert len(json.dumps(card)) < 300_000 and 'more entries' in json.dumps(card['metadata'])
    assert card['metadata']['flat']['key 5'] == '5'


def test_planes_hold_the_numbers_of_the_scan(odd):
    for row, item in enumerate(odd.scene.items):
        for number, channel in enumerate(item.channels):
            told, (octets,) = odd.body('plane', row=row, channel=channel.key, most=2048)
            plane = np.frombuffer(octets, '<f4').reshape(told['shape'])
            stored = np.asarray(item.image[number], 'f8')
            if max(stored.shape) > 2048:
                assert told['shape'] == [1, 2048] and told['of'] == [1, 5000]
                continue
            known, period = np.isfinite(stored), told['period']
            off, size = plane[known] - stored[known], np.abs(stored[known]).max(initial=0)
            if period: off = (off + period / 2) % period - period / 2
            assert np.abs(off).max(initial=0) <= 2e-6 * size + (1e-4 if period else 1e-38)
            assert np.isfinite(plane[known]).all() and told['fits'] and told['unit'] == channel.unit
            assert told['low'] is None or told['least'] <= told['low'] <= told['high'] <= told['greatest']


def test_a_large_plane_is_averaged_over_areas(tmp_path):
    corpus = create_corpus(tmp_path/'large')
    rng = np.random.default_rng(8)
    image = rng.normal(size=(1, 512, 1024)).astype('f4')
    image[0, :8] = np.nan
    corpus.append([Measurement(image, (HEIGHT,), (2e-9, 1e-9))])
    embed_synthetically(corpus, np.arange(1))
    page = Page(Scene(Walk.begin(corpus)))
    told, (octets,) = page.body('plane', row=0, channel='height', most=256)
    plane = np.frombuffer(octets, '<f4').reshape(told['shape'])
    assert told['shape'] == [128, 256] and told['of'] == [512, 1024] and told['extent'] == pytest.approx([1024e-9] * 2)
    expected = image[0].reshape(128, 4, 256, 4).mean((1, 3))
    assert np.isnan(plane[:2]).all() and np.allclose(plane[2:], expected[2:], atol=1e-5)
    assert told['pixel_size'] == pytest.approx([8e-9, 4e-9])
    assert 'most' in page.refused('plane', row=0, channel='height', most=4096)


# --- Neighbours

def test_neighbours_are_those_of_a_search(clouds):
    corpus, scene = clouds.scene.corpus, clouds.scene
    for row in range(0, 120, 17):
        told, _ = clouds.body('near', row=row, count=9, vectors='clouds', within='all', unlike=[])
        hits = search(corpus, scene.id(row), vectors='clouds', count=9)
        assert [scene.id(r) for r in told['rows']] == hits.ids and told['distances'] == pytest.approx(hits.distances)
        told, _ = clouds.body('near', rows=[row, 3], unlike=[5], count=20, vectors='clouds')
        asked = search(corpus, [scene.id(row), scene.id(3)], unlike=scene.id(5), vectors='clouds', count=20)
        assert [scene.id(r) for r in told['rows']] == asked.ids
        assert 'clouds, euclidean distance' in told['said'] and 'not liked' in told['said']


def test_neighbours_within_a_step_and_in_a_scene_of_a_part(clouds):
    corpus = clouds.scene.corpus
    part = corpus[corpus.ids()[[90, 4, 33, 60, 11, 7, 101]].tolist()]
    page = Page(Scene(Walk.begin(part, 'clouds')))
    ids = [page.scene.id(r) for r in range(7)]
    told, _ = page.body('near', row=2, count=50, within='step')
    expected = search(part, ids[2], vectors='clouds', count=50)
    assert [ids[r] for r in told['rows']] == expected.ids and len(told['rows']) == 6
    assert page.body('near', row=2, count=50, within='all')[0]['rows'] == told['rows']
    _, (far,) = page.body('distances', row=2, vectors='clouds')
    far = np.frombuffer(far, '<f4')
    assert far[told['rows']] == pytest.approx(told['distances']) and far[2] == 0
    assert 'no step' in page.refused('near', row=2, count=5, within='step', step=77)


def test_many_neighbours_come_as_numbers(tmp_path):
    corpus = identity_corpus(tmp_path/'many', 1500, mapped=False)
    page = Page(Scene(Walk.begin(corpus)))
    told, (rows, far) = page.body('near', row=0, count=1400)
    rows, far = np.frombuffer(rows, '<u4'), np.frombuffer(far, '<f4')
    assert told['count'] == len(rows) == len(far) == 1400 and (np.diff(far) >= 0).all() and 0 not in rows


def test_items_without_vectors(odd):
    assert 'has no vector' in odd.refused('near', row=9, count=3)
    assert 'has no vector' in odd.refused('distances', row=8)
    told, _ = odd.body('near', row=0, count=50)
    assert sorted(told['rows']) == [1, 2, 3, 4, 5, 6, 7]
    _, (far,) = odd.body('distances', row=0)
    assert np.isnan(np.frombuffer(far, '<f4')).nonzero()[0].tolist() == [8, 9]
    assert 'no vectors' in odd.refused('near', row=0, count=3, vectors='other')
    assert 'given' in odd.body('why', row=0, other=9)[0]['said']


def test_one_item_and_items_that_are_all_the_same(tmp_path):
    corpus = create_corpus(tmp_path/'few')
    corpus.append([Measurement(np.full((1, 32, 32), n, 'f4'), (HEIGHT,)) for n in range(5)])
    card = {'kind': 'given', 'metric': 'euclidean'}
    replace_vectors(corpus.snapshot.ledger, 'same', card, np.ones((5, 3), 'f4'), numbering=0)
    corpus.changed()
    page = Page(Scene(Walk.begin(corpus)))
    told, _ = page.body('near', row=3, count=9)
    assert told['rows'] == [0, 1, 2, 4] and told['distances'] == [0] * 4
    alone = Page(Scene(Walk.begin(corpus[[2]])))
    assert alone.body('near', row=0, count=9)[0]['rows'] == []
    assert len(alone.body('why', row=0, other=0)[0]['lines']) >= 3


@pytest.mark.parametrize('metric', ['cosine', 'euclidean'])
def test_distances_of_everything_agree_with_careful_ones(metric):
    rng = np.random.default_rng(6)
    vectors = (rng.normal(size=(20_000, 48)) + 30).astype('f4')
    vectors[100:110] = vectors[7] * (1 + 1e-6 * np.arange(10)[:, None])
    vectors[11], vectors[12, 3] = np.nan, np.inf
    far, careful = distances_from(Neighbours(vectors, metric), vectors[7]), far_apart(vectors[7], vectors, metric)
    assert np.isnan(far[[11, 12]]).all() and far[7] == 0
    known = np.setdiff1d(np.arange(20_000), [11, 12])
    assert np.allclose(far[known], careful[known], rtol=2e-3, atol=2e-6)
    first = np.argsort(careful[known])[:1000]
    assert (far[known][first] == careful[known][first]).all(), 'the nearest as exactly as in a list of neighbours'


def test_a_part_of_an_image_without_vectors_of_parts(clouds):
    said = clouds.refused('near', row=0, box={'x': 30, 'y': 30, 'size': 20}, count=5, vectors='clouds')
    assert 'not made by an encoder' in said or 'encoder' in said
    for box in ({'x': 30, 'y': 300, 'size': 20}, {'x': 'a', 'y': 3, 'size': 20}, {'x': 3, 'y': 3, 'size': 1}, {}, []):
        assert 'box' in clouds.refused('near', row=0, box=box, count=5, vectors='clouds')


def test_reasons_for_large_images_are_looked_for_beside_the_page(tmp_path):
    corpus = create_corpus(tmp_path/'large')
    y, x = np.mgrid[:320, :320].astype('f4')
    corpus.append([Measurement(np.sin((x + n * y) / 9)[None], (HEIGHT,), (1e-9, 1e-9)) for n in range(2)])
    embed_synthetically(corpus, np.arange(2))
    page = Page(Scene(Walk.begin(corpus)))
    told, _ = page.body('why', row=0, other=1)
    assert any('nm' in line for line in told['lines']) and 'clouds, euclidean distance' in told['said']
    assert any(m['kind'] == 'working' for m, _ in page.told)


def test_a_part_of_an_image_is_found_where_it_lies(tmp_path):
    corpus = create_corpus(tmp_path/'parts')
    rng = np.random.default_rng(12)
    surface = rng.normal(size=(12, 96, 96)).astype('f4').cumsum(1).cumsum(2)
    made = [Measurement(image[None], (HEIGHT,), (2e-9, 2e-9)) for image in surface[:-1]]
    made.append(Measurement(surface[3, None, 20:68, 30:78].copy(), (HEIGHT,), (2e-9, 2e-9)))
    corpus.append(made)
    embed(corpus, encoder('spectral', side=48), name='spectral', progress=False)
    page = Page(Scene(Walk.begin(corpus)))
    box = {'x': 54, 'y': 44, 'size': 48, 'any_scale': True}
    told, _ = page.body('near', row=3, box=box, count=3, vectors='')
    assert 'whole images' in told['said'] and told['windows'] == [None] * 3 and told['rows'][0] == 11
    embed(corpus, encoder('spectral', side=48), name='spectral', windows=Windows((0.5, 1.0), (3, 1)), progress=False)
    page.scene.refresh()
    told, _ = page.body('near', row=11, box={'x': 24, 'y': 24, 'size': 44, 'any_scale': True}, count=4, vectors='')
    corners = np.array(told['windows'][told['rows'].index(3)]['corners'])
    assert told['rows'][0] == 3 and np.abs(corners.mean(0) * 96 - [54, 44]).max() < 4
    assert 'correlation' in told['distances_said'][0] and any(m['kind'] == 'working' for m, _ in page.told)
    lines = page.body('why', row=11, other=3, box={'x': 24, 'y': 24, 'size': 44})[0]['lines']
    assert any('the same place' in line and 'not the same' not in line for line in lines)


# --- Words and notes

def test_words_choose_what_a_search_chooses(clouds):
    for text in ('PbTiO3', 'pbti failed', 'number 17 of', 'person', 'zzz'):
        told, (octets,) = clouds.body('words', text=text)
        mask = np.unpackbits(np.frombuffer(octets, 'u1'), count=120, bitorder='little').astype(bool)
        chosen = {clouds.scene.id(r) for r in np.flatnonzero(mask).tolist()}
        assert chosen == set(clouds.scene.corpus.search(text).ids().tolist()) and told['count'] == len(chosen)


def test_what_is_written_is_told_to_every_page_and_found_again(clouds):
    other = Page(clouds.scene)
    told, _ = clouds.body('annotate', rows=[3, 1, 1], values={'notes': 'drift', 'outcome': 'failed', 'thickness': None},
                          tags={'add': ['for the paper', 'worn tip']}, why='seen on the map')
    assert told['changed'] >= 4 and '2 items' in told['said']
    for page in (clouds, other):
        news = [m for m, _ in page.told if m['kind'] == 'columns' and 'definitions' in m]
        assert {'notes', 'tags'} <= {f for m in news for f in m['facets']}
    card, _ = other.body('card', row=3)
    assert card['tags'] == ['for the paper', 'worn tip'] and card['notes'] == 'drift'
    assert {'seen on the map'} == {h['why'] for h in card['history']} and all(h['who'] for h in card['history'])
    assert other.body('words', text='worn drift')[0]['count'] == 2
    again = open_corpus(clouds.scene.corpus.path)
    assert again[card['id']].facets['outcome'] == 'failed' and 'thickness' not in again[card['id']].facets
    assert card['known_tags'] == ['for the paper', 'worn tip']
    clouds.body('annotate', rows=[3], tags={'remove': ['FOR the paper']})
    assert other.body('card', row=3)[0]['tags'] == ['worn tip']
    clouds.body('annotate', rows=[3], values={'tags': ' b, a,,A '})
    assert other.body('card', row=3)[0]['tags'] == ['a', 'b']
    clouds.body('annotate', rows=[3, 1], values={'tags': '', 'notes': ''})
    card, _ = other.body('card', row=3)
    assert not card['tags'] and not card['notes'] and not card['known_tags'] and card['history'][-1]['why'] == ''


def test_the_first_tag_of_a_corpus_makes_a_text_also_when_it_comes_as_a_value(odd):
    odd.body('annotate', rows=[0], values={'tags': 'b, a'})
    assert open_corpus(odd.scene.corpus.path).facets['tags'].kind == 'text'
    told, _ = odd.body('annotate', rows=[0], tags={'add': ['c']})
    assert told['said'].startswith('1 value of 1 item changed by')
    assert odd.body('card', row=0)[0]['tags'] == ['a', 'b', 'c']


def test_more_than_a_thousand_items_are_written_beside_the_page(tmp_path):
    page = Page(Scene(Walk.begin(identity_corpus(tmp_path/'many', 1100, mapped=False))))
    told, _ = page.body('annotate', rows=list(range(1100)), tags={'add': ['all']}, who='Ada')
    assert told['changed'] == 1100 and 'Ada' in told['said']
    assert any(m['kind'] == 'working' for m, _ in page.told) and count_tags(page.scene.corpus) == {'all': 1100}


def test_a_wrong_value_changes_nothing(clouds):
    before = clouds.scene.corpus.snapshot.last_change
    for values in ({'thickness': 'thick'}, {'origin': 'measured'}, {'notes': {'a': 1}}, {'thicknes': 3},
                   {'date': 'soon'}):
        clouds.refused('annotate', rows=[0, 1], values={'notes': 'n', **values})
    clouds.refused('annotate', rows=[0, 500], values={'notes': 'n'})
    clouds.refused('annotate', rows=[0], tags={'add': ['na']})
    assert open_corpus(clouds.scene.corpus.path).snapshot.last_change == before


def test_a_published_corpus_is_not_written_to(clouds, tmp_path, monkeypatch):
    public = clouds.scene.corpus.publish(tmp_path/'public').path
    monkeypatch.setattr('matnb.corpus.ledger.may_write', lambda path: False)     # root may write anywhere
    page = Page(Scene(Walk.begin(open_corpus(public), on='overview')))
    for body in ({'tags': {'add': ['mine']}}, {'values': {'notes': 'mine'}}):
        said = page.refused('annotate', rows=[0], **body)
        assert 'read but not changed' in said and 'opy it' in said
    assert page.body('thumbnails', rows=[0], channel='', size=24)[1][0]


def test_tags_of_many_items(clouds):
    corpus = clouds.scene.corpus
    ids = corpus.ids().tolist()
    assert tag_items(corpus, ids, 'b, a') == 120 and tag_items(corpus, ids[:50], ['c', 'A']) == 50
    assert count_tags(corpus) == {'a': 120, 'b': 120, 'c': 50}
    assert untag_items(corpus, ids[40:], 'a, b, c') == 80 and count_tags(corpus) == {'a': 40, 'b': 40, 'c': 40}
    assert corpus.facets['tags'].kind == 'text' and read_tags('c,b , C') == ('b', 'c')
    with pytest.raises(KeyError): tag_items(corpus, ['0' * 16], 'x')


def test_tags_in_a_facet_that_was_a_category(tmp_path):
    corpus = create_corpus(tmp_path/'c')
    corpus.append([Measurement(np.zeros((1, 4, 4), 'f4'), (HEIGHT,), facets={'tags': 'old'})])
    assert tag_items(corpus, corpus.ids().tolist(), 'new') == 1 and corpus[0].facets['tags'] == 'new, old'
    corpus.define(Facet('shade', 'category'))


def test_many_texts_are_searched_beside_the_page_with_the_same_result(tmp_path, monkeypatch):
    corpus = identity_corpus(tmp_path/'many', 300, mapped=False)
    page = Page(Scene(Walk.begin(corpus)))
    texts = ('number 1', 'PbTiO3 person', 'many of', 'nowhere', 'S1 SUCCESS')
    before = [page.ask('words', text=text) for text in texts]
    assert not any(m['kind'] == 'working' for m, _ in page.told)
    monkeypatch.setattr(noting, 'AT_ONCE_WORDS', 10)
    monkeypatch.setattr(noting, 'PIECE', 7)
    after = [page.ask('words', text=text) for text in texts]
    assert [(m | {'ask': 0}, b) for m, b in after] == [(m | {'ask': 0}, b) for m, b in before]
    for text, (told, (bits,)) in zip(texts, before, strict=True):
        mask = np.unpackbits(np.frombuffer(bits, 'u1'), bitorder='little', count=300).astype(bool)
        assert corpus.ids()[mask].tolist() == corpus.search(text).ids().tolist() and told['count'] == mask.sum()
    said = [m['said'] for m, _ in page.told if m['kind'] == 'working']
    assert any('looking for “number 1” in' in words for words in said)


def test_tags_go_to_whatever_names_items(tmp_path):
    corpus = identity_corpus(tmp_path/'tagged', 30, mapped=False)
    ids = corpus.ids().tolist()
    scene = Scene(Walk.begin(corpus))
    given = {'a': ids[0], 'b': corpus[1], 'c': corpus[2:4], 'd': [corpus[4], corpus[5]],
             'e': scene.selection.set(ids[6:9]), 'f': corpus[9:11].to_frame(), 'g': iter(ids[11:13])}
    for tag, items in given.items(): assert matnb.tag_items(corpus, items, tag, who='ada', why='trial') > 0, tag
    assert matnb.count_tags(corpus) == {'e': 3, 'c': 2, 'd': 2, 'f': 2, 'g': 2, 'a': 1, 'b': 1}
    assert matnb.untag_items(corpus, ids[0], 'a') == 1 and 'a' not in matnb.count_tags(corpus)
    last = corpus[1].history()[-1]
    assert (last.who, last.why) == ('ada', 'trial')
    for wrong, words in ((['0' * 16], "no item '0000000000000000'"), (['nope'], "'nope' is not an id"),
                         (3, '3 does not say')):
        with pytest.raises((KeyError, ValueError), match=words): matnb.tag_items(corpus, wrong, 'x')
    with pytest.raises(KeyError, match="no item 'nope' among these 30"): corpus[['nope']]


# --- Whatever is asked

KINDS = ('thumbnails', 'card', 'plane', 'near', 'why', 'distances', 'words', 'annotate')
FIELDS = ('row', 'rows', 'other', 'channel', 'size', 'most', 'count', 'vectors', 'within', 'unlike', 'box', 'text',
          'values', 'tags', 'why', 'who', 'step', 'with_examples')


def any_value(rng, depth=0):
    plain = [None, True, -1, 0, 1, 5, 119, 120, 2**60, 1.5, -1e300, '', 'height', 'clouds', 'all', 'step', 'x' * 3000,
             '\u202e', 'notes', 'phase']
    if depth > 2 or rng.random() < 0.7: return rng.choice(plain)
    if rng.random() < 0.5: return [any_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(['x', 'y', 'size', 'add', 'remove', 'notes', 'tags', '__proto__']): any_value(rng, depth + 1)
            for _ in range(rng.randrange(4))}


@pytest.mark.parametrize('seed', range(4))
def test_anything_is_answered_or_refused_in_words(clouds, seed):
    "No question raises in the kernel, and a refusal is for people"
    rng, answered = random.Random(seed), 0
    good = {'row': 3, 'rows': [1, 2], 'other': 5, 'channel': 'height', 'size': 32, 'most': 64, 'count': 4, 'text': 'of'}
    for _ in range(150):
        body = {name: any_value(rng) if rng.random() < 0.4 else good.get(name) for name in FIELDS if rng.random() < 0.6}
        body = {name: value for name, value in body.items() if value is not None or rng.random() < 0.2}
        message, _ = clouds.ask(rng.choice(KINDS), **body)
        if message['kind'] != 'refused':
            answered += 1
            continue
        said = message['said']
        assert 8 < len(said) < 2001 and 'Traceback' not in said and 'could not do this' not in said, (body, said)
    assert answered > 5
