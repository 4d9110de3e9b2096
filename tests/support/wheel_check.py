"""Build the wheel, look into it, install it with hashed requirements into an empty environment and try the command."""

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("presence", "streams", "projections", "ws_edge", "control", "migrations")
COMMANDS = (("--help",), ("up", "--help"), ("settings", "--markdown"))


def main() -> int:
    """Check; print what was found; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uv", default="uv", help="path of uv")
    uv = str(Path(parser.parse_args().uv).absolute())
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        run(uv, "build", "--quiet", "--wheel", "--python", sys.executable, "--out-dir", str(home), str(ROOT))
        wheel = next(home.glob("*.whl"))
        if missing := sorted(tracked() - set(zipfile.ZipFile(wheel).namelist())):
            print(f"error: {wheel.name} lacks {len(missing)} files: {', '.join(missing[:10])}", file=sys.stderr)
            return 1
        python = home / "venv" / "bin" / "python"
        run(uv, "venv", "--quiet", "--python", sys.executable, str(home / "venv"))
        run(
            uv,
            "pip",
            "sync",
            "--quiet",
            "--require-hashes",
            "--python",
            str(python),
            str(ROOT / "requirements/run.txt"),
        )
        run(uv, "pip", "install", "--quiet", "--no-deps", "--python", str(python), str(wheel))
        for arguments in COMMANDS:
            # From an empty folder, so that nothing but the wheel can be imported.
            run(str(python.parent / "presence"), *arguments, cwd=home)
        print(f"{wheel.name}: {len(tracked())} files, installs and runs")
    return 0


def tracked() -> set[str]:
    """What the wheel must hold: every file of our packages that git knows and that is there."""
    listed = subprocess.run(["git", "ls-files", "--", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}


def run(*command: str, cwd: Path | None = None) -> None:
    """Run a command; its output is shown only when it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"error: {' '.join(command)}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
