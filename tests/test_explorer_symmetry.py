"Symmetry on the item card: what it says, what it draws, and the symmetry map beside the picture"
import numpy as np
import pytest
from front_page import FrontPage

import matnb
from matnb.corpus.measurement import Channel, Measurement
from matnb.corpus.store import create_corpus
from matnb.explorer import symmetry_seen
from matnb.explorer.jobs import Later
from matnb.explorer.scene import Scene
from matnb.similarity.records import Record


def lattice(side=128, period=16.0, noise=0.25, seed=0):
    "A noisy pattern of fourfold symmetry"
    y, x = np.mgrid[:side, :side]
    u, v = 0.94 * x - 0.34 * y, 0.34 * x + 0.94 * y
    clean = np.cos(2 * np.pi * u / period) + np.cos(2 * np.pi * v / period)
    clean += 0.4 * np.cos(2 * np.pi * u / period) * np.cos(2 * np.pi * v / period)
    return (clean + noise * np.random.default_rng(seed).standard_normal(clean.shape)).astype('f4')


@pytest.fixture(scope='module')
def page(browser, tmp_path_factory):
    "A page on a pattern, noise, stripes and a scan that is too small"
    corpus = create_corpus(tmp_path_factory.mktemp('symmetry')/'corpus', 'Scans')
    stripes = np.sin(2 * np.pi * np.arange(128) / 17)[None] + 0 * lattice(noise=0)
    rng = np.random.default_rng(1)
    planes = {'pattern': lattice(), 'noise': rng.normal(size=(128, 128)),
              'stripes': stripes + rng.normal(0, 0.2, (128, 128)), 'small': rng.normal(size=(12, 12))}
    corpus.append([Measurement(p[None].astype('f4'), (Channel('height', 'nm'),), (1e-9, 1e-9), {'material': n})
                   for n, p in planes.items()])
    symmetry_seen.SEEN = symmetry_seen.KeptAnswers(10)
    opened = FrontPage(browser, Scene(matnb.Path.begin(matnb.map(matnb.embed(corpus, 'spectral'), 'spectral'),
                                                       on='map of spectral')), part='item', width=420, height=900)
    opened.until('store.step !== null')
    yield opened
    assert opened.errors == []
    opened.close()


def open_item(page, row):
    "What the card says of the symmetry of an item"
    page.store(f'store.focus({row})')
    page.tab.wait_for_function("""() => { const said = document.querySelector('.mx-symmetry-short')?.textContent;
        return said && said !== '…'; }""", timeout=60_000)
    return page.tab.locator('.mx-symmetry')


def painted(page):
    "How many points of the picture have a colour, which no grey scan has"
    return page.tab.evaluate("""() => { const c = document.querySelector('.mx-plane');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;
        for (let i = 0; i < d.length; i += 4) n += Math.abs(d[i] - d[i + 2]) > 60; return n; }""")


def test_the_card_says_what_repeats_and_draws_it(page):
    part = open_item(page, 0)
    assert 'a = 16.' in part.inner_text() and 'not periodic' not in part.inner_text()
    page.tab.wait_for_function("() => document.querySelector('.mx-value-here').textContent.startsWith('Point')")
    assert painted(page) < 50
    show = part.get_by_role('button', name='Draw the symmetry')
    show.focus()
    page.tab.keyboard.press('Enter')
    page.tab.wait_for_function("() => document.querySelector('.mx-plane').getAttribute('aria-label').includes('drawn')")
    page.rest()
    assert show.get_attribute('aria-pressed') == 'true' and painted(page) > 200
    assert 'drawn over it' in page.tab.locator('.mx-plane').get_attribute('aria-label')
    assert 'White: one cell' in part.inner_text()
    assert page.tab.locator('.mx-symmetry-facts table th').count() > 3


def test_what_does_not_repeat_is_said_plainly(page):
    assert 'not periodic' in open_item(page, 1).inner_text()
    assert page.tab.get_by_role('button', name='Draw the symmetry').get_attribute('aria-disabled') == 'true'
    assert painted(page) < 50                          # nothing is left of the item before
    assert 'one period only' in open_item(page, 2).inner_text()
    assert 'too small' in open_item(page, 3).inner_text()
    asked = [m for m in page.heard if m['kind'] == 'symmetry']
    open_item(page, 0)
    page.rest()
    assert len(symmetry_seen.SEEN) == 3 and len([m for m in page.heard if m['kind'] == 'symmetry']) == len(asked) + 1


def test_the_map_stands_beside_the_picture_and_is_read_with_the_keyboard(page):
    open_item(page, 0).get_by_role('button', name='Map of the symmetry').click()
    page.tab.wait_for_selector('.mx-symmap-body:not([hidden])', timeout=60_000)
    chart = page.tab.locator('.mx-symmap-canvas').nth(1)
    assert 'plane group' in chart.get_attribute('aria-label')
    chart.focus()
    page.tab.keyboard.press('ArrowRight')
    assert 'turned by' in page.tab.locator('.mx-symmap-here').inner_text()
    for layer in ('rotation', 'strain', 'departure'):
        page.tab.locator('.mx-symmap select').select_option(layer)
        page.rest()
        assert page.tab.locator('.mx-symmap-scale').count() == 1
    page.tab.keyboard.press('Escape')
    page.tab.wait_for_function("() => !document.querySelector('.mx-symmap').open")


def test_where_the_lattice_is_another_it_has_no_turn(page, monkeypatch):
    "The left column of windows has a lattice that is not the one of the rest: nothing is said of a turn against it"
    whole = symmetry_seen.symmetry_map

    def with_another(*given, **said):
        seen = whole(*given, **said).copy(deep=True)
        for name in ('rotation', 'strain_xx', 'strain_yy', 'strain_xy'): seen[name][:, 0] = np.nan
        return seen

    monkeypatch.setattr(symmetry_seen, 'symmetry_map', with_another)
    monkeypatch.setattr(symmetry_seen, 'MAPPED', symmetry_seen.KeptAnswers(2))
    open_item(page, 0).get_by_role('button', name='Map of the symmetry').click()
    page.tab.wait_for_selector('.mx-symmap-body:not([hidden])', timeout=60_000)
    page.tab.locator('.mx-symmap-canvas').nth(1).focus()
    said = page.tab.locator('.mx-symmap-here')
    page.tab.keyboard.press('ArrowUp')
    assert 'turned by' in said.inner_text() and 'another lattice' not in said.inner_text()
    page.tab.keyboard.press('ArrowLeft')
    assert 'another lattice than elsewhere' in said.inner_text()
    assert 'turned' not in said.inner_text() and 'NaN' not in said.inner_text()
    page.tab.keyboard.press('Escape')
    page.tab.wait_for_function("() => !document.querySelector('.mx-symmap').open")


def test_a_kept_answer_is_not_given_once_the_pixel_size_was_corrected(tmp_path, monkeypatch):
    "A file that was read anew with another scale is the same item, of the same pixels; its lattice is another one"
    monkeypatch.setattr(symmetry_seen, 'SEEN', symmetry_seen.KeptAnswers(10))
    told, ids = [], set()
    for number, size in enumerate((1e-9, 2e-9, 1e-9)):
        corpus = create_corpus(tmp_path/f'corpus {number}', 'Scans')
        corpus.append([Measurement(lattice(seed=n)[None], (Channel('height', 'nm'),), (size, size),
                                   source=f'{n}.ibw', sha256=f'{n:064x}') for n in range(2)])
        scene = Scene(matnb.Path.begin(matnb.embed(corpus, 'spectral', progress=False)))
        found = symmetry_seen.answer_symmetry(scene, Record({'row': 0, 'channel': 'height'}, ''))
        assert isinstance(found, Later) == (number < 2), 'worked out for each scale, and once only'
        told.append((found.work() if isinstance(found, Later) else found).body['lattice'])
        ids.add(corpus[0].id)
    assert len(ids) == 1 and 'a = 16.0' in told[0] and 'a = 32.0' in told[1] and told[2] == told[0], told
