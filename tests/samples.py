"The real scans that tests read: found by their hashes in the folder named by MATNB_DATA"
import shutil
from pathlib import Path

from matnb.corpus.public import PUBLIC, fetch


def sample(name: str) -> Path:
    "One real file, by its name in the registry"
    data = next(d for d in PUBLIC.values() if any(f.name == name for f in d.files))
    return next(path for path, file in zip(fetch(data, progress=False), data.files, strict=True) if file.name == name)


def copy_samples(folder: Path) -> Path:
    "All real files in one folder, and a file that is none"
    folder.mkdir(parents=True)
    (folder/'README.md').write_text('where these come from')
    for data in PUBLIC.values():
        for path, file in zip(fetch(data, progress=False), data.files, strict=True): shutil.copy(path, folder/file.name)
    return folder
