"""Fine-tuning leaves nothing among the temporary files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, torch
from lipsync.learning.optimizers import no_compiler_folder
network = torch.nn.Linear(2, 2)
with no_compiler_folder():
    optimizer = torch.optim.AdamW(network.parameters())
network(torch.ones(1, 2)).sum().backward()
optimizer.step()
optimizer.zero_grad()
assert os.environ.get("TORCHINDUCTOR_CACHE_DIR") == os.environ.get("OWN")
"""


def test_an_optimizer_leaves_no_folder(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    environment.pop("TORCHINDUCTOR_CACHE_DIR", None)
    subprocess.run([sys.executable, "-c", SCRIPT], env=environment, check=True)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_the_user_chose_stays(tmp_path: Path) -> None:
    own = str(tmp_path / "compiled")
    environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": own, "OWN": own}
    subprocess.run([sys.executable, "-c", SCRIPT], env=environment, check=True)
    assert (tmp_path / "compiled").is_dir()
