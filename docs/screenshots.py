"""Pictures of the explorer for the documentation: `python docs/screenshots.py` draws nbs/pictures/*.png.

They are taken in a real browser of the page as it is, on the demo corpus, so that they cannot show what is not there.
"""
import io
import sys

from house import ROOT
from PIL import Image

sys.path[:0] = [str(ROOT), str(ROOT/'tests')]
PICTURES = ROOT/'nbs'/'pictures'
COLOURS = 255

# What is done in the page before each picture: JavaScript with `store` (what the page knows) and `press` (a button by
# its words) at hand.
STATES = {
    'explorer': ("store.setView({ colour: 'domain_type' });", True),
    'item': ("store.setView({ colour: 'domain_type' }); store.focus(store.step.rows[64]);", False),
    'properties': ("press('Both'); store.setView({ colour: 'material' });", True),
    'pictures': ("press('Pictures'); store.setView({ colour: 'domain_type' });", False),
    'comparison': ('', False),
    'symmetry': ("store.focus(store.step.rows.at(-1));"
                 "await until(() => document.querySelector('.mx-symmetry-short.mx-on-word')); press('Draw');", False),
}
PRESS = """const until = async (what) => { while (!what()) await new Promise((go) => setTimeout(go, 100)); };
const press = (words) => [...document.querySelectorAll('.matnb-explorer button')]
  .find((b) => b.textContent.trim() === words && b.getAttribute('aria-pressed') !== 'true')?.click();"""


def lasso(page):
    "Draw a line around an island of the map with the mouse"
    box = page.tab.locator('.mx-map-top').first.bounding_box()
    at = [(box['x'] + box['width']*x, box['y'] + box['height']*y) for x, y in OUTLINE]
    page.tab.mouse.move(*at[0])
    page.tab.mouse.down()
    for x, y in at[1:] + at[:1]: page.tab.mouse.move(x, y, steps=4)
    page.tab.mouse.up()


OUTLINE = [(.77, .70), (.86, .66), (.95, .70), (.95, .80), (.86, .83), (.77, .80)]


def keep(png, file):
    "Store a picture with few colours, which is small and looks the same"
    picture = Image.open(io.BytesIO(png)).convert('RGB')
    picture = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    picture.save(file, 'PNG', optimize=True)
    print(file.relative_to(ROOT), f'{file.stat().st_size / 1000:.0f} kB')


def take(browser, path, name, dark=False):
    "Bring the page into a state and take its picture"
    from front_page import FrontPage

    from matnb.explorer.scene import Scene
    run, with_lasso = STATES[name]
    scene = Scene(path)
    page = FrontPage(browser, scene, width=1180, height=760, dark=dark)
    page.until('store.step && store.step.places.length')
    if name == 'comparison': page.store(f'store.compareWith({path.steps[1].number})')
    page.tab.evaluate(f'async () => {{ const store = window.matnbStore; {PRESS} {run} }}')
    page.tab.wait_for_timeout(1500)
    if with_lasso: lasso(page)
    page.tab.wait_for_timeout(2500)
    keep(page.tab.screenshot(), PICTURES/f'{name}.png')
    assert not page.errors, page.errors
    page.close()


def with_lattices():
    "A path on simulated scans, some of them of ordered domains; the last one has the plane group p4mm"
    import tempfile

    import matnb
    from matnb.symmetry.ordered_domains import append_ordered
    corpus = append_ordered(matnb.simulate_corpus(f'{tempfile.mkdtemp()}/scans', 300), 31)
    corpus = matnb.map(matnb.embed(corpus))
    return matnb.Path.begin(corpus, on='map of microscopy')


def main():
    "Take all pictures, or those that are named"
    from conftest import Browser
    from front_page import found_chromium
    from playwright.sync_api import sync_playwright

    import matnb
    corpus = matnb.open_corpus('pfm-demo')
    corpus = matnb.embed(corpus)
    if 'map of microscopy' not in corpus.vector_sets: corpus = matnb.map(corpus)
    path = matnb.Path.begin(corpus, on='map of microscopy')
    path.select(where={'outcome': 'failed'}, name='failed')
    path.refine(progress=False)
    path.go(1)
    paths = dict.fromkeys(STATES, path) | {'symmetry': with_lattices()}
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found_chromium(), args=['--no-sandbox', '--disable-gpu'])
        for name in sys.argv[1:] or STATES: take(Browser(chromium), paths[name], name, dark=name == 'properties')
        chromium.close()


if __name__ == '__main__': main()
