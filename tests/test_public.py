"Public data: what the registry claims, what is found on this machine, and every way in which a download goes wrong"
import hashlib
import http.server
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from matnb.corpus import public
from matnb.corpus.public import (
    PUBLIC,
    DataSet,
    NotObtained,
    PublicFile,
    cache_folder,
    fetch,
    find_files,
    git_object_id,
    public_data,
    sha256_of,
)

CONTENT = bytes(range(256)) * 1000
GOOD = '/good'


class Answers(http.server.BaseHTTPRequestHandler):
    "One path for every way in which a server can answer"
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        getattr(self, 'answer_' + self.path.strip('/'), self.answer_nothing)()

    def send(self, body: bytes, length: int | None = None, status: int = 200) -> None:
        self.send_response(status)
        if length is not None: self.send_header('Content-Length', str(length))
        self.end_headers()
        try: self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError): pass

    def answer_good(self) -> None: self.send(CONTENT, len(CONTENT))
    def answer_flipped(self) -> None: self.send(CONTENT[:-1] + b'\x00', len(CONTENT))
    def answer_interrupted(self) -> None: self.send(CONTENT[:1000], len(CONTENT))
    def answer_cut(self) -> None: self.send(CONTENT[:1000])  # short, and without a length that would show it
    def answer_endless(self) -> None: self.send(CONTENT * 50, None)
    def answer_page(self) -> None: self.send(b'<html>Please log in</html>', 26)
    def answer_busy(self) -> None: self.send(b'rate limit', 10, 403)
    def answer_nothing(self) -> None: self.send(b'', 0, 404)
    def log_message(self, *_: object) -> None: pass


@pytest.fixture
def server() -> Iterator[str]:
    Answers.asked = []
    here = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Answers)
    threading.Thread(target=here.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{here.server_address[1]}'
    here.shutdown()
    here.server_close()


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    loan, cache = tmp_path / 'loan', tmp_path / 'cache'
    loan.mkdir()
    monkeypatch.setenv('MATNB_DATA', str(loan))
    monkeypatch.setenv('MATNB_CACHE', str(cache))
    return loan, cache


def a_set(server: str, *paths: str) -> DataSet:
    file = PublicFile('scan.ibw', len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), tuple(server + p for p in paths))
    return DataSet('a-set', 'a test', 'CC0-1.0', 'nobody', server, (file,))


def files_under(folder: Path) -> list[Path]:
    return [p for p in folder.rglob('*') if p.is_file()]


def test_good_download(server: str, places: tuple[Path, Path]) -> None:
    path, = fetch(a_set(server, GOOD), progress=False)
    assert path == cache_folder('public', 'a-set', 'scan.ibw') and path.read_bytes() == CONTENT
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert files_under(places[1]) == [path]
    assert fetch(a_set(server, GOOD), progress=False) == [path] and Answers.asked == [GOOD]


@pytest.mark.parametrize('path, reason', [
    ('/flipped', 'hash'), ('/interrupted', 'IncompleteRead|broken'), ('/cut', 'hash'), ('/endless', 'more arrived'),
    ('/page', 'hash'), ('/busy', '403'), ('/none', '404')])
def test_bad_download_is_refused_and_leaves_nothing(
    server: str, places: tuple[Path, Path], path: str, reason: str
) -> None:
    with pytest.raises(NotObtained, match=reason) as caught: fetch(a_set(server, path), progress=False)
    assert files_under(places[1]) == []
    said = str(caught.value)
    assert server + path in said and str(places[0]) in said and str(places[1]) in said and 'Without a network' in said


def test_the_next_address_is_tried(server: str) -> None:
    path, = fetch(a_set(server, '/none', '/flipped', '/interrupted', GOOD), progress=False)
    assert path.read_bytes() == CONTENT and Answers.asked == ['/none', '/flipped', '/interrupted', GOOD]


def test_no_server_and_no_address(places: tuple[Path, Path]) -> None:
    with pytest.raises(NotObtained, match='refused'): fetch(a_set('http://127.0.0.1:9', GOOD), progress=False)
    with pytest.raises(NotObtained, match='no address is known'): fetch(a_set('http://127.0.0.1:9'), progress=False)


def test_damaged_cache_is_replaced(server: str) -> None:
    path, = fetch(a_set(server, GOOD), progress=False)
    path.write_bytes(b'\x00' * len(CONTENT))
    with pytest.raises(NotObtained): fetch(a_set(server, '/none'), progress=False)
    assert fetch(a_set(server, GOOD), progress=False) == [path] and path.read_bytes() == CONTENT


def test_interrupted_by_the_user_then_resumed(
    server: str, places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None: raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(public, '_receive', stop)
        with pytest.raises(KeyboardInterrupt): fetch(a_set(server, GOOD), progress=False)
    assert files_under(places[1]) == []
    assert fetch(a_set(server, GOOD), progress=False)[0].read_bytes() == CONTENT


def test_data_folder_goes_first_whatever_the_name(server: str, places: tuple[Path, Path]) -> None:
    fetch(a_set(server, GOOD), progress=False)
    copy = places[0] / 'a' / 'b' / 'renamed'
    copy.parent.mkdir(parents=True)
    copy.write_bytes(CONTENT)
    (places[0] / 'scan.ibw').write_bytes(CONTENT[::-1])  # right name and size, wrong content
    (places[0] / 'lost').symlink_to(places[0] / 'nowhere')
    (places[0] / 'loop').symlink_to(places[0])
    assert fetch(a_set(server, GOOD), progress=False) == [copy]


def test_only_files_of_the_right_size_are_hashed(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(20): (places[0] / f'{i}').write_bytes(b'x' * i)
    hashed: list[Path] = []
    monkeypatch.setattr(public, 'sha256_of', lambda path: hashed.append(path) or sha256_of(path))
    file = PublicFile('seven', 7, hashlib.sha256(b'x' * 7).hexdigest(), ())
    assert find_files([file], places[0]) == {file: places[0] / '7'} and hashed == [places[0] / '7']


def test_without_or_with_a_wrong_data_folder(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MATNB_DATA', str(tmp_path / 'absent'))
    with pytest.raises(NotObtained, match='which is not a folder'): fetch(a_set(server, '/none'), progress=False)
    monkeypatch.delenv('MATNB_DATA')
    with pytest.raises(NotObtained, match='MATNB_DATA is not set'): fetch(a_set(server, '/none'), progress=False)


def test_cache_folder_defaults_to_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    import pooch

    monkeypatch.delenv('MATNB_CACHE')
    assert cache_folder('a', 'b') == Path(pooch.os_cache('matnb')).expanduser() / 'a' / 'b'


def test_a_wrong_name_gets_a_hint() -> None:
    with pytest.raises(ValueError, match="did you mean 'pfm-dart'"): fetch('pfm-dirt')


def test_a_file_without_a_hash_is_never_accepted(server: str, places: tuple[Path, Path]) -> None:
    unknown = DataSet('unknown', '', '', '', '', (PublicFile('scan.ibw', len(CONTENT), '', (server + GOOD,)),))
    with pytest.raises(NotObtained, match='hash'): fetch(unknown, progress=False)
    assert files_under(places[1]) == []


def test_registry_table() -> None:
    table = public_data()
    assert list(table.index) == list(PUBLIC) and set(table.licence) == {'MIT'} and table.files.sum() == 15


@pytest.mark.parametrize('name', PUBLIC)
def test_registered_files_are_the_real_ones(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    "Needs the real files: the folder in which the tests were started names them by MATNB_DATA"
    assert REAL, 'let MATNB_DATA name a folder with the public data sets'
    monkeypatch.setenv('MATNB_DATA', REAL)
    for path, file in zip(fetch(name, progress=False), PUBLIC[name].files, strict=True):
        assert path.stat().st_size == file.size and sha256_of(path) == file.sha256
        assert file.urls[1].endswith('/' + git_object_id(path.read_bytes()))


REAL = os.environ.get('MATNB_DATA', '')
