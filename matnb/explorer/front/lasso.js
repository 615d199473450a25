// Which points a drawn line encircles: the arithmetic of matnb.similarity.outlines.inside_polygon, in doubles, so that
// the page and Python agree about every point. Edges are sorted into slabs by height, which leaves a point a few to try.

const SLABS = 512;

export function encircled(places, dimensions, corners, across = []) { // a byte per point: 1 inside, 0 not
  const seen = across.length ? seenAlong(places, dimensions, across) : places;
  const stride = across.length ? 2 : dimensions;
  const inside = new Uint8Array(seen.length / stride);
  const box = boxOf(corners);
  if (!(box.y1 > box.y0)) return inside; // a level line encircles nothing
  const slabs = slabsOf(corners, box);
  for (let n = 0, at = 0; n < inside.length; n += 1, at += stride) {
    const x = seen[at];
    const y = seen[at + 1];
    if (x >= box.x0 && x <= box.x1 && y >= box.y0 && y <= box.y1) inside[n] = isCrossedOddly(slabs, x, y);
  }
  return inside;
}

export function insideBox(places, dimensions, low, high) { // edges belong to the box
  const inside = new Uint8Array(places.length / dimensions);
  for (let n = 0, at = 0; n < inside.length; n += 1, at += dimensions) {
    const x = places[at];
    const y = places[at + 1];
    inside[n] = x >= low[0] && x <= high[0] && y >= low[1] && y <= high[1] ? 1 : 0;
  }
  return inside;
}

export function seenAlong(places, dimensions, across) { // a map as it is drawn: two coordinates per point
  const seen = new Float64Array((places.length / dimensions) * 2);
  const [[a, b, c], [d, e, f]] = across;
  for (let n = 0, at = 0; at < places.length; n += 2, at += dimensions) {
    const x = places[at];
    const y = places[at + 1];
    const z = places[at + 2];
    seen[n] = x * a + y * b + z * c;
    seen[n + 1] = x * d + y * e + z * f;
  }
  return seen;
}

export function boxOf(corners) {
  const [xs, ys] = [corners.map((c) => c[0]), corners.map((c) => c[1])];
  return { x0: Math.min(...xs), y0: Math.min(...ys), x1: Math.max(...xs), y1: Math.max(...ys) };
}

function slabsOf(corners, box) { // for each slab of heights the edges that reach into it
  const edges = corners.map((corner, n) => [...corner, ...corners[(n + 1) % corners.length]]).filter((e) => e[1] !== e[3]);
  const perHeight = SLABS / (box.y1 - box.y0);
  const slabs = { y0: box.y0, perHeight, lists: Array.from({ length: SLABS }, () => []) };
  for (const [x0, y0, x1, y1] of edges) {
    const [first, last] = [slabAt(slabs, Math.min(y0, y1)), slabAt(slabs, Math.max(y0, y1))];
    for (let n = first; n <= last; n += 1) slabs.lists[n].push(x0, y0, x1 - x0, y1 - y0, y1);
  }
  slabs.lists = slabs.lists.map((list) => Float64Array.from(list));
  return slabs;
}

function slabAt(slabs, y) { // rounding never changes the order of two heights, so a point's slab holds all it needs
  return Math.min(SLABS - 1, Math.floor((y - slabs.y0) * slabs.perHeight));
}

function isCrossedOddly(slabs, x, y) {
  const edges = slabs.lists[slabAt(slabs, y)];
  let odd = 0;
  for (let k = 0; k < edges.length; k += 5) {
    const y0 = edges[k + 1];
    if ((y0 > y) !== (edges[k + 4] > y) && x < edges[k + 2] * ((y - y0) / edges[k + 3]) + edges[k]) odd ^= 1;
  }
  return odd;
}

export function rowsInside(step, inside, bits) { // put the items of the points that are inside into a set of items
  for (let n = 0; n < inside.length; n += 1) if (inside[n]) bits.add(step.rows[n]);
  return bits;
}

export function closedPath(path, apart) { // a drawn line without the corners that lie nearer together than `apart`
  const kept = [path[0]];
  for (const corner of path) {
    const last = kept[kept.length - 1];
    if (Math.hypot(corner[0] - last[0], corner[1] - last[1]) >= apart) kept.push(corner);
  }
  return kept;
}
