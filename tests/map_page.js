// A scene that exists only in the page: points in arcs, two facets, pictures; see map_page.py
async ({code, style, items, dimensions, dark, height, part}) => {
  const sheet = document.createElement('style');
  sheet.textContent = style + '\nbody { margin: 0; } main { height: ' + height + 'px; } .matnb-explorer { height: 100%; }';
  document.head.append(sheet);
  let state = 7;
  const random = () => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return state / 4294967296; };
  const normal = () => Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(6.283185307 * random());
  const kinds = 11;
  const middles = Array.from({ length: kinds }, () => [20 * random(), 14 * random(), 10 * random()]);
  const places = new Float32Array(items * dimensions);
  const words = new Uint16Array(items);
  const values = new Float32Array(items);
  for (let n = 0; n < items; n += 1) {
    const kind = Math.floor(kinds * random() ** 1.6);
    const arc = 2.5 * random();
    const place = [Math.cos(arc) * (1 + kind / 4), Math.sin(arc) * 2, Math.sin(2 * arc)];
    for (let d = 0; d < dimensions; d += 1) places[n * dimensions + d] = middles[kind][d] + place[d] + 0.25 * normal();
    words[n] = random() < 0.03 ? 0 : kind + 1;
    values[n] = random() < 0.02 ? NaN : 1e-9 * Math.exp(1.1 * normal() + kind / 3);
  }
  const names = ['', ...Array.from({ length: kinds }, (_, n) => 'BaTiO3 BiFeO3 PbTiO3 PZT PMN-PT LiNbO3 HfO2 SrTiO3 KNN BTFO P(VDF)'.split(' ')[n])];
  const columns = {
    material: { name: 'material', label: 'Material', kind: 'category', stored: 'u2', words: names, bytes: words },
    size: { name: 'size', label: 'Domain size', kind: 'quantity', unit: 'm', stored: 'f4', bytes: values },
  };
  const facets = Object.values(columns).map(({ bytes, words: w, ...rest }) => ({ ...rest, values: 11, missing: 0, about: '' }));
  const bytes = (array) => new Uint8Array(array.buffer);
  const rowsOf = (step) => Uint32Array.from({ length: step === 1 ? items : Math.ceil(items / 3) }, (_, n) => (step === 1 ? n : 3 * n));
  const steps = [1, 2].map((number) => ({
    number, parent: number - 1, name: '', label: number === 1 ? 'all' : 'a third', count: rowsOf(number).length, said: '',
    mapped: true, dimensions, vectors: 'made up', quality_said: 'Neighbours kept: 97 % (trustworthiness 0.97)',
  }));
  window.askedFor = [];
  const png = async (row) => {
    const [wide, high] = row % 5 === 0 ? [96, 64] : [64, 64];
    const canvas = Object.assign(document.createElement('canvas'), { width: wide, height: high });
    const image = new ImageData(wide, high);
    for (let n = 0; n < wide * high; n += 1) {
      const [x, y] = [n % wide, Math.floor(n / wide)];
      image.data.fill(128 + 110 * Math.sin(x / (3 + words[row]) + row) * Math.cos(y / 9 + values[row] * 1e9), 4 * n, 4 * n + 3);
      image.data[4 * n + 3] = 255;
    }
    canvas.getContext('2d').putImageData(image, 0, 0);
    return new Uint8Array(await (await new Promise((done) => canvas.toBlob(done))).arrayBuffer());
  };
  const answers = {
    hello: () => [{
      kind: 'scene', edition: 1, title: 'made up', count: items, simulated: true, facets, channels: ['height'], vectors: ['made up'],
      steps, current: 1, chosen: { conditions: [] }, view: {}, live: true, where: 'nowhere', undo: 0, redo: 0,
    }, []],
    places: ({ step }) => {
      const rows = rowsOf(step);
      const own = new Float32Array(rows.length * dimensions);
      rows.forEach((row, n) => { for (let d = 0; d < dimensions; d += 1) own[n * dimensions + d] = step === 1 ? places[row * dimensions + d] : places[row * dimensions + (d + 1) % 2]; });
      return [{ dimensions, mapped: true, quality: {} }, [bytes(rows), bytes(own)]];
    },
    columns: ({ facets: [name] }) => [{ columns: [columns[name]] }, [bytes(columns[name].bytes)]],
    distances: ({ row }) => [{ said: 'made up' }, [bytes(Float32Array.from({ length: items }, (_, n) => Math.hypot(places[n * dimensions] - places[row * dimensions], places[n * dimensions + 1] - places[row * dimensions + 1])))]],
    thumbnails: async ({ rows }) => {
      window.askedFor.push(rows);
      if (window.slowly) await new Promise((done) => setTimeout(done, window.slowly));
      const alts = rows.map((row) => `Picture of item ${row}`);
      return [{ rows, shapes: rows.map(() => [64, 64]), widths: rows.map(() => 1e-6), alts, labels: rows.map((row) => `Item <b>${row}</b>, ${names[words[row]]}`), failed: {} }, await Promise.all(rows.map(png))];
    },
  };
  const answer = async (kind, body) => {
    if (!answers[kind]) return null;
    const [message, buffers] = await answers[kind](body);
    return { message, buffers };
  };
  const address = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
  const { default: page } = await import(address);
  const el = document.getElementById('here');
  if (dark) document.body.style.cssText = 'color: #eee; background: #111';
  window.made = { places, words, values };
  window.stopPage = await page.render({ model: { answer, part }, el });
  window.matnbStore = el.matnbStore ?? el.firstElementChild?.matnbStore;
  if (dark) { el.firstElementChild.classList.add('mx-dark'); window.matnbStore.emit('theme', 'dark'); }
}
