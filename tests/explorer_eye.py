"What the explorer shows, read from the pixels on the screen: which item each picture is of, and where points lie"
import io
from typing import NamedTuple

import numpy as np
from explorer_corpora import Identity, read_identity

PICTURES = """() => {
  const store = window.matnbStore;
  const corners = [[0.5, 0.5], [0.03, 0.03], [0.97, 0.03], [0.03, 0.97], [0.97, 0.97], [0.5, 0.97], [0.5, 0.03]];
  const whole = (box, node) => corners.every(([x, y]) => {
    const top = document.elementFromPoint(box.x + x * box.width, box.y + y * box.height);
    return top && (top === node || node.contains(top) || top.contains(node) || node.closest('.mx-map-tip'));
  });
  const found = [];
  const add = (where, row, node) => {
    const box = node.getBoundingClientRect();
    if (!node.hidden && box.width >= 24 && box.height >= 24 && row >= 0 && whole(box, node)) {
      found.push({ where, row, box: [box.x, box.y, box.width, box.height] });
    }
  };
  for (const cell of document.querySelectorAll('.mx-cell')) {
    const canvas = cell.querySelector('canvas');
    if (canvas && !cell.querySelector('.mx-awaited')) add('gallery', Number(cell.dataset.row), canvas);
  }
  const tip = document.querySelector('.mx-map-tip');
  if (tip && !tip.hidden && !tip.querySelector('.mx-empty')) add('hover', store.hovered, tip.querySelector('canvas'));
  const card = document.querySelector('.mx-viewer canvas.mx-plane');
  const busy = document.querySelector('.mx-card[aria-busy]');
  const shown = card && store.focused >= 0 && !busy && card.getBoundingClientRect();
  if (shown?.width && document.elementFromPoint(shown.x + shown.width / 2, shown.y + shown.height / 2) === card) {
    found.push({ where: 'card', row: store.focused, box: [shown.x, shown.y, shown.width, shown.height] });
  }
  return { found, channel: store.picture.channel, edition: store.scene.edition };
}"""
WINDOW = """() => {
  const store = window.matnbStore;
  const pane = document.querySelector('.mx-map-pane');
  const box = pane.getBoundingClientRect();
  const view = store.scene.view?.map ?? null;
  return { box: [box.x, box.y, box.width, box.height], view, step: store.step.number };
}"""
ROOM, MOST_ROOM = 0.06, 0.13  # of its extent, left free around a whole map
ROOM_FOR_PICTURES, FEW = 40, 300   # pixels that are left free around a map of few points if that is not too much


class Seen(NamedTuple):
    "One picture on the screen"

    where: str
    row: int
    told: Identity | None              # what its pixels say


def screen(tab) -> np.ndarray:
    "The lightness of what the browser shows"
    from PIL import Image
    taken = Image.open(io.BytesIO(tab.screenshot(animations='allow', caret='initial')))
    return np.asarray(taken.convert('RGB'), float) @ [0.299, 0.587, 0.114]


def cut(light: np.ndarray, box: list[float]) -> np.ndarray:
    "A part of the screen"
    left, top, wide, high = box
    return light[round(top):round(top + high), round(left):round(left + wide)]


def pictures_seen(tab) -> list[Seen]:
    "Pictures of gallery and hover that are wholly in sight, and stayed the same while the screen was read"
    before = tab.evaluate(PICTURES)
    light = screen(tab)
    after = tab.evaluate(PICTURES)
    if (before['channel'], before['edition']) != (after['channel'], after['edition']): return []
    same = [one for one in before['found'] if one in after['found']]
    return [Seen(one['where'], one['row'], read_at(light, one)) for one in same]


def read_at(light: np.ndarray, one: dict) -> Identity | None:
    "What the pixels of a picture say; on the card it stands in the middle of its stage, with or without room around"
    if one['where'] != 'card': return read_identity(cut(light, one['box']))
    left, top, wide, high = one['box']
    for room in range(0, 40, 4):
        side = min(wide, high) - room
        told = read_identity(cut(light, [left + (wide - side) / 2, top + (high - side) / 2, side, side]))
        if told: return told
    return None


def with_room(extent: np.ndarray, points: int) -> np.ndarray:
    "What a whole map takes of the screen"
    least = ROOM_FOR_PICTURES if points <= FEW else 0
    return extent - 2 * np.minimum(np.maximum(ROOM * extent, least), MOST_ROOM * extent)


def places_on_screen(tab, places: np.ndarray, windows: dict[int, dict]) -> np.ndarray:
    "Where points of the current step lie on the screen, from what Python knows of the map; windows: kept ones by step"
    told = tab.evaluate(WINDOW)
    left, top, wide, high = told['box']
    view = windows.get(told['step'], {})
    if 'middle' in view: middle, scale = np.array(view['middle']), min(wide, high) / view['span']
    else:
        low, most = np.nanmin(places, 0), np.nanmax(places, 0)
        across = np.where(most > low, most - low, 1)
        middle, scale = (low + most) / 2, float((with_room(np.array([wide, high]), len(places)) / across).min())
    x = (places[:, 0] - middle[0]) * scale + wide / 2 + left
    y = high / 2 - (places[:, 1] - middle[1]) * scale + top
    return np.stack([x, y], 1)
