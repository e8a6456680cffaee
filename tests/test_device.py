from neural_style.planning import device


def test_instructions_are_read_from_the_line_of_flags_only(tmp_path, monkeypatch):
    monkeypatch.setattr(device, "CPUINFO", tmp_path / "cpuinfo")
    assert not device.cpu_has_any("avx2")
    (tmp_path / "cpuinfo").write_text("model name\t: amx_bf16 lookalike\nflags\t\t: fpu avx2 avx512_bf16\n")
    assert device.cpu_has_any("amx_bf16", "avx512_bf16")
    assert not device.cpu_has_any("amx_bf16")
    assert not device.cpu_has_any("avx512")
