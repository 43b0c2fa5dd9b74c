"""LTX-Video 2B and 13B, and LTX-2, which adds a sound stream to the 13B's video stream.

Native and diffusers names of the blocks are the same.
"""

from __future__ import annotations

from .architecture import Architecture
from .layout import Layout

_VIDEO = """
patchify_proj h 128
proj_out 128 h
adaln_single.emb.timestep_embedder.linear_1 h 256
adaln_single.emb.timestep_embedder.linear_2 h h
adaln_single.linear 6h h
caption_projection.linear_1 h text
caption_projection.linear_2 h h
transformer_blocks.<B>.(attn1|attn2).(to_q|to_k|to_v|to_out.0) h h
transformer_blocks.<B>.(attn1|attn2).(q_norm|k_norm) h
transformer_blocks.<B>.ff.net.0.proj 4h h
transformer_blocks.<B>.ff.net.2 h 4h
"""
_SOUND = """
audio_patchify_proj a 128
audio_proj_out 128 a
(audio_adaln_single|av_ca_audio_scale_shift_adaln_single).emb.timestep_embedder.linear_1 a 256
(audio_adaln_single|av_ca_audio_scale_shift_adaln_single).emb.timestep_embedder.linear_2 a a
av_ca_v2a_gate_adaln_single.emb.timestep_embedder.linear_1 a 256
av_ca_v2a_gate_adaln_single.emb.timestep_embedder.linear_2 a a
av_ca_v2a_gate_adaln_single.linear a a
audio_adaln_single.linear 6a a
av_ca_audio_scale_shift_adaln_single.linear 4a a
(av_ca_video_scale_shift_adaln_single|av_ca_a2v_gate_adaln_single).emb.timestep_embedder.linear_1 h 256
(av_ca_video_scale_shift_adaln_single|av_ca_a2v_gate_adaln_single).emb.timestep_embedder.linear_2 h h
av_ca_video_scale_shift_adaln_single.linear 4h h
av_ca_a2v_gate_adaln_single.linear h h
audio_caption_projection.linear_1 a text
audio_caption_projection.linear_2 a a
(audio|video)_embeddings_connector.transformer_1d_blocks.<0-1>.attn1.(to_q|to_k|to_v|to_out.0) text text
(audio|video)_embeddings_connector.transformer_1d_blocks.<0-1>.attn1.(q_norm|k_norm) text
(audio|video)_embeddings_connector.transformer_1d_blocks.<0-1>.ff.net.0.proj 4text text
(audio|video)_embeddings_connector.transformer_1d_blocks.<0-1>.ff.net.2 text 4text
transformer_blocks.<B>.(audio_attn1|audio_attn2).(to_q|to_k|to_v|to_out.0) a a
transformer_blocks.<B>.(audio_attn1|audio_attn2).(q_norm|k_norm) a
transformer_blocks.<B>.(audio_to_video_attn|video_to_audio_attn).(q_norm|k_norm) a
transformer_blocks.<B>.audio_to_video_attn.to_q a h
transformer_blocks.<B>.audio_to_video_attn.(to_k|to_v) a a
transformer_blocks.<B>.audio_to_video_attn.to_out.0 h a
transformer_blocks.<B>.video_to_audio_attn.(to_q|to_out.0) a a
transformer_blocks.<B>.video_to_audio_attn.(to_k|to_v) a h
transformer_blocks.<B>.audio_ff.net.0.proj 4a a
transformer_blocks.<B>.audio_ff.net.2 a 4a
"""  # noqa: E501 - a row is one line


def _ltx(
    id_: str, title: str, encoder: str, table: str, sizes: dict[str, int], *claims: str
) -> Architecture:
    layouts = (Layout("native", table, sizes), Layout("diffusers", table, sizes))
    return Architecture(
        id_, title, (encoder,), layouts, claims=claims, stacks=("transformer_blocks",)
    )


ARCHITECTURES = (
    _ltx("ltxv_2b", "LTX-Video 2B", "t5xxl", _VIDEO, {"h": 2048, "text": 4096, "B": 28}, "ltxv"),
    _ltx("ltxv_13b", "LTX-Video 13B", "t5xxl", _VIDEO, {"h": 4096, "text": 4096, "B": 48}, "ltxv"),
    _ltx("ltx2", "LTX-2", "gemma3_12b", _VIDEO + _SOUND,
         {"h": 4096, "a": 2048, "text": 3840, "B": 48}, "ltx2", "ltxav"),
)  # fmt: skip
