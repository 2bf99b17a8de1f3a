"""What each format prints of the samples; `python -m tests.render.golden` writes it anew."""

from pathlib import Path

from envcheck.render import FORMATS, render
from envcheck.render.style import Style
from tests.render.samples import SAMPLES

FOLDER = Path(__file__).parent / "golden"
ENDINGS = {
    "concise": "txt",
    "github": "txt",
    "html": "html",
    "junit": "xml",
    "markdown": "md",
    "nagios": "txt",
    "sarif": "sarif",
    "text": "txt",
}
SCHEMED = ("json",)  # the whole snapshot: its own schema says what it holds


def golden() -> dict[Path, str]:
    """Every file and what it must hold."""
    return {
        FOLDER / f"{sample}.{fmt}.{ENDINGS[fmt]}": render(SAMPLES[sample], fmt, Style())
        for fmt in FORMATS
        if fmt not in SCHEMED
        for sample in (SAMPLES if fmt in ("nagios", "junit") else ("full",))
    }


def main() -> None:
    """Write the files, and remove those of formats that are gone."""
    FOLDER.mkdir(exist_ok=True)
    files = golden()
    for old in FOLDER.iterdir():
        if old not in files:
            old.unlink()
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
