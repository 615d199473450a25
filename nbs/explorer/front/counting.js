// Counting items by word or by bin among any set of items, a little per frame, so that a million does not freeze the page.

const CHUNK = 1 << 17; // items counted before looking at the clock; a multiple of 8

export function* countedIn(codes, kinds, bits) { // gives how many items of the set have each code
  const counts = new Uint32Array(kinds);
  for (let from = 0; from < codes.length; from += CHUNK) {
    countRange(counts, codes, bits.bytes, from, Math.min(codes.length, from + CHUNK));
    yield;
  }
  return counts;
}

function countRange(counts, codes, bytes, from, to) { // whole bytes of the set at once where it is empty or full
  for (let r = from; r < to; r += 8) {
    const byte = bytes[r >> 3];
    if (byte === 0) continue;
    if (byte === 255) countEight(counts, codes, r);
    else for (let bit = 0; bit < 8; bit += 1) if ((byte >> bit) & 1) counts[codes[r + bit]] += 1;
  }
}

function countEight(counts, codes, r) {
  counts[codes[r]] += 1;
  counts[codes[r + 1]] += 1;
  counts[codes[r + 2]] += 1;
  counts[codes[r + 3]] += 1;
  counts[codes[r + 4]] += 1;
  counts[codes[r + 5]] += 1;
  counts[codes[r + 6]] += 1;
  counts[codes[r + 7]] += 1;
}

export function inFrames(work, budget = 8) { // run a generator for some milliseconds per frame; gives how to stop
  let asked = 0;
  const run = () => {
    const until = performance.now() + budget;
    do { if (work.next().done) return; } while (performance.now() < until);
    asked = requestAnimationFrame(run);
  };
  run();
  return () => { cancelAnimationFrame(asked); work.return?.(); };
}

// --- Quantities and dates as codes: 0 for missing, n for the n-th bin

export function* binned(values, edges, log) {
  const codes = new Uint8Array(values.length);
  const place = placeIn(edges, log);
  for (let from = 0; from < values.length; from += CHUNK) {
    const to = Math.min(values.length, from + CHUNK);
    for (let r = from; r < to; r += 1) codes[r] = Number.isNaN(values[r]) ? 0 : place(values[r]);
    yield;
  }
  return codes;
}

function placeIn(edges, log) { // the number of a bin, from 1; outside, the first or the last
  const last = edges.length - 1;
  const scaled = log ? Math.log : Number;
  const [first, width] = [scaled(edges[0]), (scaled(edges[last]) - scaled(edges[0])) / last];
  const even = edges.every((edge, n) => Math.abs(scaled(edge) - first - n * width) < width * 1e-3);
  return (value) => {
    let bin = even ? Math.floor((scaled(value) - first) / width) : between(edges, value);
    bin = bin > 0 ? (bin < last ? bin : last - 1) : 0;
    if (value < edges[bin] && bin > 0) bin -= 1; // rounding at the edges
    else if (value >= edges[bin + 1] && bin < last - 1) bin += 1;
    return bin + 1;
  };
}

function between(edges, value) { // by halving
  let [low, high] = [0, edges.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (value < edges[middle]) high = middle; else low = middle;
  }
  return low;
}

export function rangeAmong(values, bits) { // { low, high, held, missing } of the items of a set
  let [low, high, held, missing] = [Infinity, -Infinity, 0, 0];
  const { bytes } = bits;
  for (let r = 0; r < values.length; r += 1) {
    if (!((bytes[r >> 3] >> (r & 7)) & 1)) continue;
    const value = values[r];
    if (!Number.isFinite(value)) { missing += 1; continue; }
    held += 1;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high, held, missing };
}

// --- What is unusual

export function unusual(count, chosen, held, all) { // of `all` items `held` have a word; of `chosen` ones `count` do
  if (!chosen || chosen >= all || !held) return null;
  const share = held / all;
  const expected = chosen * share;
  const spread = Math.sqrt(expected * (1 - share) * ((all - chosen) / Math.max(1, all - 1))); // drawn without putting back
  const ratio = count / expected;
  return spread > 0 && count >= 3 && ratio >= 1.25 && (count - expected) / spread >= 3 ? ratio : null;
}

// --- Crossfilter: what all conditions but those on one facet leave

export function othersMet(inside, met, but) { // met: Map of name -> Bits
  let bits = inside;
  for (const [name, each] of met) if (name !== but) bits = bits.and(each);
  return bits;
}

