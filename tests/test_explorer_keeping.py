"What leaves the explorer: code that leads to the same view, saved views, tables, pictures, a new corpus"
import ast
import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from explorer_corpora import CHANNELS, hostile_corpus, identity_corpus
from front_page import FrontPage
from hypothesis import given, settings
from hypothesis import strategies as st
from test_store_faults import FailingDisk

import matnb
from matnb.corpus import durable
from matnb.explorer.chosen import Condition
from matnb.explorer.opening import open_scene
from matnb.explorer.saved_views import ViewFileError, read_view, save_view, scene_of_view
from matnb.explorer.taken_corpus import export_corpus
from matnb.explorer.taking_out import csv_pieces, export_images, export_table, safe_cell, table_columns
from matnb.explorer.view_code import call, view_code, written
from matnb.similarity.selections import AnyOf, InLasso, InTurn, Like, Not, WithFacets, WithWords, selection

ROOT = Path(__file__).parents[1]
SEED = 41


@pytest.fixture(scope='module')
def corpus(tmp_path_factory):
    "150 items with vectors, a map, and facets whose words hold all that could end a string"
    made = identity_corpus(tmp_path_factory.mktemp('keeping')/"it's a “corpus”", 150)
    made.define(matnb.Facet('odd'))
    words = ['"', "'", '\\', '"""', "'''", '\\"', '{x}', '%s', '#', '=1+1', 'µm', '🧲', '\u202e', 'a\tb', 'x\ny', '`']
    ids = made.ids().tolist()
    made.annotate({i: {'odd': f'{words[n % len(words)]}{n % 3}'} for n, i in enumerate(ids)}, 'ada', 'odd words')
    return made


# --- Code

KINDS = ('facets', 'range', 'words', 'lasso', 'box', 'like', 'ids', 'not', 'any', 'turn')


def some_selection(rng, corpus, ids, places, depth=0):
    "A selection of any kind"
    kind = rng.choice(KINDS[:10 if depth < 2 else 7])
    pick = lambda n: [str(i) for i in rng.choice(ids, n, replace=False)]  # noqa: E731
    if kind == 'facets':
        name = str(rng.choice(['material', 'outcome', 'odd', 'measured_by']))
        held = [w for w in np.unique(corpus.values(name)).tolist() if w]
        some = [str(w) for w in rng.choice(held, min(len(held), int(rng.integers(1, 4))), replace=False)]
        return WithFacets({name: some[0] if len(some) == 1 else some} if rng.random() < 0.9 else {name: None})
    if kind == 'range':
        return WithFacets({'thickness': (float(rng.uniform(1e-9, 4e-8)), None if rng.random() < .5 else 1.)})
    if kind == 'words': return WithWords(str(rng.choice(['person', 'pb', 'number 1', '"', 'success'])))
    if kind == 'ids': return selection(pick(min(len(ids), int(rng.integers(1, 40)))))
    if kind == 'like':
        return Like(tuple(pick(2)), tuple(pick(1)) if rng.random() < .5 else (), int(rng.integers(20, 90)))
    middle, span = places[rng.integers(len(places))], np.ptp(places, axis=0) * rng.uniform(0.2, 1)
    if kind == 'box': return selection(box=(middle - span / 2, middle + span / 2))
    if kind == 'lasso':
        turn = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 60))))
        return InLasso(middle + np.stack([np.cos(turn), np.sin(turn)], 1) * span * rng.uniform(0.3, 1, (len(turn), 1)))
    parts = tuple(some_selection(rng, corpus, ids, places, depth + 1) for _ in range(2))
    return Not(parts[0]) if kind == 'not' else AnyOf(parts) if kind == 'any' else InTurn(parts)


def walk(rng, corpus, steps):
    "A scene after some random steps, with something chosen"
    scene = open_scene(corpus, colour=str(rng.choice(['', 'material', 'outcome'])))
    for n in range(steps):
        step = scene.path.step
        how = some_selection(rng, corpus, step.ids, step.coordinates[:, :2])
        try: scene.path.choose(how, 'a "name"\n' if rng.random() < 0.3 else '')
        except ValueError: continue  # nothing meets it; or a lasso on a map in space
        if len(scene.path.step) < 8:
            scene.path.undo()
            continue
        if rng.random() < 0.2: scene.path.branch(f'branch {n}', neighbours=5)
        scene.path.refine(method='pca')
    choose_in(rng, scene)
    return scene


def choose_in(rng, scene):
    "Conditions of different sources, as a page sends them: masks over all items, acts with rows"
    conditions, step = [], scene.path.step
    for source in rng.choice(['map', 'facets', 'words'], int(rng.integers(0, 3)), replace=False):
        how, mask = some_selection(rng, scene.corpus, step.ids, step.coordinates[:, :2]), np.zeros(len(scene), bool)
        among = scene.path.among(step.number)
        try: how = how.settled(among)
        except ValueError: continue
        mask[scene.rows_at(among.positions)] = how.choose(among)
        conditions.append(Condition(str(source), 'some', how.to_json(), mask))
    scene.selection.take(tuple(conditions))


def opened_by(code):
    "The scene that code leads to, run on its own"
    space = {}
    exec(compile(code, 'pasted', 'exec'), space)
    return getattr(space['explorer'], 'scene', space['explorer'])


@pytest.fixture
def quiet_explore(monkeypatch):
    "`matnb.explore` without its widget"
    monkeypatch.setattr(matnb, 'explore', open_scene, raising=False)


@pytest.mark.parametrize('part', range(4))
def test_code_of_random_walks_leads_to_the_same_items(corpus, quiet_explore, part, pytestconfig):
    rng, rounds = np.random.default_rng([SEED, part]), 40 if 'slow' in pytestconfig.getoption('flags') else 6
    chosen = 0
    for _ in range(rounds):
        scene = walk(rng, corpus, int(rng.integers(0, 5)))
        code = view_code(scene)
        again = opened_by(code)
        assert again.path.step.ids.tolist() == scene.path.step.ids.tolist(), code
        assert again.selection.ids == scene.selection.ids, code
        assert again.view.get('colour', again.usual_colour) == scene.view.get('colour', scene.usual_colour)
        assert np.allclose(again.path.step.coordinates, scene.path.step.coordinates, equal_nan=True)
        assert max(map(len, code.splitlines())) <= 130, 'long lines are broken'
        chosen += len(scene.selection) > 0
    assert chosen > 0


def parts_of(code):
    "The kinds of statements in some code, and what is called and named in it"
    tree = ast.parse(code)
    called = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    return [type(s).__name__ for s in tree.body], called, {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}


def test_words_from_files_are_never_more_than_words_in_the_code(tmp_path, quiet_explore):
    hostile = hostile_corpus(tmp_path/'"); import os; os.abort(); ("')
    for name in ('material', '__proto__', 'l' * 200, 'measured_by'):
        for word in sorted(set(hostile.values(name).tolist()) - {''}):
            scene = open_scene(hostile)
            scene.path.select(where={name: word}, name=word[:300])
            scene.selection.set(where={name: [word], 'outcome': 'success'})
            code = view_code(scene)
            kinds, called, names = parts_of(code)
            assert set(kinds) <= {'Import', 'ImportFrom', 'Assign', 'Expr'} and called <= {
                'matnb.open_corpus', 'matnb.Path.begin', 'path_to_open', 'path.select', 'path.refine', 'matnb.explore',
                'explorer.selection.set'}, code
            assert names <= {'matnb', 'corpus', 'path', 'explorer', 'path_to_open'}
            assert opened_by(code).selection.ids == scene.selection.ids


plain = st.recursive(st.none() | st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
                     lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside) | st.tuples(inside, inside))


@settings(max_examples=40, deadline=None)
@given(plain, st.text())
def test_any_value_is_written_so_that_it_is_read_again(value, name):
    assert ast.literal_eval(written(value)) == value
    code = call('f', (repr(name),), {'value': value})
    assert eval(code, {'f': lambda name, value: (name, value)}) == (name, value)
    assert len(ast.parse(code).body) == 1


def test_code_of_many_items_is_short_and_of_too_many_refused(corpus, quiet_explore):
    scene = open_scene(corpus)
    scene.selection.set(corpus.ids()[::2].tolist())
    code = view_code(scene)
    assert 'items_1 = """' in code and opened_by(code).selection.ids == scene.selection.ids
    assert parts_of(code)[0] == ['Import', 'Assign', 'Assign', 'Assign', 'Expr', 'Expr']


# --- Saved views

@pytest.fixture(scope='module')
def view_file(corpus, tmp_path_factory):
    "A saved view with three steps and two conditions"
    rng = np.random.default_rng(SEED)
    scene = walk(rng, corpus, 3)
    while len(scene.path.steps) < 3 or len(scene.selection) < 3: scene = walk(rng, corpus, 3)
    scene.view |= {'focus': 5, 'colour': 'outcome', 'picture': {'channel': CHANNELS[1].key, 'colours': 'viridis'},
                   'map': {'step': 1, 'low': [.5, 2]}}
    return Path(save_view(scene, tmp_path_factory.mktemp('views')/'walk.json', title='A walk', who='ada')), scene


def test_a_view_opens_as_it_was(view_file, corpus):
    file, scene = view_file
    again = scene_of_view(read_view(file), corpus)
    assert again.selection.ids == scene.selection.ids and again.view == scene.view and not again.path.remarks
    assert [s.crumb for s in again.path.steps] == [s.crumb for s in scene.path.steps]
    assert again.path.step.number == scene.path.step.number
    for step in scene.path.steps:
        assert np.array_equal(again.path.coordinates(step.number), scene.path.coordinates(step.number), equal_nan=True)


def test_random_walks_are_kept_and_opened(corpus, tmp_path):
    rng = np.random.default_rng([SEED, 9])
    for n in range(12):
        scene = walk(rng, corpus, int(rng.integers(0, 4)))
        again = scene_of_view(read_view(save_view(scene, tmp_path/f'{n}.json')), corpus)
        assert again.selection.ids == scene.selection.ids and again.path.breadcrumb == scene.path.breadcrumb
        assert [c.told() for c in again.selection.conditions] == [c.told() for c in scene.selection.conditions]


def test_changed_files_are_opened_rightly_or_refused_in_words(view_file, corpus, tmp_path, pytestconfig):
    whole, rng = view_file[0].read_bytes(), np.random.default_rng([SEED, 1])
    refused, rounds = 0, 4000 if 'slow' in pytestconfig.getoption('flags') else 200
    for _ in range(rounds):
        broken = bytearray(whole)
        at = int(rng.integers(len(broken)))
        how = rng.integers(4)
        if how == 0: broken[at] ^= 1 << int(rng.integers(8))
        elif how == 1: del broken[at:at + int(rng.integers(1, 60))]
        elif how == 2: broken[at:at] = bytes(rng.integers(32, 127, int(rng.integers(1, 9))).tolist())
        else: del broken[at:]
        (tmp_path/'broken.json').write_bytes(broken)
        try: kept = read_view(tmp_path/'broken.json')
        except ViewFileError as e:
            refused += 1
            assert str(e).startswith('broken.json cannot be opened as a view: ') and len(str(e)) < 600
            continue
        try: scene = scene_of_view(kept, corpus)
        except ValueError: continue
        assert all(len(c.mask) == len(scene) for c in scene.selection.conditions)
        json.dumps(scene.told())
    assert refused > rounds / 2


def moved(value, rng):
    "A JSON value in which one thing is another"
    if isinstance(value, dict) and value and rng.random() < 0.8:
        name = str(rng.choice(list(value)))
        return {**value, name: moved(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = int(rng.integers(len(value)))
        return [moved(v, rng) if n == at else v for n, v in enumerate(value)]
    odd = [None, True, -1, 2**70, 0.5, 1e308, '', 'x' * 5000, '\u202e', [], {}, [[]], {'kind': 'items'}, '../../x']
    return odd[int(rng.integers(len(odd)))]


def test_other_values_in_a_file_are_opened_or_refused_in_words(view_file, corpus, tmp_path, pytestconfig):
    whole, rng = json.loads(view_file[0].read_bytes()), np.random.default_rng([SEED, 2])
    for _ in range(4000 if 'slow' in pytestconfig.getoption('flags') else 200):
        (tmp_path/'odd.json').write_text(json.dumps(moved(whole, rng)))
        try: scene = scene_of_view(read_view(tmp_path/'odd.json'), corpus)
        except ValueError as e: assert str(tmp_path) not in str(e)
        else: json.dumps(scene.told())


# --- Tables

def csv_rows(columns):
    "The rows of a table, as a spreadsheet reads them"
    text = b''.join(csv_pieces(columns)).decode('utf-8-sig')
    return list(csv.reader(io.StringIO(text, newline='')))


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_no_cell_is_a_formula(text):
    cell = safe_cell(text)
    assert cell in (text, f"'{text}")
    if cell.lstrip()[:1] in tuple('=+-@＝＋－＠|%'): assert float(cell) is not None, 'numbers only'
    assert cell[:1] not in ('\t', '\r', '\n')


def test_hostile_words_come_out_of_a_table_as_they_went_in(tmp_path):
    hostile = hostile_corpus(tmp_path/'hostile')
    for name in ('hostile.csv', 'hostile.xlsx', 'hostile.parquet'): export_table(hostile, tmp_path/name)
    rows = csv_rows(table_columns(hostile))
    assert len(rows) == len(hostile) + 1 and {len(r) for r in rows} == {len(rows[0])}
    at = rows[0].index('material')
    words = hostile.values('material').tolist()
    assert [r[at].removeprefix("'") for r in rows[1:]] == [w.removeprefix("'") for w in words]
    packed = pd.read_parquet(tmp_path/'hostile.parquet')
    assert packed['material'].astype(object).where(packed['material'].notna(), '').tolist() == (
        hostile.values('material').tolist())
    sheet = pd.read_excel(tmp_path/'hostile.xlsx', keep_default_na=False)
    assert sheet['material'].tolist() == [w.replace('\r', ' ') for w in hostile.values('material').tolist()]


# --- All of it or nothing

def every_way_to_fail(act, check, most=400):
    "Do something on disks of which the n-th call fails, until it succeeds"
    failed, usual = 0, durable.disk
    for how in ('full', 'short', 'stop', 'once'):
        for at in range(1, most):
            durable.disk = disk = FailingDisk(at, how)
            try: act()
            except (OSError, KeyboardInterrupt): pass
            finally: durable.disk = usual
            if disk.failed: check(how, at)
            failed += disk.failed
            if not disk.failed: break
        else: raise AssertionError('it never succeeds')
        yield how
    assert failed > 8


def test_a_failing_disk_leaves_whole_files_or_none(corpus, view_file, tmp_path):
    part, scene = corpus[:3], view_file[1]
    old = tmp_path/'old.csv'
    old.write_text('as it was')
    acts = [lambda to: export_table(part, to/'t.csv'), lambda to: export_table(part, to/'t.xlsx'),
            lambda to: save_view(scene, to/'v.json'), lambda to: export_images(part, to/'images'),
            lambda to: export_table(part, old, overwrite=True)]
    for n, act in enumerate(acts):
        to = tmp_path/f'to {n}'
        to.mkdir()

        def check(how, at, to=to):
            whole = [p for p in to.iterdir() if not p.name.startswith('.')]
            for p in whole: assert not p.is_dir() or len(list(p.glob('*.png'))) == 3, f'half of {p.name} ({how}, {at})'
            for p in whole: p.unlink() if p.is_file() else durable.disk.remove_folder(p)
            assert old.read_text() == 'as it was' or old.read_bytes().endswith(b'\r\n')
            if old.read_text() != 'as it was': assert len(pd.read_csv(old)) == 3

        for how in every_way_to_fail(lambda act=act, to=to: act(to), check):
            for p in list(to.iterdir()):
                assert not p.name.startswith('.') or how != 'stop', f'{p.name} is left'
                p.unlink() if p.is_file() else durable.disk.remove_folder(p)


KILLED = """
import os, sys
import matnb
from matnb.explorer.taken_corpus import export_corpus
import matnb.explorer.taken_corpus as module
module._BATCH_ITEMS = 20
corpus = matnb.open_corpus(sys.argv[1])
stop = float(sys.argv[3])
def progress(share, said):
    if share >= stop: os._exit(9)
print(export_corpus(corpus[:100], sys.argv[2], progress=progress))
"""


def test_a_killed_export_of_a_corpus_leaves_nothing_and_goes_on(corpus, tmp_path):
    for stop in (0.0, 0.4, 0.9):
        done = subprocess.run([sys.executable, '-c', KILLED, corpus.path, tmp_path/'part', str(stop)], text=True,
                              capture_output=True)
        assert done.returncode == 9, done.stderr
        assert not (tmp_path/'part').exists()
    export_corpus(corpus[:100], tmp_path/'part')
    made = matnb.open_corpus(tmp_path/'part')
    assert made.verify().ok and made.ids().tolist() == corpus.ids()[:100].tolist()
    assert np.array_equal(made.vectors('clouds'), corpus[:100].vectors('clouds'))
    assert [len(i.history()) for i in made] == [len(i.history()) for i in corpus[:100]], 'told once, not twice'
    assert [p.name for p in tmp_path.iterdir()] == ['part']


def test_a_view_kept_here_opens_on_a_corpus_taken_out(view_file, corpus, tmp_path):
    file, scene = view_file
    export_corpus(corpus, tmp_path/'copy')
    copy = matnb.open_corpus(tmp_path/'copy')
    again = scene_of_view(read_view(file), copy)
    assert again.selection.ids == scene.selection.ids and not again.path.remarks


def test_pictures_show_their_items(corpus, tmp_path):
    from explorer_corpora import read_identity
    from PIL import Image
    export_images(corpus[:20], tmp_path/'images', channel='height', colours='gray')
    listed = pd.read_csv(tmp_path/'images'/'images.csv')
    for row, item in zip(listed.itertuples(), corpus[:20], strict=True):
        picture = np.asarray(Image.open(tmp_path/'images'/row.file).convert('L'))
        assert row.id == item.id and item.id in row.file and 'simulated' in row.file
        assert read_identity(picture[:64, :64]).item == int(item.metadata['number'])
        assert Image.open(tmp_path/'images'/row.file).text['id'] == item.id


def test_a_folder_in_which_nothing_can_be_written_is_said_in_words(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(os, 'access', lambda place, mode, **told: False)
    for act in (lambda: export_table(corpus, tmp_path/'x.csv'), lambda: export_images(corpus[:2], tmp_path/'x'),
                lambda: export_corpus(corpus[:2], tmp_path/'x'),
                lambda: save_view(open_scene(corpus), tmp_path/'x.json')):
        with pytest.raises(PermissionError, match='nothing can be written in .*keep_in=folder'): act()
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    assert repr(export_table(corpus, tmp_path/'x.csv')).startswith('150 items with')


# --- From the page

@pytest.fixture
def page(browser, corpus, tmp_path):
    scene = open_scene(corpus)
    scene.keep_in = tmp_path
    made = FrontPage(browser, scene)
    made.until('store.step !== null')
    yield made
    assert made.errors == []
    made.close()


def keep_as(page, words, name):
    "Ask for something in the panel"
    page.tab.get_by_role('button', name='Keep', exact=True).first.click()
    page.tab.locator('.mx-popup-panel select').select_option(label=words)
    page.tab.get_by_label('Name', exact=True).fill(name)
    page.tab.locator('.mx-popup-panel button.mx-main').click()


def until(page, true, seconds=20):
    "Wait for something in Python while the page goes on"
    for _ in range(int(seconds / 0.05)):
        if true(): return
        page.tab.wait_for_timeout(50)
    raise AssertionError('it did not happen')


def test_the_page_keeps_a_table_in_the_folder_it_was_given(page, tmp_path):
    page.scene.selection.set(where={'outcome': 'failed'})
    page.until('store.chosen !== null')
    keep_as(page, 'Table', 'failed')
    until(page, lambda: (tmp_path/'failed.csv').exists())
    assert pd.read_csv(tmp_path/'failed.csv')['id'].tolist() == page.scene.selection.ids
    page.tab.wait_for_function('() => document.body.innerText.includes("are in")')


def test_the_page_is_told_why_a_name_cannot_be(page, tmp_path):
    (tmp_path/'mine.json').write_text('mine')
    for name, why in (('../out', 'cannot be the name'), ('mine', 'exists already')):
        answer = page.tab.evaluate("""async (name) => {
            try { await window.matnbStore.ask('keep', { what: 'view', name }); return 'written'; }
            catch (error) { return error.message; } }""", name)
        assert why in answer
    assert (tmp_path/'mine.json').read_text() == 'mine' and len(list(tmp_path.iterdir())) == 1
    assert not (tmp_path.parent/'out.json').exists()


def test_a_view_kept_in_one_page_opens_in_another(page, browser, corpus, tmp_path):
    page.scene.selection.set(where={'outcome': 'failed'})
    channel = CHANNELS[1].key
    page.store("store.setView({ colour: 'outcome', picture: { channel: given[0], colours: 'viridis' } })", channel)
    page.store('store.focus(7)')
    until(page, lambda: page.scene.view.get('focus') == 7)
    keep_as(page, 'This view', 'mine')
    until(page, lambda: (tmp_path/'mine.json').exists())
    scene = scene_of_view(read_view(tmp_path/'mine.json'), corpus)
    assert scene.selection.ids == page.scene.selection.ids
    other = FrontPage(browser, scene)
    other.until('store.chosen !== null && store.focused === 7')
    assert other.store('[store.colour.by, store.picture.channel, store.picture.colours, store.chosen.count()]') == [
        'outcome', channel, 'viridis', len(page.scene.selection)]
    assert other.errors == []
    other.close()


def test_the_page_shows_code_that_runs(page, quiet_explore):
    page.scene.selection.set(where={'outcome': 'failed'})
    page.until('store.chosen !== null')
    page.tab.get_by_role('button', name='Copy as code').click()
    page.tab.wait_for_selector('textarea.mx-code')
    code = page.tab.locator('textarea.mx-code').input_value()
    assert opened_by(code).selection.ids == page.scene.selection.ids
