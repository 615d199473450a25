"DataFed: finding records, bringing them in, going on after an interruption, and giving results back"
import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from datafed import CommandLib
from datafed import envelope_pb2 as sdms
from datafed_fake import FakeAPI, NoTime, Server

from matnb.corpus import datafed
from matnb.corpus.datafed import DataFedError, DataFedSource, collect_records, document_text, write_back
from matnb.corpus.store import Corpus, create_corpus, open_corpus


def scan(n: int) -> bytes:
    file = io.BytesIO()
    np.save(file, np.random.default_rng(n).normal(size=(8, 12)).astype('f4'))
    return file.getvalue()


@pytest.fixture
def server() -> Server:
    server = Server()
    server.collections = {'c/1': []}
    return server


@pytest.fixture
def source(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFedSource:
    monkeypatch.setattr(CommandLib, 'time', NoTime)
    return DataFedSource(FakeAPI(server), cache=tmp_path / 'cache')


@pytest.fixture
def corpus(tmp_path: Path) -> Iterator[Corpus]:
    yield create_corpus(tmp_path / 'corpus')


def fill(server: Server, count: int, **about: object) -> list[str]:
    return [server.add(n, scan(n), {'Material': 'PbTiO3', 'Thickness (nm)': 10 * n}, ext='.npy', **about)
            for n in range(1, count + 1)]


def transfers(server: Server) -> list[list[str]]:
    return [list(m.id) for m in server.of_type('DataGetRequest') if not m.check]


# Finding

def test_nested_collections_with_a_cycle_page_by_page(
    server: Server, source: DataFedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datafed, 'PAGE', 2)
    fill(server, 5)
    server.collections |= {'c/2': ['c/3', 'd/2'], 'c/3': ['c/1', 'c/2']}
    server.collections['c/1'] += ['c/2', 'c/3']
    server.add(6, b'', parent='c/3')
    assert sorted(source.records('c/1')) == [f'd/{n}' for n in range(1, 7)]
    asked = [(m.id, m.offset) for m in server.of_type('CollReadRequest')]
    assert len(asked) == len(set(asked)) == 4 + 1 + 2 and all(m.count == 2 for m in server.of_type('CollReadRequest'))


def test_a_collection_that_may_not_be_read_does_not_hide_the_others(server: Server, source: DataFedSource) -> None:
    fill(server, 2)
    server.collections['c/1'] += ['c/2', 'c/3']
    server.collections |= {'c/2': ['d/1'], 'c/3': []}
    server.add(3, b'', parent='c/3')
    server.forbidden = {'c/2'}
    problems: dict[str, str] = {}
    assert list(source.records('c/1', problems)) == ['d/1', 'd/2', 'd/3']
    assert list(problems) == ['c/2'] and 'Ask the owner' in problems['c/2']
    with pytest.raises(DataFedError, match='Permission denied'): list(source.records('c/2'))


def test_aliases_need_their_context(server: Server, source: DataFedSource) -> None:
    fill(server, 1)
    server.aliases['p:films:scans'] = 'c/1'
    with pytest.raises(DataFedError, match=r"'scans' does not exist.*context="): list(source.records('scans'))
    assert list(DataFedSource(source.api, 'p/films', source.cache).records('scans')) == ['d/1']


def test_queries(server: Server, source: DataFedSource) -> None:
    fill(server, 3)
    server.add(7, b'', title='other', parent='c/2')
    assert list(source.records({'text': 'scan'})) == ['d/1', 'd/2', 'd/3']
    assert list(source.records({'coll': 'c/2'})) == ['d/7']
    assert server.of_type('SearchRequest')[-1].coll == ['c/2']
    assert list(source.records('q/5')) == ['d/1', 'd/2', 'd/3', 'd/7']
    assert list(source.records(['d/2', 'd/1', 'd/2'])) == ['d/2', 'd/1'] and list(source.records('d/3')) == ['d/3']


def test_a_server_that_lists_no_more_is_noticed(
    server: Server, source: DataFedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datafed, 'PAGE', 1000)
    for n in range(10_050): server.records[f'd/{n}'] = sdms.RecordData(id=f'd/{n}')
    with pytest.raises(DataFedError, match='lists 10000 matches and no more. Ask for less'): list(source.records({}))
    for n in range(9_990, 10_050): del server.records[f'd/{n}']
    assert len(list(source.records({}))) == 9_990


# Reading

@pytest.mark.parametrize('text, document', [
    ('', {}), ('{"a": {"b": [1, NaN, -Infinity]}}', {'a': {'b': [1, 'nan', '-inf']}}), ('[1]', {'document': [1]}),
    ('{"a"', {'unparsed': '{"a"'}), ('{"a": "\\u202e"}', {'a': ' '})])
def test_documents(server: Server, source: DataFedSource, text: str, document: dict[str, object]) -> None:
    server.add(1, b'x', text)
    assert source.read('d/1').document == document


def test_an_id_that_is_none_is_refused() -> None:
    with pytest.raises(DataFedError, match='not the id'): datafed.record_of(sdms.RecordData(id='d/../../etc'))


# Collecting

def test_records_become_items(server: Server, source: DataFedSource, corpus: Corpus) -> None:
    server.add(1, scan(1), {'Material': 'PbTiO3', 'Thickness (nm)': 50, 'Measured on': '2019-04-03', 'batch': 7,
                            'Period (nm)': 12, 'growth': {'laser': 'KrF'}}, ext='.npy', source='olcf#dtn/h/ada/a.npy')
    server.records['d/1'].deps.add(id='d/99', type=sdms.DEP_IS_DERIVED_FROM, dir=sdms.DIR_OUT)
    server.records['d/1'].deps.add(id='d/98', type=sdms.DEP_IS_DERIVED_FROM, dir=sdms.DIR_IN)
    done = collect_records(source, 'c/1', corpus, progress=False)
    assert len(done.added) == len(corpus) == 1 and not done.problems and not done.notes
    item = corpus[0]
    assert np.array_equal(corpus.image(0)[0], np.load(io.BytesIO(scan(1))))
    assert item.facets['material'] == 'PbTiO3' and item.facets['thickness'] == pytest.approx(50e-9)
    assert item.facets['datafed_record'] == 'd/1' and item.facets['file'] == 'a.npy' and item.facets['batch'] == 7
    assert corpus.values('date')[0] == np.datetime64('2019-04-03') and corpus.facets['period'].unit == 'nm'
    kept = item.metadata['datafed']
    assert kept['document']['growth'] == {'laser': 'KrF'} and kept['relations'] == [['is derived from', 'd/99']]
    assert kept['id'] == 'd/1' and kept['creator'] == 'u/ada' and 'growth' not in corpus.facets


def test_everything_that_brought_nothing_is_named(server: Server, source: DataFedSource, corpus: Corpus) -> None:
    fill(server, 2)
    server.records['d/2'].metadata = '{"Thickness (nm)": "thin", "deleted": "yes", "Gain": NaN}'
    server.add(3, None, title='planned')
    server.add(4, b'words', ext='.txt', source='ep/h/notes.txt')
    server.add(5, b'elsewhere', external=True, source='other#ep/far/away.ibw')
    server.add(6, scan(6), ext='.npy')
    server.lose = {'d/6'}
    server.collections['c/1'].append('d/404')
    done = collect_records(source, 'c/1', corpus, progress=False)
    assert len(done.added) == 2 and set(done.problems) == {'d/3', 'd/4', 'd/5', 'd/6', 'd/404'}
    reasons = {'d/3': 'no raw data', 'd/4': 'notes.txt', 'd/5': 'other#ep/far', 'd/6': 'no file arrived here',
               'd/404': 'does not exist'}
    assert all(reason in done.problems[record] for record, reason in reasons.items())
    assert 'thin' in done.notes['d/2'][0] and any('deleted' in note for note in done.notes['facets'])
    assert all(record in str(done) for record in done.problems) and str(done).startswith('2 items added')
    assert transfers(server) == [['d/1', 'd/2', 'd/4', 'd/6']]


def test_a_file_of_the_wrong_size_is_not_used(server: Server, source: DataFedSource, corpus: Corpus) -> None:
    fill(server, 1)
    server.raw['d/1'] = server.raw['d/1'][:-4]
    done = collect_records(source, 'c/1', corpus, progress=False)
    assert done.problems == {'d/1': '508 bytes arrived of 512'} and not list(source.cache.rglob('*.npy'))
    server.raw['d/1'] = scan(1)
    assert len(collect_records(source, 'c/1', corpus, progress=False).added) == 1


def test_again_brings_only_what_is_new(server: Server, source: DataFedSource, tmp_path: Path) -> None:
    fill(server, 3)
    assert len(collect_records(source, 'c/1', tmp_path / 'new', batch=2, progress=False).added) == 3
    assert transfers(server) == [['d/1', 'd/2'], ['d/3']]
    server.requests.clear()
    server.add(4, scan(4), ext='.npy')
    done = collect_records(source, 'c/1', tmp_path / 'new', progress=False)
    assert done.held == ['d/1', 'd/2', 'd/3'] and len(done.added) == 1 and len(open_corpus(tmp_path / 'new')) == 4
    assert [m.id for m in server.of_type('RecordViewRequest')] == ['d/4'] and transfers(server) == [['d/4']]


def test_refresh_takes_in_what_changed(server: Server, source: DataFedSource, corpus: Corpus) -> None:
    fill(server, 2)
    collect_records(source, 'c/1', corpus, progress=False)
    server.records['d/1'].metadata = '{"Material": "BiFeO3", "Thickness (nm)": 10}'
    server.records['d/2'].dt, server.raw['d/2'] = 1_700_000_000, scan(22)
    done = collect_records(source, 'c/1', corpus, refresh=True, progress=False)
    assert len(done.added) == 1 and len(done.known) == 1 and transfers(server)[1:] == [['d/2']]
    assert corpus[0].facets['material'] == 'BiFeO3' and corpus[0].history()[-1].why == 'collected again from DataFed'
    assert corpus.values('datafed_record').tolist() == ['d/1', 'd/2', 'd/2']


def test_what_was_deleted_stays_deleted(server: Server, source: DataFedSource, corpus: Corpus) -> None:
    fill(server, 2)
    done = collect_records(source, 'c/1', corpus, progress=False)
    corpus.delete(done.added[:1])
    again = collect_records(source, 'c/1', corpus, progress=False)
    assert not again.added and len(corpus) == 1 and len(transfers(server)) == 1


def test_two_records_with_the_same_data(server: Server, source: DataFedSource, corpus: Corpus) -> None:
    server.add(1, scan(1), {'Material': 'A'}, ext='.npy')
    server.add(2, scan(1), {'Material': 'B'}, ext='.npy')
    for n in (1, 2):
        done = collect_records(source, 'c/1', corpus, refresh=n == 2, progress=False)
        assert done.notes == {'d/2': ['holds the same data as d/1']} and len(corpus) == 1
        assert corpus[0].facets['datafed_record'] == 'd/1' and corpus[0].facets['material'] == 'A'


def test_a_header_as_document_does_not_flood_the_facets(server: Server, source: DataFedSource, corpus: Corpus) -> None:
    header = {f'Key {n}': n for n in range(500)} | {'ScanSize': 5e-6, 'Flatten Offsets 1': [0.0] * 999}
    server.add(1, scan(1), header, ext='.npy')
    collect_records(source, 'c/1', corpus, progress=False)
    assert corpus[0].facets['scan_size'] == 5e-6 and not any(name.startswith('key') for name in corpus.facets)
    assert corpus[0].metadata['datafed']['document'] == header


# Trouble on the way

def test_one_forbidden_record_does_not_keep_the_others_out(
    server: Server, source: DataFedSource, corpus: Corpus
) -> None:
    fill(server, 4)
    server.transfer = lambda ids: (4, 'Permission denied (d/3)') if 'd/3' in ids else (3, 'Finished')
    done = collect_records(source, 'c/1', corpus, progress=False)
    assert len(done.added) == 3 and list(done.problems) == ['d/3'] and 'Permission' in done.problems['d/3']


def test_a_service_that_does_not_work_stops_early_and_resumes(
    server: Server, source: DataFedSource, corpus: Corpus
) -> None:
    fill(server, 12)
    server.transfer = lambda ids: (4, 'endpoint not connected') if int(ids[0][2:]) > 4 else (3, 'Finished')
    with pytest.raises(DataFedError, match='endpoint not connected.*Before that: 4 items.*Globus Connect.*go on'):
        collect_records(source, 'c/1', corpus, batch=4, progress=False)
    assert len(corpus) == 4 and len(transfers(server)) == 2 + datafed.PATIENCE
    server.transfer = lambda ids: (3, 'Finished')
    assert len(collect_records(source, 'c/1', corpus, batch=4, progress=False).added) == 8 and len(corpus) == 12
    assert not list(source.cache.glob('arriving-*'))


def test_files_that_arrived_are_not_fetched_again(
    server: Server, source: DataFedSource, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server, 3)
    with monkeypatch.context() as patch:
        patch.setattr(type(corpus), 'append', lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt): collect_records(source, 'c/1', corpus, progress=False)
    assert len(collect_records(source, 'c/1', corpus, progress=False).added) == 3 and len(transfers(server)) == 1


def test_a_transfer_that_does_not_finish(server: Server, source: DataFedSource) -> None:
    task = sdms.TaskData(id='task/9', status=sdms.TS_RUNNING, msg='waiting')
    with pytest.raises(DataFedError, match='did not finish .task/9.: waiting'):
        datafed._check_task(sdms.TaskDataReply(task=[task]))
    nack = sdms.NackReply(err_code=sdms.SERVICE_ERROR)
    with pytest.raises(DataFedError, match='refused .code 4.'): datafed.ask(lambda: (nack, 'NackReply'))


@pytest.mark.parametrize('user, endpoint, words', [
    (None, 'ep', 'not logged in.*setupCredentials'), ('u/ada', None, 'no Globus endpoint.*Globus Connect Personal')])
def test_what_is_missing_is_said_before_any_work(
    server: Server, tmp_path: Path, user: str | None, endpoint: str | None, words: str
) -> None:
    source = DataFedSource(FakeAPI(server, user, endpoint), cache=tmp_path)
    with pytest.raises(DataFedError, match=words): collect_records(source, 'c/1', tmp_path / 'corpus', progress=False)
    with pytest.raises(DataFedError, match=words): write_back(source, 'result', {}, ['d/1'])
    assert server.requests == [] and not (tmp_path / 'corpus').exists()


def test_a_silent_server(server: Server, source: DataFedSource) -> None:
    server.silent = True
    with pytest.raises(DataFedError, match='Timeout.*port 7512'): list(source.records('c/1'))


def test_without_the_client_the_module_imports_and_says_what_to_install() -> None:
    code = ('import sys; sys.modules["datafed"] = None\n'
            'from matnb.corpus.datafed import DataFedSource, DataFedError\n'
            'try: DataFedSource()\nexcept DataFedError as e: print(e)')
    said = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout
    assert 'pip install "matnb[datafed]"' in said


def test_a_client_that_cannot_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None: raise Exception('Could not open server public key file: datafed-core-key.pub')

    monkeypatch.setattr(CommandLib, 'API', refuse)
    with pytest.raises(DataFedError, match='no connection to DataFed: Could not.*Is there a network'): DataFedSource()


# Giving back

def test_a_result_goes_back(server: Server, source: DataFedSource, corpus: Corpus, tmp_path: Path) -> None:
    fill(server, 2)
    collect_records(source, 'c/1', corpus, progress=False)
    result = tmp_path / 'map.npy'
    result.write_bytes(scan(99))
    document = {'stress': float('inf'), 'n': np.int64(2)}
    made = write_back(source, 'map of two', document, corpus, result, 'c/1', tags=['x'])
    request, = server.of_type('RecordCreateRequest')
    assert [d.id for d in request.deps] == ['d/1', 'd/2']
    assert {d.type for d in request.deps} == {sdms.DEP_IS_DERIVED_FROM}
    assert request.parent_id == 'c/1' and list(request.tags) == ['x'] and server.raw[made] == scan(99)
    told = source.read(made).document
    assert told['stress'] == 'inf' and told['n'] == 2 and told['matnb']['file'] == 'map.npy'
    assert told['matnb']['sha256'] == hashlib.sha256(scan(99)).hexdigest()
    assert source.read(made).about['relations'] == [['is derived from', 'd/1'], ['is derived from', 'd/2']]


def test_what_does_not_fit_is_refused_before_anything_is_created(
    server: Server, source: DataFedSource, tmp_path: Path
) -> None:
    fill(server, 1)
    for words, title, document, parents, more in [
            ('has 102,4.. bytes.*Leave out.*.big. .102,396 bytes', 't', {'big': 'ü' * 51_197}, ['d/1'], {}),
            ('81 characters', 't' * 81, {}, ['d/1'], {}), ('0 characters', '', {}, ['d/1'], {}),
            ('2001 characters', 't', {}, ['d/1'], {'description': 'd' * 2001}),
            ('no record is named', 't', {}, [], {}), ("'c/1' is not the id", 't', {}, ['d/1', 'c/1'], {}),
            ('there is no file', 't', {}, ['d/1'], {'file': tmp_path / 'absent'})]:
        with pytest.raises(DataFedError, match=words): write_back(source, title, document, parents, **more)
    assert not server.of_type('RecordCreateRequest')


def test_the_largest_document_that_fits() -> None:
    frame, text = len('{"a":["",""]}'), 'x' * 60_000
    rest = 102_400 - frame - len(text)
    assert len(document_text({'a': [text, 'y' * rest]}).encode()) == 102_400
    with pytest.raises(DataFedError, match='102,401'): document_text({'a': [text, 'y' * (rest + 1)]})
    assert json.loads(document_text({'a': [np.nan, np.inf]})) == {'a': ['nan', 'inf']}


def test_an_upload_that_fails_names_the_record(server: Server, source: DataFedSource, tmp_path: Path) -> None:
    fill(server, 1)
    (tmp_path / 'r.npy').write_bytes(b'x')
    server.transfer = lambda ids: (4, 'quota exceeded')
    with pytest.raises(DataFedError, match=r"record (d/\d+) was created.*quota exceeded.*api.dataPut\('d/"):
        write_back(source, 'result', {}, ['d/1'], tmp_path / 'r.npy', 'c/1')
