"""Add to the site what is not in docs/: notebooks, files of the repository, and generated tables."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel

import elmokit as package
from elmokit.cli import elmokit
from elmokit.config import Config

sys.path.insert(0, str(Path(__file__).parent))
from messages import index_in_markdown, kinds_in_markdown

ROOT = Path(__file__).parents[2]
PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
_LINK_OUT = re.compile(r"\]\(\.\./([^)#]+)")
_MARK = re.compile(r'<a class="(?:headerlink|anchor-link)" href="([^"]*)"[^>]*>(?:&para;|¶)</a>')
_EMPTY_HEADER = re.compile(r"<thead>\s*<tr>\s*(?:<th[^>]*>\s*</th>\s*)+</tr>\s*</thead>")
_EMPTY_CELL = re.compile(r"<th[^>]*>\s*</th>")
_SCRIPTS_FROM_THE_WEB = re.compile(
    r"<!-- Load mathjax -->.*?<!-- End of mathjax configuration -->"
    r"|<script type=\"module\">(?:(?!</script>).)*mermaid.*?</script>",
    re.DOTALL,
)


def notebooks() -> list[str]:
    """Return the paths of the tutorials, in order."""
    return sorted(f"examples/{path.name}" for path in (ROOT / "examples").glob("*.ipynb"))


def on_config(config: MkDocsConfig) -> None:
    """Add the notebooks to the navigation, and convert the help text of every command to Markdown."""
    assert config.nav is not None
    (tutorials,) = (part["Tutorials"] for part in config.nav if "Tutorials" in part)
    tutorials += [name for name in notebooks() if name not in tutorials]
    for command in all_commands(elmokit):
        command.help = help_in_markdown(command.help or "")


def all_commands(command: click.Command) -> Iterator[click.Command]:
    """Yield a command, and if it is a group, the commands in it."""
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from all_commands(inner)


@event_priority(100)  # before the plugin that renders notebooks
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the notebooks and every file outside docs/ that a page links to."""
    outside = dict.fromkeys([*notebooks(), *PAGES])
    for page in files.documentation_pages():
        if "/" not in page.src_uri:
            outside |= dict.fromkeys(_LINK_OUT.findall(page.content_string))
    for name in outside:
        if (ROOT / name).is_file():  # MkDocs reports links to missing files itself
            files.append(File(name, str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Point links that leave docs/ to the copies of those files, and insert the generated parts."""
    for name, generate in _GENERATED.items():
        if f"\n::: {name}\n" in markdown:
            markdown = markdown.replace(f"\n::: {name}\n", f"\n{generate()}\n")
    if "/" in page.file.src_uri:
        return markdown
    # On the site, pages from the repository's root are in the same folder as those from docs/.
    return _LINK_OUT.sub(r"](\1", markdown).replace("](docs/", "](")


def on_page_content(html: str, page: Page, **_: Any) -> str:
    """Help screen readers; drop the scripts of notebooks that are on the web, and point links to pages."""
    # The mark beside a heading is added by the style sheet, so that it is no part of the heading.
    html = _MARK.sub(r'<a class="headerlink" href="\1" title="Permanent link"></a>', html)
    html = _EMPTY_CELL.sub("<td></td>", _EMPTY_HEADER.sub("", html))
    if not page.file.src_uri.endswith(".ipynb"):
        return html
    html = _SCRIPTS_FROM_THE_WEB.sub("", html)  # for formulas and diagrams, which the notebooks do not use
    html = re.sub(r'\b(href|src)="\.\./docs/', r'\1="../', html)
    return re.sub(r'\bhref="([^":]+)\.(?:md|ipynb)(?=["#])', r'href="\1.html', html)


def on_post_page(output: str, **_: Any) -> str:
    """Name the dialog of the search."""
    search = 'data-md-component="search" role="dialog"'
    return output.replace(search, f'{search} aria-label="Search"')


def help_in_markdown(text: str) -> str:
    r"""Convert a help text of click to Markdown; the paragraphs marked with ``\b`` become code blocks."""
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        if not paragraph.startswith("\b"):
            paragraphs.append(paragraph.replace("<", "&lt;").replace("*", r"\*"))
            continue
        lines = paragraph.split("\n")[1:]
        title = lines.pop(0) if lines[0].endswith((":", " be")) else None
        if title is not None:
            paragraphs.append(f"**{title}**" if title == "Example:" else title)
        width = min(len(line) - len(line.lstrip()) for line in lines)
        language = "sh" if title == "Example:" else "text"
        paragraphs.append("\n".join([f"```{language}", *(line[width:] for line in lines), "```"]))
    return "\n\n".join(paragraphs)


def notebooks_in_markdown() -> str:
    """Return a list of the tutorials with their titles."""
    return "\n".join(f"1. [{_title(name)}](../{name})" for name in notebooks())


def _title(name: str) -> str:
    cells = json.loads((ROOT / name).read_text(encoding="utf-8"))["cells"]
    first = "".join(next(cell["source"] for cell in cells if cell["cell_type"] == "markdown"))
    return first.strip().split("\n")[0].lstrip("# ")


def settings_in_markdown() -> str:
    """Return a table of settings for each section of the configuration."""
    parts = []
    for title, section in _sections(Config, ""):
        rows = [
            f"| `{name}` | {_shown(field.get_default(call_default_factory=True))} | {field.description} |"
            for name, field in section.model_fields.items()
            if field.description is not None and not _is_section(field.annotation)
        ]
        parts += [f"## {title}", (section.__doc__ or "").strip().split("\n")[0]]
        parts.append("\n".join(["| setting | default | meaning |", "| --- | --- | --- |", *rows]))
    return "\n\n".join(parts)


def _sections(section: type[BaseModel], prefix: str) -> list[tuple[str, type[BaseModel]]]:
    found = [] if not prefix else [(prefix, section)]
    for name, field in section.model_fields.items():
        if (inner := _is_section(field.annotation)) is not None:
            found += _sections(inner, f"{prefix}.{name}".lstrip("."))
    return found


def _is_section(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return f"`{[list(part) if isinstance(part, tuple) else part for part in value]}`"
    return "`null`" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def names_in_markdown() -> str:
    """Return a table of the public names of the package, each with a link and the start of its docstring."""
    rows = ["| name | meaning |", "| --- | --- |"]
    for name in sorted(package.__all__, key=str.lower):
        if not name.startswith("__"):
            summary = (inspect.getdoc(getattr(package, name)) or "").split("\n\n")[0]
            summary = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", " ".join(summary.split())).replace("``", "`")
            if summary.endswith(":"):  # before a list
                summary = summary.rpartition(". ")[0] + "."
            rows.append(f"| [`{name}`][{_identifier(name)}] | {summary} |")
    return "\n".join(rows)


def _identifier(name: str) -> str:
    """Return the name by which the reference lists a public name: that of the package, or of its module."""
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "api").glob("*.md"))
    short = f"elmokit.{name}"
    return (
        short
        if re.search(rf"^::: {re.escape(short)}$", pages, re.MULTILINE)
        else f"{package._HOMES[name]}.{name}"
    )


_GENERATED = {
    "settings": settings_in_markdown,
    "notebooks": notebooks_in_markdown,
    "names": names_in_markdown,
    "error-kinds": kinds_in_markdown,
    "error-messages": index_in_markdown,
}
"""What ``::: name`` in a page stands for."""
