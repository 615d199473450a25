// Pictures on the map instead of points: as many as there is room for, none over another, and the same ones while the
// map is moved. Those that are shown stay, then those come that are chosen, then the others, in an order that never changes.

const CANDIDATES = 20000; // points that are looked at for each choice
const MARKS = 260;
const MARK_SIZES = [96, 80, 64, 56, 48, 40]; // CSS pixels; few, so that pictures do not breathe while one zooms
const MOST_OF_THEM = 0.6;

export class Marks {
  constructor() { this.clear(); }

  clear() { Object.assign(this, { shown: [], size: 0, scale: 0 }); } // shown: points

  choose(cloud, window, inView) { // after the window, the step or what is chosen changed
    const near = grown(window.box(), 0.3);
    const stay = this.shown.filter((n) => !cloud.isGrey(n) && holds(near, cloud.placeOf(n)));
    const wanted = [stay, ...candidates(cloud, near, inView)];
    if (this.scale !== window.scale || !this.size) this.size = sizeFor(cloud, window, wanted, inView);
    this.scale = window.scale;
    this.shown = placed(cloud, window, wanted, this.size);
    return this.shown;
  }

  at(cloud, window, x, y) { // the point whose picture lies at a place on the screen, the uppermost first; or -1
    for (let k = this.shown.length - 1; k >= 0; k -= 1) {
      const [right, down] = window.toScreen(...cloud.placeOf(this.shown[k]));
      if (Math.abs(right - x) <= this.size / 2 && Math.abs(down - y) <= this.size / 2) return this.shown[k];
    }
    return -1;
  }

  draw(context, cloud, window, pictures, look) { // look: { theme, size, colourOf }
    for (const n of this.shown) {
      const picture = pictures.get(cloud.step.rows[n], look.size);
      if (picture) drawMark(context, window.toScreen(...cloud.placeOf(n)), picture, this.size, n, cloud, look);
    }
  }
}

function sizeFor(cloud, window, wanted, inView) { // the largest at which most points in view have a picture
  const box = window.box();
  const seen = (points) => points.reduce((sum, n) => sum + holds(box, cloud.placeOf(n)), 0);
  const fits = (size) => seen(placed(cloud, window, wanted, size)) >= MOST_OF_THEM * Math.min(inView, MARKS);
  return inView > 2 * MARKS ? MARK_SIZES.at(-1) : MARK_SIZES.find(fits) ?? MARK_SIZES.at(-1);
}

function placed(cloud, window, wanted, size) { // points of some lists, the first first, as many as there is room for
  const [room, kept] = [new Room(size), []];
  for (const points of wanted) {
    for (const n of points) {
      if (kept.length >= MARKS) return kept;
      if (room.take(...window.toScreen(...cloud.placeOf(n)))) kept.push(n);
    }
  }
  return kept;
}

function* candidates(cloud, box, inView) { // lists of points, the most welcome first
  const near = inView < CANDIDATES / 2 ? cloud.grid.within(box, CANDIDATES) : null;
  const points = near ? byRank(near) : someOf(cloud, box);
  if (cloud.flags) yield points.filter((n) => cloud.flags[n]);
  yield points;
}

function byRank(points) { return Uint32Array.from(points).sort((a, b) => rankOf(a) - rankOf(b)); }

function rankOf(n) { // a number that says nothing, always the same for a point
  let hash = Math.imul(n ^ 0x9e3779b9, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function someOf(cloud, box) { // points in view out of very many, chosen ones first
  const found = [];
  const every = Math.max(1, Math.floor(cloud.count / (8 * CANDIDATES)));
  for (let k = cloud.count - 1; k >= 0 && found.length < CANDIDATES / 4; k -= every) {
    const n = cloud.order[k];
    if (holds(box, cloud.placeOf(n))) found.push(n);
  }
  return byRank(found);
}

function holds(box, [x, y]) { return x >= box.x0 && x <= box.x1 && y >= box.y0 && y <= box.y1; }

function grown({ x0, y0, x1, y1 }, share) {
  const [right, up] = [(x1 - x0) * share, (y1 - y0) * share];
  return { x0: x0 - right, y0: y0 - up, x1: x1 + right, y1: y1 + up };
}

class Room { // which parts of the screen are taken by pictures of one size
  #taken = new Map();

  constructor(size) { this.apart = size + 4; }

  take(x, y) {
    const [column, line] = [Math.floor(x / this.apart), Math.floor(y / this.apart)];
    for (let dx = -1; dx <= 1; dx += 1) {
      for (let dy = -1; dy <= 1; dy += 1) {
        const other = this.#taken.get(`${column + dx} ${line + dy}`);
        if (other && Math.abs(other[0] - x) < this.apart && Math.abs(other[1] - y) < this.apart) return false;
      }
    }
    this.#taken.set(`${column} ${line}`, [x, y]);
    return true;
  }
}

function drawMark(context, [x, y], picture, size, n, cloud, { theme, colourOf }) {
  const grey = cloud.isGrey(n);
  const shrunk = size / Math.max(picture.width, picture.height);
  const [wide, high] = [picture.width * shrunk, picture.height * shrunk];
  const [left, top] = [Math.round(x - wide / 2), Math.round(y - high / 2)];
  context.fillStyle = theme.css.back;
  context.fillRect(left - 3, top - 3, wide + 6, high + 6);
  context.fillStyle = grey ? theme.css.line : colourOf(n);
  context.fillRect(left - 2, top - 2, wide + 4, high + 4);
  context.globalAlpha = 1;
  context.fillStyle = theme.css.back;
  context.fillRect(left, top, wide, high);
  context.globalAlpha = grey ? 0.4 : 1;
  context.drawImage(picture, left, top, wide, high);
  context.globalAlpha = 1;
}
