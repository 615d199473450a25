"A map of points that are made in the page, so that a million of them cost nothing to bring there"
from pathlib import Path

from front_page import ADDRESS, FRONT, PAGE
from page_rest import WATCH, rest

MAKE = (Path(__file__).parent/'map_page.js').read_text(encoding='utf-8').partition('\n')[2]


class MapPage:
    "A map in a tab of a test's browser, of a scene that only exists there"

    def __init__(self, browser, items, dimensions=2, width=900, height=640, dark=False, part='map'):
        from matnb.explorer.front_end import joined, styles
        self.errors = []
        self.tab = browser.context.new_page()
        self.tab.set_viewport_size({'width': width, 'height': height})
        self.tab.on('console', lambda m: self.errors.append(m.text) if m.type == 'error' else None)
        self.tab.on('pageerror', lambda e: self.errors.append(str(e)))
        self.tab.route(ADDRESS + '**', lambda route: route.fulfill(body=PAGE, content_type='text/html'))
        self.tab.add_init_script(WATCH)
        self.tab.goto(ADDRESS)
        self.tab.evaluate(MAKE, {'code': joined(FRONT), 'style': styles(FRONT), 'items': items, 'part': part,
                                 'dimensions': dimensions, 'dark': dark, 'height': height})
        self.settle()

    def run(self, code):
        "Run JavaScript with `store` and the parts of the map at hand; it may await"
        return self.tab.evaluate(f"""async () => {{
          const store = window.matnbStore;
          const pane = document.querySelector('.mx-map')?.pointMap?.main;
          const rest = (milliseconds = 300) => new Promise((done) => setTimeout(done, milliseconds));
          const middle = (list) => list.slice().sort((a, b) => a - b)[list.length >> 1];
          {code} }}""")

    def settle(self):
        "Wait until the map has come to rest"
        rest(self.tab)

    def close(self):
        "Stop the page as a notebook does"
        self.tab.evaluate('() => window.stopPage?.()')
        self.tab.close()
