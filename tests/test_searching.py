"Searching a corpus: ids, pictures and distances belong together, whatever happens to the corpus"
import re
import shutil
import types

import numpy as np
import pytest
from store_rules import quick_folder

import matnb.similarity.searching as room
from matnb.corpus.ledger import CorpusError
from matnb.corpus.measurement import Channel, Measurement
from matnb.corpus.snapshot import CorpusChanged
from matnb.corpus.store import create_corpus, open_corpus
from matnb.corpus.vectors import MissingVectors, extend_vectors, replace_vectors
from matnb.corpus.view import channel_picture
from matnb.similarity.embedding import embed
from matnb.similarity.searching import Box, Hits, find_like, order_by, search

CARD = {'kind': 'encoder', 'name': 'numbers', 'metric': 'euclidean'}
TABLE = np.random.default_rng(0).normal(size=(500, 6)).astype('f4')


@pytest.fixture
def place():
    "A folder for a test"
    with quick_folder() as path: yield path


def scan(number):
    "A scan whose pixels tell its number, in a size of its own"
    image = np.random.default_rng(number).normal(size=(1, 12, 12 + number % 3)).astype('f4')
    image[0, 0, 0] = number
    return Measurement(image, (Channel('height', 'nm'),), (1e-9, 1e-9),
                       {'material': 'abc'[number % 3], 'sample': f'<b>{number % 7}</b>'}, source=f'{number}.npy')


def number_of(item): return int(item.image[0, 0, 0])


def give_vectors(corpus, name='numbers', card=CARD):
    "The vectors of all items that have none"
    start = corpus.vector_sets[name].length if name in corpus.vector_sets else 0
    every = range(start, corpus.snapshot.head.items)
    rows = np.stack([TABLE[int(corpus.snapshot.image(p)[0, 0, 0])] for p in every]) if every else np.empty((0, 6))
    extend_vectors(corpus.snapshot.ledger, name, card, start, rows.astype('f4'),
                   numbering=corpus.snapshot.head.numbering)
    corpus.refresh()


def filled(path, count):
    corpus = create_corpus(path)
    corpus.append([scan(n) for n in range(count)])
    give_vectors(corpus)
    return corpus


def check(hits, view, like):
    "Ids, pictures, distances, order and completeness, from the pixels alone"
    numbers = {item.id: number_of(item) for item in view}
    asked = [number_of(item) for item in like]
    left = {i: min(float(np.linalg.norm(TABLE[n] - TABLE[a])) for a in asked) for i, n in numbers.items()
            if n not in asked}
    assert set(hits.ids) <= set(left) and len(set(hits.ids)) == len(hits) == min(hits.wanted, len(left))
    assert np.allclose(hits.distances, [left[i] for i in hits.ids], rtol=1e-5)
    assert np.allclose(hits.distances, sorted(left.values())[:len(hits)], rtol=1e-5)
    assert hits.view.ids().tolist() == hits.ids == hits.to_frame().index.tolist() == [h.id for h in hits]
    assert [number_of(item) for item in hits.view] == [numbers[i] for i in hits.ids]
    shown = re.findall(r'src="([^"]+)"', hits._repr_html_())[len(like):]
    true = [re.search(r'src="([^"]+)"', channel_picture(view[i], 0, 92, '').html).group(1) for i in hits.ids]
    assert shown == true, 'each picture is that of its item'


def looked(view, like, count):
    hits = search(view, like, count=count)
    hits.wanted = count
    return hits


@pytest.mark.parametrize('seed', range(4))
def test_random_lives_of_a_corpus(place, seed):
    rng = np.random.default_rng(seed)
    corpus, next_one = filled(place/'corpus', 30), 30
    for _ in range(12):
        deed = rng.choice(['append', 'delete', 'compact', 'restore', 'reopen', 'replace'])
        if deed == 'append':
            corpus.append([scan(n) for n in range(next_one, next_one + 5)])
            next_one += 5
            give_vectors(corpus)
        if deed == 'delete' and len(corpus) > 15: corpus.delete(rng.choice(corpus.ids(), 4, replace=False).tolist())
        if deed == 'compact': corpus.compact()
        if deed == 'reopen': corpus = open_corpus(corpus.path)
        if deed == 'replace':
            rows = corpus.snapshot.head.items
            replace_vectors(corpus.snapshot.ledger, 'numbers', CARD, np.stack(
                [TABLE[int(corpus.snapshot.image(p)[0, 0, 0])] for p in range(rows)]),
                numbering=corpus.snapshot.head.numbering)
            corpus.refresh()
        view = [corpus, corpus.where(material=['a', 'b']), corpus[rng.permutation(len(corpus))[:9]]][rng.integers(3)]
        like = [corpus[int(n)] for n in rng.choice(len(corpus), rng.integers(1, 4), replace=False)]
        check(looked(view, like, int(rng.integers(1, 14))), view, like)
        check(looked(view, [i.id for i in like], 5), view, like)
        check(looked(view, 0, 5), view, [view[0]])


def test_hits_stay_what_they_were(place):
    corpus = filled(place/'corpus', 40)
    hits = search(corpus, 3, count=6)
    ids, numbers = list(hits.ids), [number_of(i) for i in hits.view]
    corpus.delete([ids[1]])
    corpus.append([scan(n) for n in range(40, 50)])
    assert hits.ids == ids == hits.view.ids().tolist() and [number_of(i) for i in hits.view] == numbers
    corpus.compact()
    try: assert [number_of(i) for i in hits.view] == numbers
    except CorpusChanged as e: assert 'compacted' in str(e)
    give_vectors(corpus)
    again = search(corpus, ids[0], count=6)
    assert ids[1] not in again.ids and again.ids[0] != ids[0]


def test_items_of_an_older_view_are_found_by_id(place):
    corpus = filled(place/'corpus', 30)
    item = open_corpus(corpus.path)[20]
    assert len(item.id) == 16  # read while its view still held
    corpus.delete(corpus.ids()[:5].tolist())
    corpus.compact()
    hits = search(corpus, item, count=4)
    hits.wanted = 4
    check(hits, corpus, [corpus[item.id]])
    gone = corpus[7].id
    corpus.delete([gone])
    with pytest.raises(KeyError, match=f'{gone}.*deleted'): search(corpus, gone)
    with pytest.raises(KeyError, match='no item'): search(corpus, '0' * 16)


def test_the_example_need_not_be_in_the_view(place):
    corpus = filled(place/'corpus', 30)
    view = corpus.where(material='a')
    hits = looked(view, corpus.where(material='b')[2], 50)
    check(hits, view, [corpus.where(material='b')[2]])
    assert len(hits) == len(view) and 'of 10 items' in repr(hits)
    assert len(search(view[[]], corpus[3])) == 0 and '0 of 0' in repr(search(view[[]], corpus[3]))
    assert search(corpus[[0]], 0).ids == []


def test_missing_vectors(place):
    corpus = filled(place/'corpus', 20)
    corpus.append([scan(n) for n in range(20, 26)])
    with pytest.raises(MissingVectors, match='6 of 26 items'): search(corpus, 0)
    hits = search(corpus, 0, missing='nan', count=50)
    assert len(hits) == 19
    assert len(search(corpus[:20], 0, count=50)) == 19
    with pytest.raises(ValueError, match='missing='): search(corpus, 0, missing='perhaps')
    with pytest.raises(MissingVectors, match='other'): search(corpus, 0, vectors='other')
    plain = create_corpus(place/'plain')
    plain.append([scan(1)])
    with pytest.raises(MissingVectors, match='embed'): search(plain, 0)


def test_which_vectors(place):
    corpus = filled(place/'corpus', 20)
    ledger, numbering = corpus.snapshot.ledger, corpus.snapshot.head.numbering
    rows = np.random.default_rng(1).normal(size=(20, 2)).astype('f4')
    replace_vectors(ledger, 'a map', {'kind': 'map'}, rows, numbering=numbering)
    corpus.refresh()
    assert search(corpus, 0).asked.vectors == 'numbers', 'a map is not meant unless it is named'
    on_map = search(corpus, 0, vectors='a map', count=3)
    assert on_map.asked.metric == 'euclidean'
    assert np.allclose(on_map.distances, np.sort(np.linalg.norm(rows - rows[0], axis=1))[1:4], rtol=1e-5)
    replace_vectors(ledger, 'more', {'kind': 'encoder', 'metric': 'cosine'}, rows, numbering=numbering)
    replace_vectors(ledger, 'more windows', {'kind': 'encoder'}, rows[:, None], numbering=numbering)
    corpus.refresh()
    with pytest.raises(ValueError, match="'numbers' or vectors='more'"): search(corpus, 0)
    assert search(corpus, 0, vectors='more').asked.metric == 'cosine'
    with pytest.raises(ValueError, match='regions=True'): search(corpus, 0, vectors='more windows')


def test_rows_of_nan_are_never_found(place):
    corpus = create_corpus(place/'corpus')
    corpus.append([scan(n) for n in range(12)])
    rows = TABLE[:12].copy()
    rows[[2, 5]] = np.nan
    extend_vectors(corpus.snapshot.ledger, 'numbers', CARD, 0, rows, numbering=corpus.snapshot.head.numbering)
    corpus.refresh()
    hits = search(corpus, 0, count=20)
    assert len(hits) == 9 and not {corpus[2].id, corpus[5].id} & set(hits.ids)
    with pytest.raises(ValueError, match=corpus[2].id): search(corpus, 2)


def test_unlike_puts_what_looks_like_it_back(place):
    corpus = create_corpus(place/'corpus')
    corpus.append([scan(n) for n in range(60)])
    rng = np.random.default_rng(0)
    kind = np.arange(60) % 3
    rows = np.array([[0, 0], [1, 0.2], [9, 9]])[kind] + 0.3 * rng.normal(size=(60, 2))
    extend_vectors(corpus.snapshot.ledger, 'numbers', CARD, 0, rows.astype('f4'),
                   numbering=corpus.snapshot.head.numbering)
    corpus.refresh()
    place_of = {i: n for n, i in enumerate(corpus.ids().tolist())}

    def unwanted(hits): return sum(kind[place_of[i]] == 1 for i in hits.ids)

    without, told = search(corpus, 0, count=19), search(corpus, 0, unlike=[1, 4], count=19)
    assert unwanted(told) < unwanted(without) / 2 and not {corpus[1].id, corpus[4].id} & set(told.ids)
    every = search(corpus, 0, unlike=1, count=60)
    assert len(every) == 58 and (every.distances == np.float32([h.distance for h in every])).all()
    assert 'from unlike' in every.to_frame() and 'unlike item' in repr(every)
    near = [h.distance for h in every if h.distance <= h.unlike]
    assert len(near) > 10 and (np.diff(near) >= 0).all(), 'what is nearer to the liked example keeps its order'
    order = order_by(every.distances, np.array([h.unlike for h in every]))
    assert (np.diff(order) >= 0).all()


def test_order_by_is_continuous_and_never_nan():
    liked, unliked = np.meshgrid(np.linspace(0, 2, 41), np.linspace(0, 2, 41))
    place = order_by(liked, unliked)
    assert not np.isnan(place).any() and (place >= liked).all()
    assert (place[unliked >= liked] == liked[unliked >= liked]).all()
    assert np.isinf(order_by(np.array([0.5]), np.array([0.0]))).all() and order_by(np.zeros(1), np.zeros(1)) == 0
    assert (order_by(np.ones(3), np.full(3, np.inf)) == 1).all()


@pytest.mark.parametrize('exact', [True, False])
def test_nothing_is_missed_however_little_is_fetched_first(exact):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(900, 5)).astype('f4')
    near = room.Neighbours(vectors, 'euclidean')
    for count in (1, 7, 100, 900):
        like, unlike = rng.normal(size=(2, 5)), rng.normal(size=(3, 5))
        mask = np.flatnonzero(rng.random(900) < 0.4) if exact else None
        found = find_like(near, like, unlike, count, mask, [3, 4, 5])
        rows = np.setdiff1d(np.arange(900) if mask is None else mask, [3, 4, 5])
        liked, unliked = (np.linalg.norm(vectors[rows][:, None] - some, axis=2).min(1) for some in (like, unlike))
        want = rows[np.lexsort((rows, order_by(liked, unliked)))][:count]
        assert (found.rows == want).all()


# --- Pictures, boxes, files

@pytest.fixture(scope='module')
def stripes():
    "Stripes of several widths with spectral vectors"
    def one(n):
        y, x = np.mgrid[:64, :64]
        image = 5 * np.sin((x * np.cos(n) + y * np.sin(n)) * 2 * np.pi / (4 + n % 9)) + np.random.default_rng(n).normal(
            size=(64, 64))
        return Measurement(image[None].astype('f4'), (Channel('amplitude', 'pm'),), (2e-8, 2e-8),
                           {'material': '<script>alert(1)</script>'}, source=f'{n}.npy')
    with quick_folder() as path:
        corpus = create_corpus(path/'stripes', 'Stripes <i>')
        corpus.append([one(n) for n in range(45)])
        yield embed(corpus, 'spectral', progress=False)


def test_uploaded_images(stripes, place):
    item = stripes[11]
    np.save(place/'scan.npy', item.image[0])
    given = Measurement(item.image, item.channels, item.pixel_size)
    for asked in (item.image, item.image[0], given, place/'scan.npy', str(place/'scan.npy')):
        options = {'pixel_size': item.pixel_size} if isinstance(asked, np.ndarray) else {}
        hits = search(stripes, asked, count=3, **options)
        assert hits.ids[0] == item.id, 'it is in the corpus, but was not given as an item, so it is found'
        assert hits.distances[0] < 0.05 * hits.distances[1]
        assert hits._repr_html_().count('<img') == 4
    with pytest.raises(ValueError, match='nothing.tif'): search(stripes, place/'nothing.tif')
    with pytest.raises(ValueError, match='channels'): search(stripes, np.ones((4, 20, 20)))


def test_boxes(stripes):
    for angle in (0, 37):
        hits = search(stripes, Box(stripes[2], 30, 30, 40, angle), count=6)
        assert stripes[2].id not in hits.ids and hits.asked.like[0].window.angle == angle
        assert 'a part of item' in repr(hits) and len({h.id for h in hits}) == 6
        assert hits._repr_html_().count('<img') == 7
    assert stripes[2].id in search(stripes, Box(stripes[2].image, 30, 30, 40), count=45).ids, 'not given as an item'
    with pytest.raises(ValueError): search(stripes, Box(2, 500, 30, 40))


def test_what_is_shown_is_escaped(stripes):
    page = search(stripes, [0, 1], unlike=2)._repr_html_()
    assert '<script' not in page and '<i>' not in page
    assert all(re.search(r'alt="[^"]{4,}"', tag) for tag in re.findall('<img[^>]*>', page))


def test_regions_and_reasons_are_asked_elsewhere(stripes, monkeypatch):
    asked = {}

    def search_regions(corpus, like, **options):
        asked.update(options, like=like)
        return 'regions'

    def compare_pictures(a, b, *scales, **names): return a.shape, b.shape, scales, names

    rooms = {'matnb.similarity.regions': types.SimpleNamespace(search_regions=search_regions),
             'matnb.similarity.likeness': types.SimpleNamespace(compare_pictures=compare_pictures)}
    monkeypatch.setattr(room, 'import_module', rooms.__getitem__)
    box = Box(1, 30, 30, 40, any_scale=True)
    assert search(stripes, box, count=3) == 'regions' and asked['like'] == [box] and asked['count'] == 3
    assert search(stripes, 0, regions=True, unlike=2) == 'regions' and asked['unlike'] == [2]
    hits = search(stripes, [0, Box(1, 30, 30, 40)], count=3)
    a, b, scales, names = hits.why(1)
    assert a[1:] in ((64, 64), (40, 40)) and b[1:] == (64, 64) and len(names['channels_a']) == a[0]
    assert scales[1] == (2e-8, 2e-8) and np.allclose(scales[0], 2e-8) and len(names['channels_b']) == b[0]


def test_strange_questions(stripes):
    for like, words in [([], 'at least one'), ((), 'at least one'), (None, 'at least one')]:
        with pytest.raises(ValueError, match=words): search(stripes, like)
    with pytest.raises(ValueError, match='at least 1'): search(stripes, 0, count=0)
    with pytest.raises(IndexError): search(stripes, 45)
    assert search(stripes, -1).asked.like[0].what.id == stripes[44].id
    assert isinstance(search(stripes, search(stripes, 0, count=2)[:1]), Hits)
    again = search(stripes, search(stripes, 0, count=2), count=4)
    assert len(again.asked.like) == 2


def test_vectors_are_kept_for_the_next_question(place):
    corpus = filled(place/'corpus', 20)
    held = corpus.vector_sets['numbers']
    first = room.neighbours_of(corpus, held)
    assert room.neighbours_of(corpus[[1, 2]], held) is first
    assert np.shares_memory(first.points.vectors, corpus.vectors('numbers')), 'used as they lie in the corpus'
    corpus.append([scan(20)])
    give_vectors(corpus)
    second = room.neighbours_of(corpus, corpus.vector_sets['numbers'])
    assert second is not first and len(second) == 21
    other = filled(place/'other', 5)
    assert len(room.neighbours_of(other, other.vector_sets['numbers'])) == 5
    assert len(room._HELD) <= room.MOST_HELD


def test_an_approximate_search_says_so(place, capsys):
    corpus = filled(place/'corpus', 300)
    hits = search(corpus, 0, exact=False, count=5)
    assert 'approximate with recall' in repr(hits) and 'approximate search among 300' in capsys.readouterr().out
    assert 'approximate' not in repr(search(corpus, 0, exact=True))


def test_a_corpus_of_other_vectors_at_the_same_place(place):
    corpus = filled(place/'corpus', 20)
    search(corpus, 0)
    shutil.rmtree(place/'corpus')
    fresh = create_corpus(place/'corpus')
    fresh.append([scan(n) for n in range(100, 120)])
    give_vectors(fresh)
    check(looked(fresh, 0, 5), fresh, [fresh[0]])


def test_errors_of_the_corpus_come_through(place):
    corpus = filled(place/'corpus', 20)
    other = open_corpus(corpus.path)
    other.drop_vectors('numbers')
    room._HELD.clear()
    with pytest.raises(CorpusError, match='numbers'): search(corpus, 0)
