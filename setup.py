"Packaging: every fact is read from settings.ini, so there is one place to change it."
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
ini = ConfigParser(delimiters=['='])
ini.read(HERE/'settings.ini', encoding='utf-8')
cfg = ini['DEFAULT']


def listed(key: str) -> list[str]:
    "The requirements under `key`, one per line"
    return [line.strip() for line in cfg.get(key, '').splitlines() if line.strip()]


extras = {key.removesuffix('_requirements'): listed(key) for key in cfg if key.endswith('_requirements')}
extras['all'] = sorted({need for name, needs in extras.items() if name != 'dev' for need in needs})

setup(
    name=cfg['lib_name'],
    version=cfg['version'],
    description=cfg['description'],
    license='Apache-2.0',
    packages=find_packages(include=['matnb', 'matnb.*']),
    package_data={'matnb': ['py.typed', 'weights/*.safetensors', 'templates/*.ipynb'],
                  'matnb.explorer': ['front/*.js', 'front/*.css']},
    python_requires='>=' + cfg['min_python'],
    install_requires=listed('requirements'),
    extras_require=extras,
    entry_points={
        'console_scripts': cfg['console_scripts'].split(),
        'nbdev': [f"{cfg['lib_path']}={cfg['lib_path']}._modidx:d"],
        'xarray.backends': ['matnb=matnb.corpus.dataset:CorpusBackend'],
    },
    long_description=(HERE/'README.md').read_text(encoding='utf-8') if (HERE/'README.md').exists() else '',
    long_description_content_type='text/markdown',
)
