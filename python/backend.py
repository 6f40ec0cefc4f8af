"""Builds wheel and sdist of the Python package by calling make (PEP 517 and 660); needs nothing but Python and the compiler.

A wheel holds python/weir, the extension module and, as the script `weir`, the command line. It is for every CPython from
3.11 on (abi3). Its platform tag says only which machine: `make wheel` finds out the manylinux tag that is true.
WEIR_PORTABLE=1, as `make wheel` says, takes a command line that has its libraries in it.
"""

import base64
import hashlib
import io
import os
import pathlib
import platform
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SDIST = ["CHANGELOG.md", "LICENSE", "Makefile", "README.md", "include", "pyproject.toml", "python", "src", "tools"]


def version():
    """Said in one place, the engine."""
    return re.search(r'WR_VERSION "([^"]+)"', (ROOT / "src/session/engine.c").read_text())[1]


def metadata():
    """What pyproject.toml says, as METADATA and PKG-INFO say it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {version()}",
        f"Summary: {project['description']}",
        f"Keywords: {','.join(project['keywords'])}",
        f"License-Expression: {project['license']}",
        *(f"License-File: {name}" for name in project["license-files"]),
        *(f"Classifier: {name}" for name in project["classifiers"]),
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {name}" for name in project["dependencies"]),
    ]
    for extra, names in project["optional-dependencies"].items():
        lines += [f"Provides-Extra: {extra}", *(f'Requires-Dist: {name}; extra == "{extra}"' for name in names)]
    return "\n".join([*lines, "Description-Content-Type: text/markdown", "", (ROOT / project["readme"]).read_text()])


def make(*targets):
    """Builds with all cores; the compiler reads the headers of the Python that runs this."""
    flags = [f"PYTHON={sys.executable}", f"-j{os.cpu_count()}"]
    subprocess.run(["make", "--no-print-directory", "-C", str(ROOT), *flags, *targets], check=True, stdout=sys.stderr)


def tag():
    return f"cp311-abi3-linux_{platform.machine()}"


class Wheel:
    """A wheel that is being written: files, then the record of them."""

    def __init__(self, folder, name_tag):
        self.name = f"weir-{version()}-{name_tag}.whl"
        self.record = []
        self.zip = zipfile.ZipFile(pathlib.Path(folder) / self.name, "w", zipfile.ZIP_DEFLATED)

    def add(self, name, data, mode=0o644):
        data = data.encode() if isinstance(data, str) else data
        entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = (0o100000 | mode) << 16
        self.zip.writestr(entry, data)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        self.record.append(f"{name},sha256={digest},{len(data)}")

    def close(self, name_tag):
        info = f"weir-{version()}.dist-info"
        self.add(f"{info}/METADATA", metadata())
        self.add(f"{info}/licenses/LICENSE", (ROOT / "LICENSE").read_bytes())
        self.add(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: weir\nRoot-Is-Purelib: false\nTag: {name_tag}\n")
        self.zip.writestr(f"{info}/RECORD", "\n".join([*self.record, f"{info}/RECORD,,"]) + "\n")
        self.zip.close()
        return self.name


def stripped(path):
    out = path.with_suffix(path.suffix + ".stripped")
    subprocess.run(["strip", "-o", str(out), str(path)], check=True)
    return out.read_bytes()


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    module = ROOT / "build/release/python/_weir.abi3.so"
    program = ROOT / ("build/release/weir-portable" if os.environ.get("WEIR_PORTABLE") else "build/release/weir")
    make(str(module.relative_to(ROOT)), str(program.relative_to(ROOT)))
    wheel = Wheel(wheel_directory, tag())
    for path in sorted((ROOT / "python/weir").rglob("*")):
        if path.suffix in (".py", ".pyi") or path.name == "py.typed":
            wheel.add(str(path.relative_to(ROOT / "python")), path.read_bytes())
    wheel.add("weir/_weir.abi3.so", stripped(module), 0o755)
    wheel.add(f"weir-{version()}.data/scripts/weir", stripped(program), 0o755)
    return wheel.close(tag())


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    make("python")
    wheel = Wheel(wheel_directory, tag())
    wheel.add("weir_here.pth", str(ROOT / "python") + "\n")
    return wheel.close(tag())


def build_sdist(sdist_directory, config_settings=None):
    name = f"weir-{version()}"
    with tarfile.open(pathlib.Path(sdist_directory) / f"{name}.tar.gz", "w:gz") as tar:
        tar.add(ROOT, name, recursive=False)
        for part in SDIST:
            tar.add(ROOT / part, f"{name}/{part}", filter=without_built)
        entry = tarfile.TarInfo(f"{name}/PKG-INFO")
        entry.size = len(metadata().encode())
        tar.addfile(entry, io.BytesIO(metadata().encode()))
    return f"{name}.tar.gz"


def without_built(entry):
    return None if entry.name.endswith((".so", ".pyc", "__pycache__")) else entry


if __name__ == "__main__":
    print(build_wheel(sys.argv[1]))
