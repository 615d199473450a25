"""A process that works on a corpus and tells over a pipe what it begins and what it was promised

`store_worker.py change PATH SEED`: append, embed, annotate, delete, restore, compact and publish until killed
`store_worker.py embed PATH BATCH SECONDS`: give every item its vector, tell how many rows were committed, and go on
    with what comes in until the time is over; then no item lacks one
`store_worker.py append PATH FAMILY BATCHES`: append so many batches, tell the ids that were acknowledged
`store_worker.py read PATH SECONDS`: read at random and check, tell how many reads there were
`store_worker.py write PATH SECONDS FAMILY`: append, annotate and now and then delete and compact, for so long
"""
import json
import os
import random
import shutil
import sys
import time
import warnings
from itertools import count
from pathlib import Path

import numpy as np
from store_rules import all_ids, check_pixels, check_value, check_vectors, extend, right_facets, scan

from matnb.corpus.snapshot import CorpusChanged
from matnb.corpus.store import Corpus, open_corpus


def tell(sign: str, **what) -> None:
    "One line to whoever listens, in one piece"
    os.write(1, f'{sign}{json.dumps(what)}\n'.encode())


def change(path: Path, seed: str) -> None:
    "Change a corpus in every way, for ever"
    chance, corpus = random.Random(seed), open_corpus(path)
    for n in count():
        name = chance.choices(list(WAYS), [w[1] for w in WAYS.values()])[0]
        for sign, what in WAYS[name][0](corpus, chance, f'{seed}-{n}'): tell(sign, name=name, **what)


def do_append(corpus, chance, tag):
    "Some new scans"
    new = [scan(n, tag) for n in range(chance.randint(1, 12))]
    yield '+', {'ids': [m.id for m in new]}
    yield '=', {'ids': corpus.append(new).added}


def do_embed(corpus, chance, tag):
    "Vectors for some of the items that have none"
    held = corpus.vector_sets.get('natural')
    start, count = held.length if held else 0, chance.randint(1, 10)
    ids = all_ids(corpus)[start:start + count]
    yield '+', {'ids': ids}
    assert extend(corpus, count) == start + len(ids)
    corpus.refresh()
    yield '=', {'ids': ids}


def do_annotate(corpus, chance, tag):
    "Say something new about some items"
    said = {i: f'{tag} of {i}' for i in some(corpus, chance)}
    yield '+', {'said': said}
    corpus.annotate({i: {'mark': word, 'score': float(len(word))} for i, word in said.items()})
    yield '=', {'said': said}


def do_delete(corpus, chance, tag):
    "Take some items out"
    ids = some(corpus, chance)
    yield '+', {'ids': ids}
    corpus.delete(ids)
    yield '=', {'ids': ids}


def do_restore(corpus, chance, tag):
    "Bring back whatever is deleted"
    gone = [i for i in all_ids(corpus) if i not in corpus]
    yield '+', {'ids': gone}
    corpus.restore(gone)
    yield '=', {'ids': gone}


def do_compact(corpus, chance, tag):
    "Take deleted items out for good"
    yield '+', {}
    corpus.compact()
    yield '=', {}


def do_publish(corpus, chance, tag):
    "Make a copy, and forget it"
    to = corpus.path.with_name('copy')
    shutil.rmtree(to, ignore_errors=True)
    yield '+', {}
    corpus.publish(to)
    yield '=', {}


def some(corpus, chance) -> list[str]:
    "Ids of a few items"
    ids = corpus.ids().tolist()
    return sorted(chance.sample(ids, min(len(ids), chance.randint(1, 5))))


WAYS = {'append': (do_append, 8), 'embed': (do_embed, 6), 'annotate': (do_annotate, 4),
        'delete': (do_delete, 2), 'restore': (do_restore, 1), 'compact': (do_compact, 2), 'publish': (do_publish, 1)}


def append(path: Path, family: str, batches: str) -> None:
    "Append batches and tell what was acknowledged"
    corpus = open_corpus(path)
    for n in range(int(batches)):
        done = corpus.append([scan(5 * n + k, family) for k in range(5)])
        tell('=', name='append', ids=done.added)


def embed(path: Path, batch: str, seconds: str) -> None:
    "Give every item its vector, beside others who do the same, add items or compact"
    corpus, chance, end, rounds, moved = open_corpus(path), random.Random(os.getpid()), time.monotonic(), 0, 0
    end += float(seconds)
    while time.monotonic() < end or lacking(corpus.refresh()):
        try: rounds += extend(corpus, chance.randint(1, int(batch))) > 0
        except CorpusChanged: moved += 1
        try: check_vectors(corpus)
        except CorpusChanged: moved += 1
        if not lacking(corpus.refresh()): time.sleep(0.02)
    tell('=', rounds=rounds, rows=corpus.vector_sets['natural'].length, compacted_under_hand=moved)


def lacking(corpus) -> int:
    "How many items have no vector"
    held = corpus.vector_sets.get('natural')
    return corpus.snapshot.head.items - (held.length if held else 0)


def write(path: Path, seconds: str, family: str) -> None:
    "Change a corpus while others read it, and perhaps change it as well"
    corpus, chance, end, mine = open_corpus(path), random.Random(family), time.monotonic() + float(seconds), []
    for n in count():
        if time.monotonic() > end: break
        mine += corpus.append([scan(20 * n + k, family) for k in range(20)]).added
        corpus.annotate({i: {'mark': f'{n} of {i}', 'score': float(n)} for i in chance.sample(mine, 5)})
        if n % 10 == 3:
            gone = [mine.pop(chance.randrange(len(mine))) for _ in range(3)]
            corpus.delete(gone)
        if n % 40 == 27: corpus.compact()
        time.sleep(0.05)
    tell('=', rounds=n, items=len(corpus), ids=mine)


def read(path: Path, seconds: str) -> None:
    "Read at random; every pixel and facet must be that of its item, and a snapshot must not change"
    chance, end, tally = random.Random(os.getpid()), time.monotonic() + float(seconds), {'images': 0, 'facets': 0}
    corpus, changed, views = open_corpus(path), 0, 0
    while time.monotonic() < end:
        try:
            look(corpus, chance, tally)
            views += 1
            corpus.refresh()
        except CorpusChanged:
            changed += 1
            corpus.refresh()
    tell('=', **tally, views=views, compacted_under_hand=changed)


def look(corpus: Corpus, chance: random.Random, tally: dict[str, int]) -> None:
    "A snapshot, looked at from all sides and twice"
    if not len(corpus): return
    ids, positions = corpus.ids(), corpus.positions
    before = {name: corpus.values(name).tolist() for name in ('mark', 'material') if name in corpus.facets}
    for n in chance.choices(range(len(ids)), k=50):
        check_pixels(corpus, int(positions[n]), ids[n])
        tally['images'] += 1
    for name in ('thickness', 'material', 'date', 'notes'):
        values = corpus.values(name)
        for n in chance.choices(range(len(ids)), k=50):
            check_value(ids[n], name, values[n], right_facets(ids[n]).get(name))
        tally['facets'] += len(values)
    if 'mark' in corpus.facets: look_at_marks(corpus, chance, before['mark'])
    same = Corpus(corpus.snapshot)
    assert {n: same.values(n).tolist() for n in before} == before and (same.ids() == ids).all(), 'a snapshot changed'


def look_at_marks(corpus: Corpus, chance: random.Random, marks: list[str]) -> None:
    "What is annotated belongs to its item, and row and column agree"
    scores = corpus.values('score')
    for n, (id, mark) in enumerate(zip(corpus.ids(), marks, strict=True)):
        assert not mark or mark.endswith(id), f'item {id} has the mark of another: {mark}'
        assert not mark or np.isfinite(scores[n]), 'half an annotation is visible'
    n = chance.randrange(len(marks))
    assert corpus[n].facets.get('mark', '') == marks[n], 'the row of an item says something else than its column'


if __name__ == '__main__':
    warnings.simplefilter('error', UserWarning)
    deed, path, *rest = sys.argv[1:]
    {'change': change, 'append': append, 'read': read, 'write': write, 'embed': embed}[deed](Path(path), *rest)
