import os
import shutil
import subprocess
import sys
import time

import pytest
import torch

from colorbench.color import fused, kept
from colorbench.color.kept import CHECKSUM, FAILED, LIBRARY, Differentiable, Library, compile_here, library_key
from colorbench.metrics.psnr import _mse

LATER = """
import sys
import torch
from colorbench.metrics.psnr import _mse

pred, target = torch.load(sys.argv[1])
values = _mse(pred.requires_grad_(), target)
torch.save((values.detach(), torch.autograd.grad(values.sum(), pred)), sys.argv[2])
with torch.no_grad():
    torch.testing.assert_close(_mse(pred, target), values, rtol=0, atol=0)
print("torch._inductor" in sys.modules)
"""


@pytest.fixture
def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(3, 3, 130, 171, generator=generator), torch.rand(3, 3, 130, 171, generator=generator)


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))


@pytest.fixture
def library(cache, pictures) -> Library:
    return Library(_mse.__wrapped__, pictures)


def wait_for(library: Library) -> None:
    while not library.ready():  # pytest's own time limit ends this
        assert not (library.folder / FAILED).exists(), (library.folder / FAILED).read_text()
        time.sleep(0.1)


@pytest.mark.compiled
def test_a_kernel_is_compiled_once_and_found_by_a_later_process(monkeypatch, tmp_path, capsys, pictures, cache):
    if not fused.has_compiler("cpu"):
        pytest.skip("needs a C++ compiler")
    monkeypatch.setenv("COLORBENCH_COMPILE", "auto")
    monkeypatch.setattr(fused, "KEPT_PATIENCE", 2 * pictures[0].numel())
    pred, target = pictures[0].clone().requires_grad_(), pictures[1]
    eager = _mse.__wrapped__(pred, target)
    gradient = torch.autograd.grad(eager.sum(), pred)[0]
    for _ in range(3):
        assert torch.equal(_mse(pred, target), eager)
    assert capsys.readouterr().err.startswith("colorbench compiles kernels, once for this machine: ")
    kept = Differentiable(_mse.__wrapped__, [pred, target], [0])
    wait_for(kept.forward)
    monkeypatch.setenv("COLORBENCH_COMPILE", "1")  # compiles what is missing, and waits
    values = _mse(pred, target)
    assert kept.ready()
    torch.testing.assert_close(values, eager, atol=0, rtol=1e-5)

    for batch in (pictures, [each[:1] for each in pictures], [each.transpose(2, 3) for each in pictures]):
        torch.testing.assert_close(kept.forward(*batch), _mse.__wrapped__(*batch), atol=0, rtol=1e-5)
    torch.testing.assert_close(torch.autograd.grad(_mse(pred, target).sum(), pred)[0], gradient, atol=0, rtol=1e-5)
    (once,) = torch.autograd.grad(_mse(pred, target).sum(), pred, create_graph=True)
    (twice,) = torch.autograd.grad(once.square().sum(), pred)
    elements = pred[0].numel()
    torch.testing.assert_close(twice, 2 * gradient * 2 / elements, atol=0, rtol=1e-4)

    given, returned = tmp_path / "pictures.pt", tmp_path / "values.pt"
    torch.save(pictures, given)
    for mode in ("auto", "1"):
        monkeypatch.setenv("COLORBENCH_COMPILE", mode)
        later = subprocess.run(
            [sys.executable, "-c", LATER, given, returned], capture_output=True, text=True, check=True
        )
        assert (later.stdout, later.stderr) == ("False\n", "")
        values, (found,) = torch.load(returned)
        assert torch.equal(values, kept.forward(*pictures))
        torch.testing.assert_close(found, gradient, atol=0, rtol=1e-5)

    whole = (kept.forward.folder / LIBRARY).read_bytes()
    for damaged in (whole[:-9] + bytes([whole[-9] ^ 4]) + whole[-8:], whole[:1000]):
        (kept.forward.folder / LIBRARY).write_bytes(damaged)
        assert not Library(_mse.__wrapped__, [pred, target]).ready()
        assert not (kept.forward.folder / LIBRARY).exists(), "it is compiled anew"
    for name in (LIBRARY, CHECKSUM):
        shutil.copy(kept.backward.folder / name, kept.forward.folder / name)
    assert not Library(_mse.__wrapped__, [pred, target]).ready(), "another kernel's"


def _of_middle_row(x):
    return x[:, :, x.shape[2] // 2].square().mean(dim=(1, 2))


@pytest.mark.compiled
def test_a_kernel_whose_compiled_form_keeps_a_size_of_its_example_is_not_kept(cache, pictures):
    if not fused.has_compiler("cpu"):
        pytest.skip("needs a C++ compiler")
    of_gradients = Library(_of_middle_row, pictures[:1], [0])
    compile_here(of_gradients.kernel, os.fspath(of_gradients.folder))
    assert (
        "other values for pictures of (count, height, width) (1, 24, 40)" in (of_gradients.folder / FAILED).read_text()
    )
    assert not of_gradients.ready()


def test_calls_share_a_library_by_types_channels_and_settings(pictures):
    pred, target = pictures
    key = library_key([pred, target, "soft"])
    assert library_key([pred[:2, :, 1:], target[:2, :, 1:], "soft"]) == key
    others = [
        [pred, target, True],
        [pred, target, 1],
        [pred[:, :2], target[:, :2], "soft"],
        [pred.half(), target, "soft"],
    ]
    assert len({key, *(library_key(other) for other in others)}) == 1 + len(others)


OTHERS = {
    "one for many": lambda x: [x, x[:1]],
    "no batch": lambda x: [x[0]],
    "a list": lambda x: [x, [1, 2]],
    "another device": lambda x: [x.to("meta")],
    "another size": lambda x: [x, x[..., 1:]],
}


@pytest.mark.parametrize("call", OTHERS.values(), ids=OTHERS)
def test_other_calls_have_none(pictures, call):
    assert library_key(call(pictures[0])) is None


def test_its_name_changes_with_all_that_it_depends_on(monkeypatch, pictures, library):
    names = {library.folder.name, Library(_mse.__wrapped__, [each.to(torch.uint8) for each in pictures]).folder.name}
    for what, value in (("instruction_set", "another"), ("sources_sha256", "changed")):
        with monkeypatch.context() as changed:
            changed.setattr(kept, what, lambda *_, value=value: value)
            names.add(Library(_mse.__wrapped__, pictures).folder.name)
    names.add(Library(_mse.__wrapped__, pictures, [0]).folder.name)
    assert len(names) == 5
    assert Library(_mse.__wrapped__, pictures).folder == library.folder


def test_a_damaged_library_is_deleted(library):
    library.folder.mkdir(parents=True)
    (library.folder / LIBRARY).write_bytes(b"PK\3\4 cut short")
    assert not library.ready()
    assert not (library.folder / LIBRARY).exists()


def test_what_cannot_be_compiled_says_why_and_is_not_tried_again(library):
    compile_here(library.kernel.replace("_mse", "no_such_kernel"), os.fspath(library.folder))
    assert "no_such_kernel" in (library.folder / FAILED).read_text()
    library.start_compiling()
    assert not library.was_asked_for
    assert not library.make()


def test_a_cache_that_cannot_be_written_is_no_error(monkeypatch, tmp_path, pictures):
    (tmp_path / "a file").touch()
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path / "a file"))
    assert not Library(_mse.__wrapped__, pictures).make()
