// Which points lie near a place: points sorted into the squares of a grid, so that only a few have to be looked at.

export class PlaceGrid {
  constructor(flat, stride, count) {
    Object.assign(this, { flat, stride, count });
    this.box = boundsOf(flat, stride, count);
    this.side = Math.max(1, Math.min(1024, Math.round(Math.sqrt(count / 3))));
    const { x0, y0, x1, y1 } = this.box;
    [this.perX, this.perY] = [this.side / (x1 - x0 || 1), this.side / (y1 - y0 || 1)];
    this.#sort();
  }

  #square(n) { // -1 for a point that has no place
    const x = this.flat[n * this.stride];
    const y = this.flat[n * this.stride + 1];
    return x === x && y === y ? this.#line(y) * this.side + this.#column(x) : -1;
  }

  #column(x) { return clamp(Math.floor((x - this.box.x0) * this.perX), this.side); }

  #line(y) { return clamp(Math.floor((y - this.box.y0) * this.perY), this.side); }

  #sort() { // counting: how many are in each square, where each square begins, then each point to its place
    const [squares, first] = [new Int32Array(this.count), new Uint32Array(this.side * this.side + 1)];
    for (let n = 0; n < this.count; n += 1) {
      squares[n] = this.#square(n);
      if (squares[n] >= 0) first[squares[n] + 1] += 1;
    }
    for (let k = 1; k < first.length; k += 1) first[k] += first[k - 1];
    const [next, points] = [first.slice(), new Uint32Array(first[first.length - 1])];
    for (let n = 0; n < this.count; n += 1) if (squares[n] >= 0) points[next[squares[n]]++] = n;
    Object.assign(this, { first, points });
  }

  spacing() { // of points, were they spread evenly
    const { x0, y0, x1, y1 } = this.box;
    return Math.sqrt(((x1 - x0 || 1) * (y1 - y0 || 1)) / Math.max(1, this.points.length));
  }

  touching({ x0, y0, x1, y1 }) { // the squares that a box touches
    const [left, right, low, high] = [this.#column(x0), this.#column(x1), this.#line(y0), this.#line(y1)];
    const found = [];
    for (let line = low; line <= high; line += 1) {
      for (let column = left; column <= right; column += 1) found.push(line * this.side + column);
    }
    return found;
  }

  within(box, most = Infinity) { // points whose squares a box touches; null when there are more than that
    const found = [];
    for (const square of this.touching(box)) {
      if (found.length + this.first[square + 1] - this.first[square] > most) return null;
      for (let k = this.first[square]; k < this.first[square + 1]; k += 1) found.push(this.points[k]);
    }
    return found;
  }

  nearest(x, y, reach, better = null) { // the point nearest to a place, or -1 when none is within reach
    let [best, least] = [-1, reach * reach];
    const [left, right] = [this.#column(x - reach), this.#column(x + reach)];
    for (let line = this.#line(y - reach); line <= this.#line(y + reach); line += 1) {
      for (let k = this.first[line * this.side + left]; k < this.first[line * this.side + right + 1]; k += 1) {
        const n = this.points[k];
        const dx = this.flat[n * this.stride] - x;
        const dy = this.flat[n * this.stride + 1] - y;
        const apart = dx * dx + dy * dy;
        if (apart < least || (apart === least && better?.(n, best))) [best, least] = [n, apart];
      }
    }
    return best;
  }
}

export function boundsOf(flat, stride, count) { // of all points that have a place
  const box = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
  for (let n = 0, at = 0; n < count; n += 1, at += stride) {
    const x = flat[at];
    const y = flat[at + 1];
    if (x < box.x0) box.x0 = x;
    if (x > box.x1) box.x1 = x;
    if (y < box.y0) box.y0 = y;
    if (y > box.y1) box.y1 = y;
  }
  return box.x0 <= box.x1 && box.y0 <= box.y1 ? box : { x0: 0, y0: 0, x1: 1, y1: 1 };
}

function clamp(n, side) { return n < 0 ? 0 : n >= side ? side - 1 : n; }
