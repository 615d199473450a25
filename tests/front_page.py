"The explorer on a page wired to Python without Jupyter: `python tests/front_page.py --items 2000 --shot out.png`"
import argparse
import base64
import json
import queue
import sys
from pathlib import Path

from page_rest import WATCH, rest

ROOT = Path(__file__).parents[1]
FRONT = ROOT/'nbs'/'explorer'/'front'                # the source, so that an edit is seen at once
ADDRESS = 'http://127.0.0.1:1/'                      # never asked: the page is given by hand

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>matnb</title><link rel="icon" href="data:,">
</head><body><main id="here"></main></body></html>"""

WIRE = """async ({code, style, traits}) => {
  const sheet = document.createElement('style');
  sheet.textContent = style;
  document.head.append(sheet);
  const hears = new Set();
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const take = (told) => {
    for (const [message, buffers] of JSON.parse(told)) {
      window.told += 1;
      for (const hear of hears) hear(message, buffers.map(bytes));
    }
  };
  const settings = new Map(Object.entries(traits));
  const watchers = new Map();
  const model = {
    get: (name) => settings.get(name),
    set: (name, value) => settings.set(name, value),
    save_changes: () => {},
    send: (message) => { window.asked.push(message.kind); window.toPython(JSON.stringify(message)).then(take); },
    on: (event, act) => (event === 'msg:custom' ? hears.add(act) : watchers.set(event, act)),
    off: (event, act) => (event === 'msg:custom' ? hears.delete(act) : watchers.delete(event)),
  };
  window.asked = [];
  window.told = 0;
  window.changeTrait = (name, value) => { settings.set(name, value); watchers.get(`change:${name}`)?.(); };
  window.stopPolling = setInterval(() => window.toPython('').then(take), 40);
  const address = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
  const { default: page } = await import(address);
  const el = document.getElementById('here');
  window.stopPage = await page.render({ model, el });
  window.matnbStore = el.matnbStore ?? el.firstElementChild?.matnbStore;
}"""


class FrontPage:
    "A part of the explorer in a tab of a test's browser, talking to a scene in this process"

    def __init__(self, browser, scene, part='explorer', width=1180, height=760, dark=False, folder=FRONT,
                 view_of=None, **traits):
        "With `view_of=page` it is another view of the same widget: both hear whatever is said to one of them"
        from matnb.explorer.front_end import joined, styles
        from matnb.explorer.talk import Talk
        self.scene, self.waiting, self.errors = scene, queue.SimpleQueue(), []
        self.heard: list[dict] = []                  # every message from the page
        self.hears = 0                               # how many there were
        self.sent: list[tuple[str, int]] = []        # kind and size of every message to the page
        self.views = [] if view_of is None else view_of.views
        self.views.append(self)
        self.talk = Talk(scene, self._tell_all) if view_of is None else view_of.talk
        self.tab = browser.context.new_page()
        self.tab.set_viewport_size({'width': width, 'height': height})
        if dark: self.tab.emulate_media(color_scheme='dark')
        self.tab.on('console', lambda m: self.errors.append(m.text) if m.type == 'error' else None)
        self.tab.on('pageerror', lambda e: self.errors.append(str(e)))
        self.tab.route(ADDRESS + '**', lambda route: route.fulfill(body=PAGE, content_type='text/html'))
        self.tab.expose_binding('toPython', self._hear)
        self.tab.add_init_script(WATCH)
        self.tab.goto(ADDRESS)
        told = {'part': part, 'height': height, 'theme': 'dark' if dark else 'auto', **traits}
        self.tab.evaluate(WIRE, {'code': joined(folder), 'style': styles(folder), 'traits': told})

    def _tell_all(self, message, buffers):
        "Say something on the line, as a widget does to all of its views"
        for view in self.views: view.waiting.put((message, buffers))

    def _hear(self, source, text):
        "Take a message from the page; give back all that waits to be said to it"
        if text:
            self.hears += 1
            self.heard.append(json.loads(text))
            self.talk.hear(self.heard[-1])
        told = []
        while not self.waiting.empty():
            message, buffers = self.waiting.get()
            self.sent.append((message['kind'], len(json.dumps(message)) + sum(map(len, buffers))))
            told.append([message, [base64.b64encode(b).decode() for b in buffers]])
        return json.dumps(told)

    def store(self, what, *given):
        "Evaluate JavaScript with `store` at hand, e.g. `store.scene.count`"
        return self.tab.evaluate(f'(given) => {{ const store = window.matnbStore; return {what}; }}', list(given))

    def until(self, what, timeout=20_000):
        "Wait until JavaScript with `store` at hand is true"
        self.tab.wait_for_function(f'() => {{ const store = window.matnbStore; return {what}; }}', timeout=timeout)

    def rest(self, question=True):
        "Wait until page and Python have told each other everything, all questions are answered, and all of it is drawn"
        rest(self.tab, self._on_the_line, question=question and not self.kept_back())

    def _on_the_line(self, found):
        "What was said and not yet heard, in words"
        waiting = found['asked'] - self.hears, self.waiting.qsize() + len(self.sent) - found['told']
        return f' {waiting[0]} messages to Python, {waiting[1]} from it' if any(waiting) else ''

    def kept_back(self):
        "Whether answers are kept from the page"
        return False

    def shot(self, file):
        "A picture of the page"
        self.tab.screenshot(path=str(file))

    def close(self):
        "Stop the page as a notebook does, and close the tab"
        self.tab.evaluate('() => { clearInterval(window.stopPolling); window.stopPage?.(); }')
        self.views.remove(self)
        if not self.views: self.talk.close()
        self.tab.close()


def demo_corpus(items, folder=None):
    "A simulated corpus with vectors and a map, kept for the next time"
    import matnb
    from matnb.corpus.public import cache_folder
    place = Path(folder or cache_folder()/f'explorer-demo-{items}')
    corpus = matnb.simulate_corpus(place, items)
    if 'spectral' not in corpus.vector_sets: corpus = matnb.embed(corpus, 'spectral')
    if 'map of spectral' not in corpus.vector_sets: corpus = matnb.map(corpus, 'spectral')
    return corpus


def demo_scene(items, folder=None):
    "A scene of a simulated corpus"
    import matnb
    from matnb.explorer.scene import Scene
    return Scene(matnb.Path.begin(demo_corpus(items, folder), on='map of spectral'))


def main():
    "A look at the page while it is being written"
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument('--items', type=int, default=2000)
    ask.add_argument('--part', default='explorer')
    ask.add_argument('--shot', default='out.png')
    ask.add_argument('--width', type=int, default=1180)
    ask.add_argument('--height', type=int, default=760)
    ask.add_argument('--dark', action='store_true')
    ask.add_argument('--wait', type=float, default=1.0, help='seconds before the picture')
    ask.add_argument('--run', default='', help='JavaScript to run first, with `store` at hand; may await')
    told = ask.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT/'tests')]
    from playwright.sync_api import sync_playwright
    scene = demo_scene(told.items)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found_chromium(), args=['--no-sandbox', '--disable-gpu'])
        from conftest import Browser
        page = FrontPage(Browser(chromium), scene, told.part, told.width, told.height, told.dark)
        if told.run: page.tab.evaluate(f'async () => {{ const store = window.matnbStore; {told.run} }}')
        page.tab.wait_for_timeout(1000 * told.wait)
        page.shot(told.shot)
        for error in page.errors: print('console:', error)
        print('asked:', ', '.join(m['kind'] for m in page.heard))
        page.close()
        chromium.close()
    return bool(page.errors)


def found_chromium():
    "Where the browser is"
    import subprocess
    return subprocess.run([ROOT/'.ci'/'chromium'], text=True, capture_output=True, check=True).stdout.strip()


if __name__ == '__main__': sys.exit(main())
