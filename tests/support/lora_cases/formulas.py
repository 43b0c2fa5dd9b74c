"""What a module does to a weight, written out in float64 from the algorithms' own sources.

Independent of Satchel and of the host on purpose: nothing here may import either.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch

Tensors = Mapping[str, torch.Tensor]


def change(algorithm: str, tensors: Tensors, weight: torch.Tensor, strength: float = 1.0):
    """What is added to a weight (float64) at a strength."""
    roles = {role: tensor.double() for role, tensor in tensors.items()}
    delta = FORMULAS[algorithm](roles, weight.double(), strength)
    return delta.reshape(weight.shape)


def _scale(roles: Tensors, rank: int) -> float:
    return float(roles["alpha"]) / rank if "alpha" in roles else 1.0


def lora(roles: Tensors, weight: torch.Tensor, strength: float) -> torch.Tensor:
    """alpha / r * B A. Hu et al. 2021, section 4.1; sd-scripts `networks/lora.py`."""
    down, up = roles["down"], roles["up"]
    return strength * _scale(roles, down.shape[0]) * (up.flatten(1) @ down.flatten(1))


def tucker(roles: Tensors, weight: torch.Tensor, strength: float) -> torch.Tensor:
    """LyCORIS `functional/general.py`, `rebuild_tucker`: "i j ..., i p, j r -> p r ..."."""
    if "mid" not in roles:
        return lora(roles, weight, strength)
    down, up = roles["down"].flatten(1), roles["up"].flatten(1)
    delta = torch.einsum("ijkl,pi,jr->prkl", roles["mid"], up, down)
    return strength * _scale(roles, down.shape[0]) * delta


def loha(roles: Tensors, weight: torch.Tensor, strength: float) -> torch.Tensor:
    """(A1 B1) * (A2 B2) elementwise. Hyeon-Woo et al. 2021; LyCORIS `functional/loha.py`."""
    if "t1" in roles:
        one, two = (torch.einsum("ijkl,ip,jr->prkl", roles[f"t{n}"], roles[f"w{n}_a"],
                                 roles[f"w{n}_b"]) for n in "12")  # fmt: skip
    else:
        one, two = (roles[f"w{n}_a"] @ roles[f"w{n}_b"] for n in "12")
    return strength * _scale(roles, roles["w1_b"].shape[0]) * one * two


def lokr(roles: Tensors, weight: torch.Tensor, strength: float) -> torch.Tensor:
    """kron(w1, w2); alpha counts only where a side is factored. LyCORIS `modules/lokr.py`."""
    scale = 1.0
    second = roles.get("w2")
    if second is None:
        second = roles["w2_a"] @ roles["w2_b"]
        scale = _scale(roles, roles["w2_b"].shape[0])
    first = roles["w1"]
    columns = weight.shape[1] // first.shape[1]
    second = second.reshape(second.shape[0], columns, -1)
    delta = torch.einsum("ab,cdk->acbdk", first, second)
    return strength * scale * delta.reshape(weight.shape)


def dora(roles: Tensors, weight: torch.Tensor, strength: float) -> torch.Tensor:
    """m * V / |V|, V = W + B A. Liu et al. 2024, eq. 5; PEFT `tuners/lora/dora.py`.

    One magnitude per row; or per column, as OneTrainer and LyCORIS' `wd_on_out=False` train.
    """
    total = weight + lora(roles, weight, 1.0).reshape(weight.shape)
    magnitude = roles["magnitude"]
    by_row = magnitude.shape[0] == weight.shape[0]
    matrix = total if by_row else total.transpose(0, 1)
    lengths = matrix.flatten(1).norm(dim=1)
    shape = [1] * weight.dim()
    shape[0 if by_row else 1] = -1
    new = total * magnitude.reshape(shape) / lengths.reshape(shape)
    return strength * (new - weight)


def _rotation(blocks: torch.Tensor, limit: float) -> torch.Tensor:
    """Cayley: (I + Q)(I - Q)^-1, the norm of Q at most `limit` (0: no limit)."""
    q = blocks - blocks.mT
    norm = float(q.norm())
    if 0 < limit < norm:
        q = q * limit / norm
    eye = torch.eye(q.shape[-1], dtype=q.dtype)
    return (eye + q) @ torch.linalg.inv(eye - q)


def oft(roles: Tensors, weight: torch.Tensor, strength: float) -> torch.Tensor:
    """R^T W in blocks. LyCORIS `functional/diag_oft.py`; sd-scripts `networks/oft_flux.py`."""
    alpha, rows, changed = float(roles.get("alpha", torch.tensor(0.0))), 0, []
    matrix = weight.flatten(1)
    for role in sorted(role for role in roles if role.startswith("blocks")):
        blocks = roles[role]
        out = blocks.shape[0] * blocks.shape[1]
        turn = torch.block_diag(*_rotation(blocks, alpha * out)).T
        part = matrix[rows : rows + out]
        changed.append(turn @ part)
        rows += out
    new = torch.cat(changed)
    if "rescale" in roles:
        new = roles["rescale"].reshape(-1, 1) * new
    return strength * (new - matrix)


def boft(roles: Tensors, weight: torch.Tensor, strength: float) -> torch.Tensor:
    """Butterfly of rotations, each weakened by the strength. LyCORIS `functional/boft.py`."""
    blocks, matrix = roles["blocks"], weight.flatten(1)
    rounds, _, size, _ = blocks.shape
    out = matrix.shape[0]
    rotations = _rotation(blocks, float(roles.get("alpha", torch.tensor(0.0))) * out)
    rows = matrix
    for i in range(rounds):
        # Rows 2^i * size/2 apart become neighbours: an explicit permutation.
        apart = 2**i * size // 2
        order = torch.arange(out).reshape(-1, 2, apart).transpose(1, 2).flatten()
        turn = torch.block_diag(*rotations[i])
        turn = strength * turn + (1 - strength) * torch.eye(out, dtype=turn.dtype)
        new = torch.empty_like(rows)
        new[order] = turn @ rows[order]
        rows = new
    if "rescale" in roles:
        rows = roles["rescale"].reshape(-1, 1) * rows
    return rows - matrix


def oft_input(roles: Tensors, weight: torch.Tensor, strength: float) -> torch.Tensor:
    """The input turns, x R; a convolution's weight turns instead. OneTrainer `oft_utils.py`."""
    vectors = roles["vectors"]
    size = math.isqrt(2 * vectors.shape[1]) + 1
    blocks = []
    columns = math.prod(weight.shape[1:])
    for vector in vectors.expand(columns // size, -1):
        q = torch.zeros(size, size, dtype=torch.float64)
        q[tuple(torch.triu_indices(size, size, 1))] = vector
        q = q - q.T
        blocks.append(torch.eye(size, dtype=q.dtype) + 2 * q + 2 * q @ q + 2 * q @ q @ q
                      + q @ q @ q @ q)  # fmt: skip
    turn = torch.block_diag(*blocks)
    matrix = weight.flatten(1)
    return strength * (matrix @ (turn.T if weight.dim() == 2 else turn) - matrix)


def glora(roles: Tensors, weight: torch.Tensor, strength: float) -> torch.Tensor:
    """W A1 A2 + B1 B2. Chavan et al. 2023; LyCORIS `modules/glora.py`, `_glora_weight`."""
    a = roles["a1"].flatten(1) @ roles["a2"].flatten(1)
    b = (roles["b1"].flatten(1) @ roles["b2"].flatten(1)).reshape(weight.shape)
    scale = _scale(roles, roles["a2"].shape[0])
    return strength * scale * (torch.einsum("oi...,ij->oj...", weight, a) + b)


def ia3(roles: Tensors, weight: torch.Tensor, strength: float) -> torch.Tensor:
    """W * scale by row, or by column. LyCORIS `modules/ia3.py`, `_ia3_weight`."""
    scale = roles["scale"].flatten()
    if not roles["on_input"]:
        return strength * (weight.transpose(0, -1) * scale).transpose(0, -1)
    return strength * (weight.transpose(1, -1) * scale).transpose(1, -1)


def full(roles: Tensors, weight: torch.Tensor, strength: float) -> torch.Tensor:
    """The difference itself. LyCORIS `modules/full.py` and `modules/norms.py`."""
    return strength * roles["diff"]


def split_qkv(roles: Tensors, weight: torch.Tensor, strength: float) -> torch.Tensor:
    """Each part alone has alpha / r, r its own rank. sd-scripts `networks/lora_flux.py`."""
    parts = int(roles["parts"])
    rank = roles["down"].shape[0] // parts
    return strength * float(roles["alpha"]) / rank * (roles["up"] @ roles["down"])


FORMULAS: dict[str, Callable[[Tensors, torch.Tensor, float], torch.Tensor]] = {
    "lora": lora, "locon": lora, "diffb": lora, "locon_tucker": tucker, "loha": loha,
    "loha_tucker": loha, "lokr": lokr, "lokr_full": lokr, "dora": dora, "dora_in": dora,
    "peft_dora": dora, "aitk_dora": dora, "oft": oft, "oft_kohya": oft, "boft": boft,
    "ot_oft": oft_input, "glora": glora, "ia3": ia3, "full": full, "norm": full,
    "splitqkv": split_qkv,
}  # fmt: skip
