"""A DataFed server in memory, under the real client.

`FakeAPI` is the client's own `API` class; only its connection is replaced. So every request is built, and every reply
unpacked, by the client's code and its protocol buffer classes, and mistakes in using the client show up here. The rules
of the server (pages, limits, refusals, Globus tasks) follow the sources of DataFed's core database.
"""
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datafed import CommandLib
from datafed import envelope_pb2 as sdms

MOST_ITEMS, MOST_PAGE, MOST_DOCUMENT = 10_000, 1000, 102_400
ENDPOINT = '01234567-89ab-cdef-0123-456789abcdef'


class NoTime:
    "In place of the client's `time` module: its polling does not wait here"

    @staticmethod
    def sleep(seconds: float) -> None: assert seconds == 4


@dataclass
class Server:
    "Records, collections and transfers, answering the client's request messages"

    records: dict[str, Any] = field(default_factory=dict)  # RecordData by id
    raw: dict[str, bytes] = field(default_factory=dict)  # Raw data by record id
    collections: dict[str, list[str]] = field(default_factory=dict)  # Ids of items by collection
    aliases: dict[str, str] = field(default_factory=dict)  # Id by alias
    forbidden: set[str] = field(default_factory=set)  # Ids that this user may not read
    requests: list[Any] = field(default_factory=list)  # Everything that was asked
    transfer: Callable[[list[str]], tuple[int, str]] = lambda ids: (3, 'Finished')  # Status and message of a transfer
    lose: set[str] = field(default_factory=set)  # Records whose file never arrives
    tasks: dict[str, Any] = field(default_factory=dict)
    silent: bool = False  # Whether it does not answer at all

    def add(
        self, number: int, raw: bytes | None = b'', document: Any = None, parent: str = 'c/1', **about: Any
    ) -> str:
        "Put a record into a collection"
        data = sdms.RecordData(id=f'd/{number}', size=len(raw or b''), ct=1_600_000_000, ut=1_600_000_001 + number,
                               dt=1_600_000_001 if raw else 0, ext='.ibw', owner='p/films', creator='u/ada')
        data.title = about.pop('title', f'scan {number}')
        data.metadata = document if isinstance(document, str) else json.dumps(document) if document is not None else ''
        for name, value in about.items(): setattr(data, name, value)
        self.records[data.id], self.raw[data.id] = data, raw or b''
        self.collections.setdefault(parent, []).append(data.id)
        return str(data.id)

    def of_type(self, kind: str) -> list[Any]:
        "The requests of one type"
        return [r for r in self.requests if type(r).__name__ == kind]

    def sendRecv(self, message: Any, timeout: int | None = None, nack_except: bool | None = None) -> tuple[Any, str]:
        "What the client's connection does: a request goes out, a reply or an exception comes back"
        self.requests.append(message)
        if self.silent: raise Exception('Timeout!!!!!!!!!')
        reply = getattr(self, 'on_' + type(message).__name__)(message)
        return reply, type(reply).__name__

    def _id(self, name: str) -> str:
        found = self.aliases.get(name, name)
        if found not in self.records and found not in self.collections:
            what = 'Data record' if '/' in name else 'Alias'
            raise Exception(f"{what} '{name}' does not exist\n(source: dbGet:126 code:1)")
        if found in self.forbidden: raise Exception(f'Permission denied for data record {found}')
        return found

    def _listing(self, ids: list[str], offset: int, total: int) -> Any:
        items = [sdms.ListingData(id=i, title=self.records[i].title if i in self.records else i) for i in ids]
        return sdms.ListingReply(item=items, offset=offset, count=len(ids), total=total)

    def on_CollViewRequest(self, m: Any) -> Any:
        return sdms.CollDataReply(coll=[sdms.CollData(id=self._id(m.id), title=m.id)])

    def on_CollReadRequest(self, m: Any) -> Any:
        ids = sorted(self.collections[self._id(m.id)], key=lambda i: i[0] != 'c')
        return self._listing(ids[m.offset:m.offset + m.count], m.offset, len(ids))

    def on_SearchRequest(self, m: Any) -> Any:
        inside = [i for c in m.coll for i in self.collections[self._id(c)]] if m.coll else list(self.records)
        ids = [i for i in inside if i in self.records and m.text in self.records[i].title]
        count = min(m.count, MOST_PAGE)
        offset = MOST_ITEMS - count if m.offset + count > MOST_ITEMS else m.offset  # as the server does: it goes back
        page = ids[offset:offset + count + 1]
        return self._listing(page[:count], offset, offset + len(page))

    def on_QueryExecRequest(self, m: Any) -> Any:
        return self.on_SearchRequest(sdms.SearchRequest(offset=m.offset, count=m.count))

    def on_RecordViewRequest(self, m: Any) -> Any:
        return sdms.RecordDataReply(data=[self.records[self._id(m.id)]])

    def on_DataGetRequest(self, m: Any) -> Any:
        ids = [self._id(i) for i in m.id]
        if m.check: return sdms.DataGetReply(item=[sdms.ListingData(id=i, size=self.records[i].size) for i in ids
                                                   if self.records[i].size and not self.records[i].external])
        status, said = self.transfer(ids)
        endpoint, _, folder = m.path.partition('/')
        assert endpoint == ENDPOINT and not m.orig_fname
        for i in ids if status == 3 else []:
            if i not in self.lose: Path('/' + folder, i[2:] + self.records[i].ext).write_bytes(self.raw[i])
        return sdms.DataGetReply(task=self._task(status, said))

    def _task(self, status: int, said: str) -> Any:
        task = sdms.TaskData(id=f'task/{len(self.tasks) + 1}', status=status, msg=said)
        self.tasks[task.id] = task
        return sdms.TaskData(id=task.id, status=sdms.TS_READY)

    def on_TaskViewRequest(self, m: Any) -> Any: return sdms.TaskDataReply(task=[self.tasks[m.task_id]])

    def on_RecordCreateRequest(self, m: Any) -> Any:
        if len(m.metadata.encode()) > MOST_DOCUMENT or len(m.title) > 80: raise Exception('Input value too long')
        json.loads(m.metadata, parse_constant=lambda word: 1 / 0)  # the server's JSON has no NaN
        made = self.add(9000 + len(self.records), None, m.metadata, self._id(m.parent_id), title=m.title)
        for d in m.deps: self.records[made].deps.add(id=self._id(d.id), type=d.type, dir=sdms.DIR_OUT)
        return sdms.RecordDataReply(data=[self.records[made]])

    def on_DataPutRequest(self, m: Any) -> Any:
        status, said = self.transfer([m.id])
        endpoint, _, path = m.path.partition('/')
        if status == 3: self.raw[m.id] = Path('/' + path).read_bytes()
        return sdms.DataPutReply(item=self.records[m.id], task=self._task(status, said))


class FakeAPI(CommandLib.API):  # type: ignore[misc]
    "The client, connected to a server in memory"

    def __init__(self, server: Server, user: str | None = 'u/ada', endpoint: str | None = ENDPOINT) -> None:
        self._mapi, self._uid, self._cur_sel, self._cur_ep, self._cur_alias_prefix = server, user, user, endpoint, ''
        self.cfg = {'server_host': 'datafed.example.org'}
