"A person with a notebook and `matnb.explore(corpus)` in a real Jupyter: what they do, and what they see"
import json
from pathlib import Path

from explorer_corpora import identity_corpus
from jupyter_servers import CELLS, wait_for_idle, write_notebook

NAME = 'session.ipynb'
SAID = "import json; print(json.dumps(sorted(explorer.selection.ids)))"
OPEN = """import matnb
corpus = matnb.open_corpus({path!r})
explorer = matnb.explore(corpus, map='overview', height=640)
explorer"""
STORE = "const store = document.querySelectorAll('.matnb-explorer')[{view}].parentElement.matnbStore;"
RUN = """async (n) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = n;
  await window.jupyterapp.commands.execute('notebook:run-cell');
}"""
SHOW = """async (n) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  await notebook.scrollToItem(n, 'start');
  const { node } = notebook.widgets[n];
  const place = () => JSON.stringify([node.isConnected, node.getBoundingClientRect()]);
  for (let before = place(), calm = 0; calm < 10;) { // nothing has moved for ten frames
    await new Promise((done) => { requestAnimationFrame(done); });
    calm = place() === before && node.isConnected ? calm + 1 : 0;
    before = place();
  }
}"""
SAVED = '() => !window.jupyterapp.shell.currentWidget.context.model.dirty'
CODE, SECOND, SET, TOLD, PATH = 0, 2, 3, 1, 4         # numbers of the cells


def prepare(root: Path, items: int = 240) -> None:
    "A corpus, and a notebook that opens it"
    corpus = identity_corpus(root/'corpus', items)
    write_notebook(root, NAME, OPEN.format(path=str(corpus.path)), SAID, 'explorer',
                   "explorer.selection.set(where={'material': 'BiFeO3'})",
                   "print(explorer.path.breadcrumb); print(len(explorer.path))")


class Session:
    "A notebook in a tab"

    def __init__(self, browser):
        self.tab = browser.context.new_page()
        self.tab.set_viewport_size({'width': 1500, 'height': 1000})
        self.errors: list[str] = []
        self.tab.on('console', lambda m: self.errors.append(f'{m.text} {m.location}') if m.type == 'error' else None)
        self.tab.on('pageerror', lambda e: self.errors.append(f'{e} {e.stack}'))
        self.browser = browser

    def begin(self) -> None:
        "The notebook is there, its kernel idle"
        self.tab.wait_for_selector('.jp-NotebookPanel .jp-CodeCell', timeout=90_000)
        wait_for_idle(self.tab)

    def run(self, cell: int) -> None:
        "Run a cell and wait for its end"
        self.tab.evaluate(RUN, cell)
        wait_for_idle(self.tab)

    def printed(self, cell: int) -> str:
        "What a cell printed"
        outputs = self.tab.evaluate(CELLS)[cell]['outputs']
        wrong = [o for o in outputs if o['output_type'] == 'error' or o.get('name') == 'stderr']
        assert not wrong, wrong
        return ''.join(''.join(o['text']) for o in outputs if o.get('name') == 'stdout')

    def chosen_in_python(self) -> list[str]:
        "What the next cell says is chosen"
        self.run(TOLD)
        return json.loads(self.printed(TOLD).splitlines()[-1])

    def store(self, what: str, view: int = 0):
        "Evaluate JavaScript with the `store` of a view at hand"
        return self.tab.evaluate(f'() => {{ {STORE.format(view=view)} return {what}; }}')

    def until(self, what: str, view: int = 0, patience: float = 60_000) -> None:
        "Wait until JavaScript with `store` at hand is true"
        there = f"document.querySelectorAll('.matnb-explorer').length > {view}"
        ask = f'() => {{ if (!({there})) return false; {STORE.format(view=view)} return store && ({what}); }}'
        self.tab.wait_for_function(ask, timeout=patience)

    def drawn(self, view: int = 0) -> None:
        "A view shows its map and pictures"
        self.until('store.scene && store.step && !store.working', view)
        cells = f"document.querySelectorAll('.matnb-explorer')[{view}].querySelectorAll('.mx-cell canvas').length > 3"
        self.until(cells, view)

    def show(self, cell: int) -> None:
        "Scroll to a cell, and wait until it stays where it is"
        self.tab.evaluate(SHOW, cell)

    def lasso(self, view: int = 0) -> None:
        "Draw a line around the middle of the map"
        pane = self.tab.locator('.matnb-explorer').nth(view).locator('.mx-map-pane').first
        pane.scroll_into_view_if_needed()
        box = pane.bounding_box()
        places = [(box['x'] + box['width'] * x, box['y'] + box['height'] * y)
                  for x, y in ((0.3, 0.2), (0.7, 0.2), (0.75, 0.6), (0.5, 0.8), (0.25, 0.6), (0.3, 0.25))]
        self.tab.mouse.move(*places[0])
        self.tab.mouse.down()
        for place in places[1:]: self.tab.mouse.move(*place, steps=5)
        self.tab.mouse.up()
        self.until('store.conditions.some((c) => c.source === "map")', view)

    def chosen_on_page(self, view: int = 0) -> list[str]:
        "Ids of what a view shows as chosen, from the names of the files on its column"
        rows = self.store('(store.chosen ? [...store.chosen.rows()] : [])', view)
        return rows

    def counts(self, view: int = 0) -> str:
        "What the gallery says of how many it shows"
        return self.tab.locator('.matnb-explorer').nth(view).locator('.mx-area-gallery').inner_text()

    def press(self, name: str, view: int = 0) -> None:
        "Press a button of a view"
        self.tab.locator('.matnb-explorer').nth(view).get_by_role('button', name=name, exact=True).first.click()

    def own_errors(self) -> list[str]:
        "Errors in the console, without those of Jupyter's own files (`/static/`) and of lines that it opens anew"
        return [e for e in self.errors if '/static/' not in e and 'api/kernels' not in e and 'favicon' not in e]

    def close(self) -> None: self.tab.close()


def whole_session(session: Session, rows_of) -> None:
    "Open, choose by hand and from Python, map, undo, look twice, reload; rows_of: ids -> rows"
    session.begin()
    session.run(CODE)
    session.show(CODE)
    session.drawn()
    choose_by_hand(session, rows_of)
    choose_from_python(session, rows_of)
    map_and_undo(session)
    look_twice(session)
    reload(session, rows_of)
    assert session.browser.asked_elsewhere == []
    assert session.own_errors() == [], session.own_errors()


def choose_by_hand(session: Session, rows_of) -> None:
    "A lasso, then a word of a facet; gallery, facets and the next cell follow"
    session.lasso()
    rows = session.chosen_on_page()
    assert 5 < len(rows) < 235
    assert f'{len(rows)} of 240' in session.counts()
    assert sorted(rows_of(session.chosen_in_python())) == sorted(rows)
    session.show(CODE)
    session.tab.locator('.mx-facets [role=checkbox]:visible').first.click()
    session.until(f'store.chosen.count() < {len(rows)}')
    fewer = session.chosen_on_page()
    assert sorted(rows_of(session.chosen_in_python())) == sorted(fewer) and set(fewer) < set(rows)


def choose_from_python(session: Session, rows_of) -> None:
    "What a cell chooses is what the page shows"
    session.run(SET)
    session.show(CODE)
    session.until('store.conditions.length === 1 && store.conditions[0].source === "python"')
    rows = session.chosen_on_page()
    assert f'{len(rows)} of 240' in session.counts()
    assert sorted(rows_of(session.chosen_in_python())) == sorted(rows)


def map_and_undo(session: Session) -> None:
    "The chosen items get a map of their own, and the way back is there"
    session.show(CODE)
    rows = session.chosen_on_page()
    session.press('Map this selection')
    session.until(f'store.scene.steps.length === 2 && store.step.mapped && store.step.rows.length === {len(rows)}')
    session.run(PATH)
    assert session.printed(PATH).splitlines()[-1] == '2'
    session.show(CODE)
    session.press('Undo')
    session.until('store.step.rows.length === 240')
    session.press('Redo')
    session.until(f'store.step.rows.length === {len(rows)}')
    session.tab.locator('.mx-crumb').first.click()
    session.until('store.step.rows.length === 240')


def look_twice(session: Session) -> None:
    "A second view of the same explorer shows the same, and what is chosen in one is chosen in the other"
    session.run(SECOND)
    session.show(SECOND)
    session.drawn(1)
    session.lasso(1)
    session.until('store.conditions.length === 1 && store.conditions[0].source === "map"', 0)
    assert session.chosen_on_page(0) == session.chosen_on_page(1)


def reload(session: Session, rows_of) -> None:
    "After the page was loaded anew the view is there with what was chosen"
    before = session.chosen_on_page(0)
    session.tab.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    session.tab.wait_for_function(SAVED)
    session.tab.reload()
    session.begin()
    session.show(CODE)
    session.drawn()
    session.until('store.chosen !== null')
    assert session.chosen_on_page(0) == before
    assert sorted(rows_of(session.chosen_in_python())) == sorted(before)
