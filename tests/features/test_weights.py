import hashlib
import socket

import pytest
import torch

from colorbench.features import WeightsMissing, find_weights
from colorbench.features.weights import WeightFile, hub_folder, read_state


def published(folder, name="net", content=b"weights", digest=None):
    """A weight file 'published' on the disk, under a name that carries its hash."""
    digest = digest or hashlib.sha256(content).hexdigest()[:8]
    path = folder / f"{name}-{digest}.pth"
    path.write_bytes(content)
    return WeightFile(name, path.as_uri(), 0.1, aliases=(f"{name}_features.pth",))


def test_the_folder_comes_before_the_hub_and_the_hub_before_a_download(no_weights):
    file = published(no_weights)
    downloaded = find_weights(file)
    assert downloaded == hub_folder() / file.file_name
    assert downloaded.read_bytes() == b"weights"
    assert list(hub_folder().iterdir()) == [downloaded]
    folder = no_weights / "weights"
    folder.mkdir()
    (folder / file.file_name).write_bytes(b"mine")
    assert find_weights(file) == folder / file.file_name
    (folder / "net_features.pth").write_bytes(b"mine")
    assert find_weights(file) == folder / "net_features.pth"
    assert find_weights(file, features_only=False) == folder / file.file_name


def test_a_download_over_the_limit_is_not_started(no_weights, monkeypatch):
    monkeypatch.setenv("COLORBENCH_DOWNLOAD_MB", "5")
    file = WeightFile("vgg16", "https://nowhere.invalid/vgg16-397923af.pth", 528)
    with pytest.raises(
        WeightsMissing, match=r"download of 528 MB, over COLORBENCH_DOWNLOAD_MB=5: put vgg16-397923af.pth"
    ):
        find_weights(file)


def test_a_limit_that_is_no_number_is_refused(no_weights, monkeypatch):
    monkeypatch.setenv("COLORBENCH_DOWNLOAD_MB", "five")
    with pytest.raises(ValueError, match="COLORBENCH_DOWNLOAD_MB is 'five', wanted a number of megabytes"):
        find_weights(WeightFile("net", "https://nowhere.invalid/net.pth", 1))


def test_offline_is_one_line_and_is_not_tried_again(no_weights, monkeypatch):
    tried = []

    def refuse(*args, **kwargs):
        tried.append(socket.getdefaulttimeout())
        raise OSError("no network")

    monkeypatch.setattr("torch.hub.urlopen", refuse)
    file = WeightFile("net", "https://nowhere.invalid/net-once.pth", 1)
    for _ in range(3):
        with pytest.raises(WeightsMissing, match=r"could not be downloaded \(no network\): put net-once.pth") as caught:
            find_weights(file)
        assert "\n" not in str(caught.value)
    assert len(tried) == 1
    assert tried[0] <= 10
    assert socket.getdefaulttimeout() is None


def test_a_server_that_never_answers_does_not_hang(no_weights, monkeypatch):
    monkeypatch.setattr("colorbench.features.weights.CONNECT_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        with pytest.raises(WeightsMissing, match="could not be downloaded"):
            find_weights(WeightFile("net", f"http://127.0.0.1:{port}/net-silent.pth", 1))


def test_a_wrong_hash_is_refused_and_leaves_nothing(no_weights):
    file = published(no_weights, digest="0123abcd")
    with pytest.raises(WeightsMissing, match=r'could not be downloaded .*expected "0123abcd"'):
        find_weights(file)
    assert list(hub_folder().iterdir()) == []


def test_a_damaged_file_is_named_with_its_cure(tmp_path):
    path = tmp_path / "net.pth"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(WeightsMissing, match=r"cannot be read .*delete the file and fetch it again"):
        read_state(path)


def test_a_state_dict_is_read(tmp_path):
    torch.save({"weight": torch.ones(2)}, tmp_path / "net.pth")
    assert read_state(tmp_path / "net.pth")["weight"].tolist() == [1, 1]
