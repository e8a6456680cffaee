from neural_style.vgg import processor


def test_instructions_are_read_from_the_flags_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    assert not processor.has_any("avx2")
    (tmp_path / "cpuinfo").write_text("model name\t: amx_bf16 lookalike\nflags\t\t: fpu avx2 avx512_bf16\n")
    assert processor.has_any("amx_bf16", "avx512_bf16")
    assert not processor.has_any("amx_bf16")
    assert not processor.has_any("avx512")
