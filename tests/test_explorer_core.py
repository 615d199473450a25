"The explorer's Python beside its page: choosing both ways, steps, renewal, hostile messages"
import copy
import gc
import json
import logging
import math
import pickle
import time
import weakref

import numpy as np
import pytest
from front_page import FrontPage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import matnb
from matnb.corpus.ledger import CorpusError
from matnb.explorer import walking
from matnb.explorer.columns import mask_of, mask_text, pack_column
from matnb.explorer.front_end import joined, top_level_names
from matnb.explorer.jobs import Later
from matnb.explorer.opening import open_scene
from matnb.explorer.page import explore
from matnb.explorer.scene import Scene
from matnb.explorer.talk import _ANSWERS, Talk

ITEMS = 90


@pytest.fixture(scope='module')
def corpus(tmp_path_factory):
    made = matnb.simulate_corpus(tmp_path_factory.mktemp('core')/'scans', ITEMS, progress=False)
    return matnb.map(matnb.embed(made, 'spectral', progress=False), progress=False)


@pytest.fixture
def own_corpus(tmp_path):
    "A corpus that a test may change"
    made = matnb.simulate_corpus(tmp_path/'scans', 40, progress=False)
    return matnb.map(matnb.embed(made, 'spectral', progress=False), progress=False)


@pytest.fixture
def pages(browser):
    "Pages that are closed afterwards, on which nothing went wrong"
    opened = []

    def open_page(*given, **told):
        page = FrontPage(browser, *given, **told)
        opened.append(page)
        page.until('store.step !== null')
        return page

    yield open_page
    errors = [e for page in opened for e in page.errors]
    for page in opened: page.close()
    assert not errors


class Heard(list):
    "What a page without a browser was told"

    def __init__(self, scene):
        super().__init__()
        self.talk = Talk(scene, lambda message, buffers: self.append((message, buffers)))

    def said(self, kind, **body):
        "The answer to a question, when all work is done"
        self.clear()
        self.talk.hear({'kind': kind, 'ask': 1, 'edition': self.talk.scene.edition, **body})
        assert self.talk.scene.jobs.wait(120)
        return next((m, b) for m, b in reversed(self) if m.get('ask') == 1)


def mask_of_rows(count, rows):
    mask = np.zeros(count, bool)
    mask[list(rows)] = True
    return mask


CHOOSE = """store.choose('map', {said: 'by hand', act: {kind: 'items', rows: given[0], about: 'by hand'},
  bits: store.step.inside.constructor.of(store.scene.count, given[0])})"""


# --- Choosing, both ways

def test_what_is_chosen_anywhere_is_chosen_everywhere(corpus, pages):
    scene = open_scene(corpus)
    first, second = pages(scene, 'gallery'), pages(scene, 'facets')
    changes = []
    scene.selection.on_change(lambda chosen: changes.append(chosen.ids))
    first.store(CHOOSE, [3, 1, 4, 15])
    second.until('store.chosen?.count() === 4')
    ids = corpus.ids()[[1, 3, 4, 15]].tolist()
    assert scene.selection.ids == ids == changes[-1] and scene.selection.view.ids().tolist() == ids
    assert second.store('[...store.chosen.rows()]') == [1, 3, 4, 15]

    scene.selection.set(where={'outcome': 'failed'})
    failed = np.flatnonzero(corpus.values('outcome') == 'failed').tolist()
    for page in (first, second):
        page.until(f'store.chosen?.count() === {len(failed)}')
        assert page.store('[...store.chosen.rows()]') == failed
        assert page.store('store.conditions.map((c) => [c.source, c.said])') == [['python', 'failed']]

    first.store(CHOOSE, [0])                         # a choice on the page takes the place of Python's
    second.until('store.chosen?.count() === 1')
    assert len(scene.selection.conditions) == 1
    second.store('store.clear()')
    first.until('store.chosen === null')
    assert len(scene.selection) == 0 and changes[-1] == []


def test_conditions_of_several_sources_are_met_at_once(corpus, pages):
    scene = open_scene(corpus)
    page = pages(scene, 'gallery')
    page.store(CHOOSE, list(range(0, ITEMS, 2)))
    failed = np.flatnonzero(corpus.values('outcome') == 'failed').tolist()
    page.store("""store.choose('facets', {said: 'failed', act: {kind: 'facets', conditions: {outcome: 'failed'}},
        bits: store.step.inside.constructor.of(store.scene.count, given[0])})""", failed)
    page.until('store.conditions.length === 2')
    page.rest()
    assert scene.selection.rows.tolist() == [r for r in failed if r % 2 == 0] == page.store('[...store.chosen.rows()]')
    how = scene.selection.how.to_json()
    assert how['kind'] == 'in turn' and [p['kind'] for p in how['parts']] == ['items', 'facets']


def test_two_views_of_one_widget_do_not_take_each_others_answers(corpus, pages):
    scene = open_scene(corpus)
    first = pages(scene, 'gallery')
    second = pages(scene, 'facets', view_of=first)
    names = [f['name'] for f in first.store('store.scene.facets') if f['kind'] != 'text'][:12]
    ask = """(names) => Promise.all(names.map((n) => window.matnbStore.column(n)))
      .then((found) => found.map((c) => c.name))"""
    assert first.tab.evaluate(ask, names) == names and second.tab.evaluate(ask, names[::-1]) == names[::-1]
    first.store(CHOOSE, [5, 6])
    second.until('store.chosen?.count() === 2')
    assert first.store('[...store.chosen.rows()]') == [5, 6] == scene.selection.rows.tolist()


def test_a_view_that_is_closed_leaves_the_others_alone(corpus, pages, browser):
    scene = open_scene(corpus)
    staying, leaving = pages(scene, 'gallery'), FrontPage(browser, scene, 'facets')
    leaving.close()
    scene.selection.set(corpus.ids()[:2].tolist())
    staying.until('store.chosen?.count() === 2')
    assert len(scene.pages) == 1


FRAMES = {
    'a table': lambda e: e.corpus[:3].to_frame(), 'a filtered table': lambda e: e.corpus.to_frame().iloc[:3],
    'its index': lambda e: e.corpus[:3].to_frame().index, 'a dataset': lambda e: e.corpus[:3].dataset,
    'true or false of a dataset': lambda e: e.corpus.dataset['id'].isin(e.corpus.ids()[:3]),
    'a generator': lambda e: (i for i in e.corpus.ids()[:3].tolist()),
    'a set': lambda e: set(e.corpus.ids()[:3].tolist()),
    'items': lambda e: [e.corpus[n] for n in range(3)],
    'another choice': lambda e: explore(e).selection.set(e.corpus[:3]),
}


@pytest.mark.parametrize('what', FRAMES)
def test_what_python_gives_it_takes_back(corpus, what):
    e = explore(corpus)
    assert e.selection.set(FRAMES[what](e)).ids == corpus.ids()[:3].tolist()
    assert e.selection.set(e.selection.frame).ids == corpus.ids()[:3].tolist()
    assert e.selection.set(e.selection.dataset).ids == corpus.ids()[:3].tolist()
    assert e.selection.words in ('chosen by hand', '3 items')  # not what type of object it was


WRONG = {
    'a number': ((4,), {}, '4 does not say which items'), 'half': ((1.5,), {}, '1.5 does not say which items'),
    'places': (([1, 2],), {}, 'these are not ids but places'), 'no id': ((['nope'],), {}, "'nope' is not an id"),
    'none of them': (([],), {}, r'that is none of the 90 items .* clear\(\) chooses nothing'),
    'conditions': (({'outcome': 'success'},), {}, 'conditions on facets are where='),
    'no conditions': ((), {'where': 'outcome'}, "where='outcome'; it names facets and values"),
    'a box': ((), {'box': 3}, 'box=3; it is two opposite corners'),
    'words': ((), {'words': 5}, 'words=5; it is a text'),
    'a distance': ((), {'like': '0' * 16, 'within': 'a'}, "within='a'; it is a number"),
    'a facet': ((), {'outcome': 'success'}, r"set\(where=\{'outcome': 'success'\}\)"),
}


@pytest.mark.parametrize('case', WRONG)
def test_a_wrong_choice_is_refused_in_words_and_changes_nothing(corpus, case):
    given, named, words = WRONG[case]
    chosen = explore(corpus).selection.set(corpus.ids()[:2])
    with pytest.raises((ValueError, TypeError), match=words): chosen.set(*given, **named)
    assert chosen.ids == corpus.ids()[:2].tolist()


def test_callbacks_that_cannot_be_called_or_never_end(corpus, caplog):
    scene = open_scene(corpus)
    chosen, heard, told = scene.selection, [], []
    scene.connect(lambda message, buffers: told.append(message))
    with pytest.raises(TypeError, match='cannot be called'): chosen.on_change(5)
    stop = chosen.on_change(lambda c: c.set(c.scene.ids.size > len(c) and c.scene.items[:len(c) % 7 + 1]))
    chosen.on_change(lambda c: heard.append(c.ids))
    with caplog.at_level(logging.CRITICAL, 'matnb.explorer.chosen'): chosen.set(corpus[:3])
    assert any('again and again' in m['said'] for m in told if m['kind'] == 'trouble')
    assert len(heard) < 50 and heard[-1] == chosen.ids
    stop()
    assert chosen.set(corpus[:4]).ids == heard[-1] == corpus.ids()[:4].tolist()


def test_an_open_view_is_not_pickled(corpus):
    e = explore(corpus)
    for act in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises((TypeError, NotImplementedError)): act(e)
        with pytest.raises(TypeError, match='list\\(selection\\)'): act(e.selection)


# --- Opening

OPENED_WRONGLY = {
    'a list': (lambda c: ([c.ids()[0]],), {}, r'list cannot be explored; .* corpus\[ids\]'),
    'nothing': (lambda c: (None,), {}, 'NoneType cannot be explored'),
    'a colour that is a number': (lambda c: (c,), {'colour': 5}, 'colour=5; it is the name of a facet'),
    'an unknown colour': (lambda c: (c,), {'colour': 'outcom'}, "did you mean outcome"),
    'an unknown colour in a view': (lambda c: (c,), {'view': {'colour': 'outcom'}}, "did you mean outcome"),
    'a text as colour': (lambda c: (c,), {'colour': 'notes'}, 'notes is a text of its own'),
    'a view that is none': (lambda c: (c,), {'view': 5}, 'view=5; it is a dict'),
    'an item that is not there': (lambda c: (c,), {'view': {'focus': 1000}}, 'focus=1000; it is the row of an item'),
    'vectors of a path': (lambda c: (matnb.Path.begin(c),), {'vectors': 'other'}, 'this Path has a map already'),
    'a map of a view': (lambda c: (explore(c),), {'map': 'other'}, 'this Explorer has a map already'),
    'a folder that is not there': (lambda c: (c,), {'keep_in': 'nowhere'}, 'keep_in=.nowhere. is no folder'),
}


@pytest.mark.parametrize('case', OPENED_WRONGLY)
def test_what_cannot_be_opened_is_said_in_words(corpus, case, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    given, named, words = OPENED_WRONGLY[case]
    with pytest.raises((ValueError, TypeError, KeyError, OSError), match=words): explore(*given(corpus), **named)


def test_files_go_where_the_explorer_is_told(corpus, tmp_path):
    heard = Heard(explore(corpus, keep_in=tmp_path).scene)
    assert heard.said('keep', what='table', name='all')[0]['kind'] == 'kept' and (tmp_path/'all.csv').is_file()
    assert matnb.open_view(explore(corpus).save(tmp_path/'v.json'), corpus, keep_in=tmp_path).scene.keep_in == tmp_path
    with pytest.raises(TypeError, match='bogus'): matnb.open_view(tmp_path/'v.json', corpus, bogus=1)
    with pytest.raises(TypeError, match='not on NoneType'): matnb.open_view(tmp_path/'v.json', None)


def test_items_and_rows_are_of_one_snapshot_even_when_the_corpus_moved_on(own_corpus):
    scene = open_scene(own_corpus)
    ids = own_corpus.ids().tolist()
    type(own_corpus)(own_corpus.snapshot).delete(ids[3:9])
    scene.path.refresh()  # as a person may do in the notebook
    assert [scene.item(r).id for r in range(len(scene))] == [scene.id(r) for r in range(len(scene))] == ids
    assert scene.rows_at(scene.positions).tolist() == list(range(40))
    assert scene.rows_at(scene.items[5:7].positions).tolist() == [5, 6]
    assert scene.refresh() and [scene.item(r).id for r in range(34)] == [i for i in ids if i not in ids[3:9]]
    assert scene.rows_at(scene.positions).tolist() == list(range(34))


def test_a_view_without_vectors_can_be_refined_once_there_are_some(tmp_path):
    bare = matnb.simulate_corpus(tmp_path/'bare', 20, progress=False)
    e = explore(bare)
    matnb.embed(bare, 'spectral', progress=False)
    assert e.refresh() and e.path.refine(progress=False).mapped
    assert e.selection.set(like=bare.ids()[0], count=3).ids
    e.path.select(where={'outcome': 'success'})
    assert e.path.undo() and e.path.step.options.vectors == 'spectral'


def test_the_pinned_item_moves_with_the_corpus_and_back_from_a_file(own_corpus, tmp_path):
    e = explore(own_corpus)
    heard, pinned = Heard(e.scene), own_corpus.ids()[20]
    heard.talk.hear({'kind': 'view', 'edition': 1, 'view': {'pin': 20}})
    assert e.scene.view['pin'] == 20 and e.scene.told()['view']['pin'] == 20
    for wrong in (40, -2, '3', True, 1.0):
        heard.talk.hear({'kind': 'view', 'edition': 1, 'view': {'pin': wrong}})
        assert heard[-1][0]['kind'] == 'trouble' and e.scene.view['pin'] == 20
    own_corpus.delete(own_corpus.ids()[:5])
    assert e.refresh() and e.scene.id(e.scene.view['pin']) == pinned
    kept = e.save(tmp_path/'pinned.json')
    again = matnb.open_view(kept, own_corpus)
    assert again.scene.id(again.scene.view['pin']) == pinned
    assert again.scene.told()['remarks'] == ['5 items of the path are no longer in the corpus']
    own_corpus.delete([pinned])
    assert e.refresh() and e.scene.view['pin'] == -1
    remarks = matnb.open_view(kept, own_corpus).scene.told()['remarks']
    assert any(f'the item {pinned}, which was pinned' in remark for remark in remarks)


def test_a_pin_is_kept_and_shown_again_and_remarks_are_shown_once(own_corpus, tmp_path, pages):
    e = explore(own_corpus)
    page = pages(e.scene)
    page.tab.evaluate('() => window.matnbStore.pin(7)')
    page.until('store.pinned?.row === 7')
    page.rest()
    assert e.scene.view['pin'] == 7
    chosen = own_corpus.ids()[7]
    kept = e.save(tmp_path/'pinned.json')
    own_corpus.delete(own_corpus.ids()[:2])
    opened = matnb.open_view(kept, own_corpus)
    second = pages(opened.scene)
    second.until('store.pinned !== null')
    assert opened.scene.id(second.store('store.pinned.row')) == chosen
    note = second.tab.locator('.mx-remark')
    note.wait_for()
    assert 'no longer in the corpus' in note.inner_text()
    note.get_by_role('button').click()
    opened.corpus.delete(opened.corpus.ids()[:1])
    assert opened.refresh()
    second.until('store.scene.edition === 2')
    second.rest()
    assert second.tab.locator('.mx-remark').count() == 0
    opened.scene.look({'pin': -1})
    second.until('store.pinned === null')


# --- Jobs

def test_a_job_that_fails_or_is_stopped_says_so_and_the_next_one_runs(corpus):
    scene, came = open_scene(corpus), []

    def broken(job): raise ZeroDivisionError('division by zero')

    def endless(job):
        while True:
            job.step(0.5)
            time.sleep(0.01)

    scene.jobs.start(Later('breaking', broken), lambda result, error: came.append(error))
    job = scene.jobs.start(Later('for ever', endless), lambda result, error: came.append(error))
    scene.jobs.start(Later('counting', lambda job: 3), lambda result, error: came.append(result))
    scene.jobs.stop(job.number)
    assert scene.jobs.wait(20)
    assert type(came[0]) is ZeroDivisionError and 'stopped' in str(came[1]) and came[2] == 3


def test_options_of_a_map_that_make_no_sense_are_refused_in_words(corpus):
    heard = Heard(open_scene(corpus))
    for options, words in (({'seed': 'abc'}, "seed='abc'; it should be from 0"), ({'neighbours': -3}, 'from 2 to 1000'),
                           ({'min_dist': True}, ''), ({'vectors': 'x'}, 'no vectors “x”'),
                           ({'bogus': 1}, 'no option bogus')):
        told = heard.said('branch', name='b', options=options)[0]
        assert told['kind'] == ('refused' if words else 'stepped') and words in told['said'], options


# --- Steps

def test_a_selection_becomes_a_step_and_the_way_back(corpus, pages):
    scene = open_scene(corpus)
    page = pages(scene, 'gallery')
    page.store(CHOOSE, list(range(10, 40)))
    answer = page.tab.evaluate("async () => (await window.matnbStore.ask('select_step', {name: 'middle'})).message")
    page.until('store.step.number === 2')
    assert (answer['step'], page.store('[...store.step.rows]')) == (2, list(range(10, 40)))
    assert page.store('store.chosen === null && store.step.mapped') and not scene.selection.conditions
    places = np.array(page.store('[...store.step.places]')).reshape(-1, 2)
    assert np.array_equal(places.astype('f4'), scene.path.step.coordinates)
    assert page.store('store.scene.steps.map((s) => s.name)') == ['', 'middle']

    page.store("store.ask('undo')")
    page.until('store.step.number === 1')
    page.store("store.ask('redo')")
    page.until('store.step.number === 2')
    assert scene.path.tree.current == 2 and page.store('store.scene.undo').startswith('select')


def test_of_two_ways_the_later_one_counts(corpus, pages):
    scene = open_scene(corpus)
    scene.path.select(where={'outcome': 'failed'})
    scene.path.select(corpus.ids()[np.flatnonzero(corpus.values('outcome') == 'failed')[:12]].tolist())
    scene.path.go(1)
    page = pages(scene, 'gallery')
    for number in (3, 2, 1, 2): page.store("void store.ask('go', {step: given[0]})", number)  # 2 and 3 have no map yet
    assert scene.jobs.wait(60)
    page.until('store.step.number === 2')
    page.rest()
    assert page.store('store.step.number') == 2 and page.store('store.step.mapped')
    assert page.store('store.step.rows.length') == len(scene.path.find(2))


def test_the_page_says_what_is_being_done_and_goes_on_meanwhile(corpus, pages):
    scene = open_scene(corpus)
    page = pages(scene, 'gallery')
    page.tab.evaluate("""() => { window.said = [];
      window.matnbStore.on('working', (w) => window.said.push([w.said, w.done])); }""")
    page.store(CHOOSE, list(range(60)))
    page.tab.evaluate("""() => { window.result = null;
      window.matnbStore.attempt('select_step', {}).then((r) => { window.result = r; }); }""")
    column = page.tab.evaluate("async () => (await window.matnbStore.column('material')).codes.length")
    assert column == ITEMS
    page.tab.wait_for_function('() => window.result !== null')
    said = page.tab.evaluate('() => window.said')
    assert any(words.startswith('mapping 60') for words, _ in said) and said[-1][1] is True


def test_a_corpus_without_vectors_is_shown_and_then_mapped(tmp_path, pages):
    corpus = matnb.simulate_corpus(tmp_path/'plain', 30, progress=False)
    scene = open_scene(corpus)
    page = pages(scene, 'gallery')                   # the fixture waits until there is a step
    assert scene.jobs.wait(60) and page.store('store.step.mapped')
    page.until("store.scene.vectors.includes('microscopy')")
    assert page.store('store.scene.edition') == 1
    again = open_scene(matnb.open_corpus(corpus.path))
    assert again.path.step.mapped, 'the map is kept'


@pytest.mark.parametrize('count', [0, 1, 2, 3])
def test_very_few_items(tmp_path, count, pages):
    corpus = matnb.create_corpus(tmp_path/'few', 'Few')
    if count: corpus = matnb.simulate_corpus(tmp_path/'few', count, progress=False)
    page = pages(open_scene(corpus), 'explorer')
    assert page.store('store.step.rows.length') == count
    assert page.store('store.step.said') == '' or count == 0


def test_what_is_chosen_while_a_step_is_mapped_stays_chosen(corpus, monkeypatch):
    scene = open_scene(corpus)
    heard, map_aside = Heard(scene), walking._map_aside
    other = corpus.ids()[5:9].tolist()

    def chosen_meanwhile(aside, number, job):
        made = map_aside(aside, number, job)
        scene.selection.set(other)
        return made

    monkeypatch.setattr(walking, '_map_aside', chosen_meanwhile)
    assert heard.said('branch', name='b', options={'seed': 3})[0]['kind'] == 'stepped'
    assert scene.selection.ids == other
    monkeypatch.undo()
    assert heard.said('select_step')[0]['kind'] == 'stepped' and not scene.selection.conditions


def test_items_that_cannot_get_vectors_are_shown_without_a_map(tmp_path, monkeypatch):
    bare = matnb.simulate_corpus(tmp_path/'bare', 12, progress=False)

    def refused(*given, **told): raise CorpusError('it may be read but not changed')

    monkeypatch.setattr('matnb.similarity.embedding.embed', refused)
    told, buffers = Heard(open_scene(bare)).said('places', step=1)
    assert told['kind'] == 'places' and told['said'] == 'it may be read but not changed' and not told['mapped']
    assert np.frombuffer(buffers[0], '<u4').tolist() == list(range(12))


# --- Renewal

def test_the_page_is_renewed_when_the_corpus_changes_and_what_is_chosen_stays(own_corpus, pages):
    scene = open_scene(own_corpus)
    page = pages(scene, 'gallery')
    ids = own_corpus.ids()
    page.store(CHOOSE, [2, 20, 30])
    page.until('store.chosen?.count() === 3')
    page.rest()
    colleague = matnb.open_corpus(own_corpus.path)
    colleague.delete(ids[:10].tolist(), why='drift')
    matnb.simulate_corpus(own_corpus.path, 46, progress=False)
    assert scene.refresh() and len(scene) == 36
    page.until('store.scene.edition === 2 && store.step?.rows.length === 36')
    page.until('store.chosen?.count() === 2')
    assert scene.selection.ids == ids[[20, 30]].tolist()
    assert page.store('[...store.chosen.rows()]') == [10, 20]
    page.store(CHOOSE, [0])
    page.until('store.chosen?.count() === 1')
    page.rest()
    assert scene.selection.ids == [ids[10]]


def test_a_message_about_an_older_edition_changes_nothing(own_corpus):
    scene = open_scene(own_corpus)
    heard = Heard(scene)
    heard.said('hello')
    ids = own_corpus.ids().tolist()
    scene.selection.set(ids[:3])
    matnb.open_corpus(own_corpus.path).delete(ids[:1], why='drift')
    scene.refresh()
    condition = {'source': 'map', 'said': 'x', 'act': None, 'mask': mask_text(np.ones(40, bool))}
    for message in ({'kind': 'chosen', 'turn': 1, 'conditions': [condition]}, {'kind': 'view', 'view': {'focus': 39}},
                    {'kind': 'columns', 'facets': ['material']}, {'kind': 'undo'}):
        heard.clear()
        heard.talk.hear({**message, 'edition': 1})
        assert heard[-1][0]['kind'] == 'trouble' and 'renewed' in heard[-1][0]['said']
    assert scene.selection.ids == ids[1:3] and 'focus' not in scene.view
    assert own_corpus.ids().tolist() == ids[1:], 'the corpus that was given moves along'


def test_annotations_change_columns_and_nothing_else(own_corpus, pages):
    scene = open_scene(own_corpus)
    page = pages(scene, 'gallery')
    before = page.tab.evaluate("async () => (await window.matnbStore.column('outcome')).words")
    own_corpus.where(outcome='failed').annotate(outcome='to be repeated')
    assert scene.refresh() and scene.edition == 1
    words = "async () => (await window.matnbStore.column('outcome')).words.includes('to be repeated')"
    page.tab.wait_for_function(words)
    assert 'to be repeated' not in before


# --- Hostile and ill-formed messages

KINDS = sorted(set(_ANSWERS) - {'keep', 'annotate'}) + ['chosen', 'view', 'sing', '', '__class__']
FIELDS = ['step', 'row', 'rows', 'facets', 'name', 'options', 'conditions', 'turn', 'view', 'first', 'second', 'job',
          'count', 'vectors', 'text', 'channel', 'size', 'most', 'other', 'within', 'box', 'unlike', 'mask']
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 200), st.integers(), st.floats(), st.text(max_size=20),
                    st.sampled_from(['spectral', 'material', 'phase', 'step', 'all', '<script>', '\ud800', '\0']))
VALUES = st.recursive(SCALARS, max_leaves=12, extend=lambda inner: (
    st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=4)))
MASKS = VALUES | st.just(mask_text(np.zeros(ITEMS, bool)))
CONDITIONS = st.lists(st.fixed_dictionaries(
    {}, optional={'source': VALUES, 'said': VALUES, 'act': VALUES, 'mask': MASKS}), max_size=3)
MESSAGES = st.fixed_dictionaries({'kind': st.sampled_from(KINDS) | VALUES}, optional={
    'ask': st.just(7) | VALUES, 'edition': st.just(1) | VALUES, **{f: VALUES for f in FIELDS},
    'conditions': CONDITIONS | VALUES})


@pytest.fixture(scope='module')
def line(corpus):
    logging.getLogger('matnb.explorer.talk').setLevel(logging.CRITICAL)
    return Heard(open_scene(corpus))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(message=MESSAGES | VALUES)
def test_no_message_stops_the_line(line, message):
    scene = line.talk.scene
    line.clear()
    line.talk.hear(message)                          # never raises
    assert scene.jobs.wait(60)
    for told, buffers in line:
        json.dumps(told, allow_nan=False).encode()   # what goes to a page is JSON in UTF-8
        assert told['kind'] and all(isinstance(b, bytes) for b in buffers)
        if told['kind'] in ('refused', 'trouble'): assert told['said'].strip()
    ask = message.get('ask') if isinstance(message, dict) else None
    answered = [told for told, _ in line if told.get('ask') is not None]
    if type(ask) is int and 0 <= ask < 2**53 and message.get('kind') not in ('chosen', 'view'):
        assert len(answered) == 1 and answered[0]['ask'] == ask
    assert scene.edition == 1 and len(scene) == ITEMS and len(scene.selection) <= ITEMS
    scene.told()


@pytest.mark.parametrize('message', [
    {'kind': 'chosen', 'turn': 1, 'conditions': [{'source': 'map', 'said': '', 'act': None, 'mask': 'A' * 50_000_000}]},
    {'kind': 'chosen', 'turn': 1, 'conditions': [{}] * 100_000},
    {'kind': 'columns', 'facets': ['material'] * 10_000},
    {'kind': 'view', 'view': {'x' * 10: ['y' * 1000] * 10_000}},
    {'kind': 'places', 'step': 10**400},
    {'kind': 'rename', 'step': 1, 'name': 'n' * 10_000_000},
    {'kind': 'branch', 'name': 'x', 'options': {'neighbours': math.nan}},
], ids=lambda m: m['kind'])
def test_large_or_strange_messages_are_refused_quickly(line, message):
    start = time.process_time()
    line.said(message['kind'], **{k: v for k, v in message.items() if k != 'kind'}) if message['kind'] not in (
        'chosen', 'view') else line.talk.hear({'edition': 1, 'ask': 1, **message})
    told = line[-1][0] if line[-1][0]['kind'] != 'working' else line[-2][0]
    assert told['kind'] == 'refused' and len(told['said']) < 3000
    assert time.process_time() - start < 5, 'it was looked at for long'


def test_deeply_nested_acts_are_refused(line):
    act: dict = {'kind': 'words', 'text': 'x'}
    for _ in range(400): act = {'kind': 'any of', 'parts': [act]}
    condition = {'source': 'map', 'said': 'deep', 'act': act, 'mask': mask_text(mask_of_rows(ITEMS, [1]))}
    line.clear()
    line.talk.hear({'kind': 'chosen', 'edition': 1, 'turn': 1, 'conditions': [condition]})
    assert any('deep' in m.get('said', '') for m, _ in line if m['kind'] == 'trouble')
    assert line.talk.scene.selection.rows.tolist() == [1]


def test_words_from_files_are_text_on_their_way_to_the_page(tmp_path, pages):
    evil = '<img src=x onerror="window.hit=1">'
    corpus = matnb.simulate_corpus(tmp_path/'evil', 8, progress=False)
    corpus.annotate(material=evil, sample='</script><script>window.hit=1</script>')
    matnb.map(matnb.embed(corpus, 'spectral', progress=False), progress=False)
    scene = open_scene(corpus, colour='material')
    scene.path.rename(evil)
    page = pages(scene)
    scene.selection.set(where={'material': evil})
    page.until('store.chosen?.count() === 8')
    page.rest()
    assert page.tab.evaluate('() => window.hit') is None
    assert page.store('store.scene.steps[0].name') == evil


# --- What travels

def test_columns_arrive_as_they_are(corpus, pages):
    page = pages(open_scene(corpus), 'gallery')
    fetch = """async (name) => { const c = await window.matnbStore.column(name);
      return c.words ? [...c.codes].map((n) => c.words[n]) : [...c.values].map((v) => Number.isNaN(v) ? null : v); }"""
    for name, facet in corpus.facets.items():
        if facet.kind == 'text': continue
        told, values = page.tab.evaluate(fetch, name), corpus.values(name)
        if facet.kind == 'quantity': values = np.float32(values).astype(float)
        if facet.kind == 'date': values = corpus.column(name)
        assert told == [None if v != v else v for v in values.tolist()], name


@given(st.lists(st.booleans(), max_size=70))
def test_a_choice_survives_the_way_there_and_back(choice):
    mask = np.array(choice, bool)
    assert mask_of(mask_text(mask), len(mask)).tolist() == choice


def test_a_category_of_very_many_words_is_cut(tmp_path):
    corpus = matnb.simulate_corpus(tmp_path/'many', 4, progress=False)
    from matnb.corpus.facets import Facet
    from matnb.explorer.columns import MOST_WORDS, pack_words
    rng = np.random.default_rng(1)
    words = np.array(['', *[f'word {n}' for n in range(8000)]])
    codes = np.concatenate([np.arange(8001), rng.zipf(1.3, 50_000) % 8001])
    packed = pack_words(Facet('sample'), codes, words.__getitem__)
    assert packed.other and packed.values.dtype == 'u2' and len(packed.words) == MOST_WORDS + 2
    counts = np.bincount(packed.values, minlength=len(packed.words))
    assert (np.diff(counts[1:-1]) <= 0).all() and counts.sum() == 58_001 and counts[0] == (codes == 0).sum()
    known = packed.values <= MOST_WORDS
    assert (np.array(packed.words)[packed.values[known]] == words[codes[known]]).all()
    assert pack_column(corpus, 'outcome').values.dtype == 'u1'


# --- Leaving

def test_a_scene_is_forgotten_when_nobody_holds_it(corpus):
    scene = open_scene(corpus)
    heard = Heard(scene)
    heard.said('hello')
    heard.talk.close()
    gone = weakref.ref(scene)
    del scene, heard
    gc.collect()
    assert gone() is None


# --- How long the first view takes

def test_the_first_view_costs_little(corpus, measured):
    many = matnb.Path.begin(corpus, on='map of spectral')
    start = time.process_time()
    heard = Heard(Scene(many))
    sent = len(joined())
    for kind, body in (('hello', {}), ('places', {'step': 1}), ('columns', {'facets': ['material']})):
        heard.said(kind, **body)
        sent += sum(len(json.dumps(m)) + sum(map(len, b)) for m, b in heard)
    measured(f'first view of {ITEMS} items: {time.process_time() - start:.3f} s of the processor, {sent / 1e3:.0f} kB')
    assert sent < 3_000_000


def test_names_are_found_at_the_top_level():
    text = 'export const A = 1;\nconst B = 2;\nasync function c() {}\nexport class D {}\n  const inner = 1;\nlet e;\n'
    assert top_level_names(text) == ['A', 'B', 'c', 'D', 'e']
