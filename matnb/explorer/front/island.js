// All points of one island of a map: those that can be reached from one of them over points with company, as
// matnb.similarity.outlines.grow_cluster does it.

import { PlaceGrid } from './map_grid.js';

const COMPANY = 5; // points, itself included, that must lie around a point over which the island grows
const LOOKED_AROUND = 400; // points from which the usual distance to the company is found

export function islandAround(cloud, n) { // { inside: a byte per point, reach, least }
  const { places, dimensions } = cloud.step;
  const crowd = new Crowd(places, dimensions, cloud.solid ? new PlaceGrid(places, dimensions, cloud.count) : cloud.grid);
  const reach = 3 * crowd.usualDistance() || 1;
  return { inside: crowd.grow(n, reach), reach, least: COMPANY };
}

class Crowd {
  constructor(places, dimensions, grid) { Object.assign(this, { places, dimensions, grid }); }

  apart(n, m) { // squared
    let sum = 0;
    for (let d = 0; d < this.dimensions; d += 1) {
      const away = this.places[n * this.dimensions + d] - this.places[m * this.dimensions + d];
      sum += away * away;
    }
    return sum;
  }

  squares(n, reach) { // of the grid, that lie within reach of a point
    const x = this.places[n * this.dimensions];
    const y = this.places[n * this.dimensions + 1];
    return this.grid.touching({ x0: x - reach, y0: y - reach, x1: x + reach, y1: y + reach });
  }

  usualDistance() { // the median distance at which a point has its company
    const every = Math.max(1, Math.floor(this.grid.points.length / LOOKED_AROUND));
    const found = [];
    for (let k = 0; k < this.grid.points.length; k += every) found.push(this.#companyAt(this.grid.points[k]));
    return found.sort((a, b) => a - b)[found.length >> 1] ?? 0;
  }

  #companyAt(n) {
    const wanted = Math.min(COMPANY, this.grid.points.length);
    for (let reach = this.grid.spacing(); ; reach *= 2) {
      const apart = this.#within(n, reach * reach, this.squares(n, reach));
      if (apart.length >= wanted) return Math.sqrt(apart.sort((a, b) => a - b)[wanted - 1]);
    }
  }

  #within(n, most, squares) { // squared distances, none above `most`
    const found = [];
    for (const square of squares) {
      for (let k = this.grid.first[square]; k < this.grid.first[square + 1]; k += 1) {
        const apart = this.apart(n, this.grid.points[k]);
        if (apart <= most) found.push(apart);
      }
    }
    return found;
  }

  grow(seed, reach) {
    const { first } = this.grid;
    const inside = new Uint8Array(this.places.length / this.dimensions);
    const left = Uint32Array.from({ length: first.length - 1 }, (_, square) => first[square + 1] - first[square]);
    const edge = [seed];
    inside[seed] = 1;
    while (edge.length) {
      const n = edge.pop();
      const squares = this.squares(n, reach);
      if (this.#hasCompany(n, reach * reach, squares)) this.#takeAll(n, reach * reach, squares, inside, left, edge);
    }
    return inside;
  }

  #hasCompany(n, most, squares) {
    let company = 0;
    for (const square of squares) {
      for (let k = this.grid.first[square]; k < this.grid.first[square + 1]; k += 1) {
        if (this.apart(n, this.grid.points[k]) <= most) company += 1;
        if (company >= COMPANY) return true;
      }
    }
    return false;
  }

  #takeAll(n, most, squares, inside, left, edge) { // squares of which all points are taken are passed over
    for (const square of squares) {
      if (!left[square]) continue;
      let others = 0;
      for (let k = this.grid.first[square]; k < this.grid.first[square + 1]; k += 1) {
        const m = this.grid.points[k];
        if (inside[m]) continue;
        if (this.apart(n, m) <= most) { inside[m] = 1; edge.push(m); } else others += 1;
      }
      left[square] = others;
    }
  }
}
