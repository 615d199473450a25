"The explorer's modules and style sheets from nbs/explorer/front into the package: `python docs/front.py`"
import shutil

from house import ROOT

SOURCE, COPY = ROOT/'nbs'/'explorer'/'front', ROOT/'matnb'/'explorer'/'front'


def front_files() -> dict[str, bytes]:
    "What belongs into the package, by name"
    return {p.name: p.read_bytes() for p in sorted(SOURCE.iterdir()) if p.suffix in ('.js', '.css')}


def copied_files() -> dict[str, bytes]:
    "What is in the package, by name"
    return {p.name: p.read_bytes() for p in sorted(COPY.iterdir())} if COPY.is_dir() else {}


def main() -> None:
    "Make the copy equal to the source"
    wanted = front_files()
    if wanted == copied_files(): return
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir(parents=True)
    for name, text in wanted.items(): (COPY/name).write_bytes(text)


if __name__ == '__main__': main()
