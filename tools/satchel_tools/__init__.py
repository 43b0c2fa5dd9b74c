"""Development tools of ComfyUI-Satchel. Never imported by the package that users install.

The folder `tools` goes on `sys.path`, never the repository root: there, our `nodes/` would
hide the host's `nodes.py`.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""
