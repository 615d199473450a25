"The rooms of the house and the floors they stand on: a room imports only from floors below its own."
from pathlib import Path

ROOT = Path(__file__).parents[1]

FLOORS = {
    'corpus': 0,
    'learn': 1,
    'symmetry': 2,
    'similarity': 3, 'ebsd': 3, 'phases': 3, 'properties': 3,
    'explorer': 4, 'batch': 4, 'labs': 4,
}


def notebooks() -> list[Path]:
    "All source notebooks in reading order: the top of the house first, then room by room from the ground floor up"
    found = [p for p in (ROOT/'nbs').rglob('*.ipynb') if not any(part[0] in '._' for part in p.relative_to(ROOT).parts)]
    return sorted(found, key=reading_order)


def reading_order(path: Path) -> tuple[int, str, str]:
    "Where a notebook stands in the documentation"
    inside = path.relative_to(ROOT/'nbs')
    room = inside.parts[0] if len(inside.parts) > 1 else ''
    rooms = list(FLOORS)
    if room and room not in rooms: raise ValueError(f'nbs/{inside}: the room {room!r} is not in docs/house.py')
    return (rooms.index(room) if room else -1), '' if path.stem == 'index' else str(inside.parent), path.name
