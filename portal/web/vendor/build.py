"""Assemble portal/web/static/vendor from npm packages. A maintainer's tool: see README.md."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
TARGET: Final = HERE.parent / "static" / "vendor"
LAYERS: Final = "@layer vendor, theme, tokens, base, layout, components, pages, utilities;\n"
FONT_WEIGHTS: Final = (400, 500, 600)
FONT_SUBSETS: Final = ("latin", "latin-ext")
THEME: Final = "@nl-design-system-community/ma-design-tokens"
FONT: Final = "@fontsource/fira-sans"
ICONS: Final = "@tabler/icons"
HTMX: Final = "htmx.org"

# Component style sheets, in the order in which they stand in the cascade.
COMPONENTS: Final = (
    "button",
    "button-group",
    "button-link",
    "form-field",
    "form-label",
    "form-field-description",
    "form-field-error-message",
    "form-fieldset",
    "textbox",
    "textarea",
    "select",
    "checkbox",
    "radio-button",
    "table",
    "alert",
    "breadcrumb-nav",
    "data-list",
    "status-badge",
    "skip-link",
    "pagination",
    "link",
    "heading-1",
    "heading-2",
    "heading-3",
    "paragraph",
)

# The theme's tokens that these components read; the rest of its 6,000 lines stays behind.
USED_TOKENS: Final = re.compile(
    r"^\s+--(basis|ma|utrecht-(button|form|textbox|textarea|select|checkbox|radio|table|alert"
    r"|breadcrumb|data-list|status-badge|badge|skip-link|pagination|link|heading-[1-6]|paragraph"
    r"|document|root|body))-?"
)


@dataclass(frozen=True)
class Package:
    """An npm package as it lies in node_modules."""

    name: str
    root: Path
    integrity: str

    @property
    def description(self) -> dict[str, str]:
        description: dict[str, str] = json.loads((self.root / "package.json").read_text("utf-8"))
        return description

    def read(self, path: str) -> str:
        return (self.root / path).read_text("utf-8")


def find_packages(node_modules: Path) -> dict[str, Package]:
    """Return the packages of package.json by name, with npm's own checksum of each."""
    locked = json.loads((node_modules / ".package-lock.json").read_text("utf-8"))["packages"]
    pins: dict[str, str] = json.loads((HERE / "package.json").read_text("utf-8"))["dependencies"]
    packages = {}
    for name, version in pins.items():
        entry = locked[f"node_modules/{name}"]
        if entry["version"] != version:
            raise SystemExit(f"{name}: found {entry['version']}, package.json asks for {version}")
        packages[name] = Package(name, node_modules / name, entry["integrity"])
    return packages


def font_faces(font: Package) -> Iterator[str]:
    """Yield the @font-face rules, with woff2 as the only format."""
    rule = re.compile(
        rf"/\* fira-sans-(?:{'|'.join(FONT_SUBSETS)})-\d+-normal \*/\s*(@font-face \{{.*?\}})", re.S
    )
    for weight in FONT_WEIGHTS:
        for face in rule.findall(font.read(f"{weight}.css")):
            woff2 = re.sub(r", ?url\([^)]*\.woff\) format\([^)]*\)", "", face)
            yield woff2.replace("./files/", "fonts/")


def used_tokens(css: str) -> str:
    """Drop the token lines that no vendored component reads."""
    return "\n".join(
        line
        for line in css.splitlines()
        if not line.lstrip().startswith("--") or USED_TOKENS.match(line)
    )


def style_sheet(packages: dict[str, Package]) -> str:
    """Return fonts, components and theme as one style sheet in cascade layers."""
    theme = packages[THEME]
    light = used_tokens(theme.read("dist/theme.css"))
    dark = used_tokens(theme.read("dist/color-scheme-dark/theme.css")).replace(
        ".ma-theme--color-scheme-dark", ".ma-theme:not(.cl-scheme-light)"
    )
    components = [packages[f"@utrecht/{name}-css"].read("dist/index.css") for name in COMPONENTS]
    parts = [LAYERS, *font_faces(packages[FONT]), "@layer vendor {", *components, "}"]
    # "screen" keeps print light.
    dark_rule = f"@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}"
    parts.append(f"@layer theme {{\n{light}\n{dark_rule}\n}}")
    return "\n".join(parts)


def write_files(packages: dict[str, Package]) -> dict[str, list[str]]:
    """Write every vendored file. Return the packages that each file was made of."""
    shutil.rmtree(TARGET, ignore_errors=True)
    for folder in ("fonts", "icons", "licences"):
        (TARGET / folder).mkdir(parents=True)
    made_of: dict[str, list[str]] = {}

    def copy(name: str, source: str, target: str) -> None:
        shutil.copyfile(packages[name].root / source, TARGET / target)
        made_of[target] = [name]

    sources = [THEME, FONT, *(f"@utrecht/{name}-css" for name in COMPONENTS)]
    (TARGET / "vendor.css").write_text(style_sheet(packages), "utf-8")
    made_of["vendor.css"] = sources
    copy(HTMX, "dist/htmx.min.js", "htmx.min.js")
    for weight in FONT_WEIGHTS:
        for subset in FONT_SUBSETS:
            file = f"fira-sans-{subset}-{weight}-normal.woff2"
            copy(FONT, f"files/{file}", f"fonts/{file}")
    for icon in (HERE / "icons.txt").read_text("utf-8").split():
        copy(ICONS, f"icons/outline/{icon}.svg", f"icons/{icon}.svg")
    copy(FONT, "LICENSE", "licences/OFL-1.1-fira-sans.txt")
    copy(ICONS, "LICENSE", "licences/MIT-tabler-icons.txt")
    copy(HTMX, "LICENSE", "licences/0BSD-htmx.txt")
    copy(THEME, "LICENSE.md", "licences/EUPL-1.2-nl-design-system.md")
    return made_of


def manifest(packages: dict[str, Package], made_of: dict[str, list[str]]) -> str:
    """Return MANIFEST.toml: the packages with npm's checksum, the files with their sha256."""
    lines = ["# Written by portal/web/vendor/build.py.", ""]
    for package in packages.values():
        description = package.description
        lines += [
            f'[packages."{package.name}"]',
            f'version = "{description["version"]}"',
            f'licence = "{description["license"]}"',
            f'integrity = "{package.integrity}"',
            "",
        ]
    for path, names in sorted(made_of.items()):
        digest = hashlib.sha256((TARGET / path).read_bytes()).hexdigest()
        made = ", ".join(f'"{name}"' for name in names)
        lines += [f'[files."{path}"]', f'sha256 = "{digest}"', f"packages = [{made}]", ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("node_modules", type=Path)
    packages = find_packages(parser.parse_args().node_modules)
    made_of = write_files(packages)
    (TARGET / "MANIFEST.toml").write_text(manifest(packages, made_of), "utf-8")


if __name__ == "__main__":
    main()
