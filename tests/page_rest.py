"Whether a page has come to rest: tests wait until no timer, frame, picture or question is on its way, not for a time"
import time

LONG = 2000      # milliseconds; a timer that takes longer watches over something and is not work

WATCH = f"""(() => {{
  const [later, never, frame, noFrame] = [setTimeout, clearTimeout, requestAnimationFrame, cancelAnimationFrame]
    .map((act) => act.bind(window));
  const [timers, frames] = [new Set(), new Set()];
  let pictures = 0;
  window.setTimeout = (act, delay = 0, ...given) => {{
    const number = later(() => {{ timers.delete(number); act(...given); }}, delay);
    if (delay < {LONG}) timers.add(number);
    return number;
  }};
  window.clearTimeout = (number) => {{ timers.delete(number); never(number); }};
  window.requestAnimationFrame = (act) => {{
    const number = frame((now) => {{ frames.delete(number); act(now); }});
    frames.add(number);
    return number;
  }};
  window.cancelAnimationFrame = (number) => {{ frames.delete(number); noFrame(number); }};
  const decode = window.createImageBitmap.bind(window);
  window.createImageBitmap = (...given) => {{
    pictures += 1;
    return decode(...given).finally(() => {{ pictures -= 1; }});
  }};
  const toBlob = HTMLCanvasElement.prototype.toBlob;
  HTMLCanvasElement.prototype.toBlob = function (act, ...given) {{
    pictures += 1;
    toBlob.call(this, (blob) => {{ pictures -= 1; act(blob); }}, ...given);
  }};
  window.afoot = async () => {{ // two frames later
    for (let n = 0; n < 2; n += 1) await new Promise((done) => {{ frame(() => later(done, 0)); }});
    return {{
      timers: timers.size, frames: frames.size, pictures, asked: window.asked?.length ?? 0, told: window.told ?? 0,
      question: (window.matnbStore ?? window.found)?.wire?.oldest()?.kind ?? null,
    }};
  }};
}})()"""


def rest(tab, beside=lambda found: '', patience=90.0, question=True):
    """Wait until a page, in which `WATCH` ran first, was at rest twice in turn

    `beside`: what else goes on, in words; with `question=False` an answer may still be awaited."""
    until, calm, busy = time.monotonic() + patience, 0, ''
    while calm < 2:
        found = tab.evaluate('() => window.afoot()')
        busy = ', '.join(f'{found[name]} {name}' for name in ('timers', 'frames', 'pictures') if found[name])
        if question and found['question']: busy += f' the question {found["question"]}'
        busy += beside(found)
        calm = 0 if busy else calm + 1
        if time.monotonic() > until: raise AssertionError(f'after {patience} s the page is not at rest: {busy}')
