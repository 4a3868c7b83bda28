from __future__ import annotations

import os
from pathlib import Path

import pytest

from studio.checkpoints import catalog
from studio.checkpoints.catalog import find_model, list_models
from studio.checkpoints.family_models import FamilyInfo
from studio.checkpoints.library.folders import add_folders
from studio.errors import CheckpointError, UnknownNameError
from studio.folders import Folders
from tests.checkpoints.models import CARD, write_model, write_sparse
from tests.families.headers import sd1
from tests.weights.corpus import HOSTILE


@pytest.fixture
def folders(stepwise_home: Path) -> Folders:
    return Folders.under(stepwise_home)


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the program ship other models than it does."""
    monkeypatch.setattr(catalog, "resources_dir", lambda: tmp_path / "resources")
    return tmp_path / "resources" / "models"


def test_where_there_are_no_folders_there_are_no_models(folders: Folders) -> None:
    assert list_models(folders) == ()
    assert not folders.models.exists()
    with pytest.raises(UnknownNameError, match=r"model 'starter' is not known \(there are: none\)"):
        find_model("starter", folders)


def test_shipped_models_come_first_and_then_the_users(folders: Folders, shipped: Path) -> None:
    write_model(shipped / "one", name="zebra")
    write_model(folders.models / "two", name="apple")
    write_model(folders.models / "three", name="mango")
    (folders.models / "readme.txt").write_text("no model")
    (folders.models / ".hidden").mkdir()
    listed = list_models(folders)
    assert [(model.name, model.shipped, model.error) for model in listed] == [
        ("zebra", True, None),
        ("apple", False, None),
        ("mango", False, None),
    ]
    assert listed[0].card is not None
    assert listed[0].card.title == CARD.title
    assert listed[1].folder == folders.models / "two"


def test_a_broken_model_is_listed_with_its_sentence_and_hides_no_other(
    folders: Folders, shipped: Path
) -> None:
    write_model(shipped / "good", name="good")
    (folders.models / "empty").mkdir(parents=True)
    write_model(folders.models / "page", weights=HOSTILE["a web page"][0])
    write_model(folders.models / "short", weights=HOSTILE["a byte short"][0])
    write_model(folders.models / "other", parameters=5)
    write_model(folders.models / "strange", prediction="score")
    listed = {model.name: model for model in list_models(folders)}
    assert listed["good"].error is None
    for name, reason in {
        "empty": "card.json is missing",
        "page": "model.safetensors is a web page",
        "short": "ends before its weights do",
        "other": "its card says 5",
        "strange": "prediction must be one of eps, v, x0",
    }.items():
        assert listed[name].card is None
        assert reason in (listed[name].error or "")
        with pytest.raises(CheckpointError, match=reason):
            find_model(name, folders)


def test_a_name_always_means_the_same_model(folders: Folders, shipped: Path) -> None:
    write_model(shipped / "tiny")
    write_model(folders.models / "false", title="False one")
    first, second = list_models(folders)
    assert (first.error, second.name, second.card) == (None, "false", None)
    assert "has the name 'tiny', which the model in" in (second.error or "")
    assert find_model("tiny", folders).folder == shipped / "tiny"


def test_an_unknown_name_is_answered_with_the_nearest(folders: Folders, shipped: Path) -> None:
    write_model(shipped / "starter", name="starter")
    with pytest.raises(UnknownNameError, match="did you mean 'starter'"):
        find_model("strater", folders)


def test_a_model_is_found_by_the_path_of_its_folder_and_of_its_files(
    folders: Folders, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "elsewhere" / "m")
    for path in (folder, folder / "model.safetensors", folder / "card.json", f"{folder}{os.sep}"):
        found = find_model(str(path), folders)
        assert (found.name, found.folder, found.shipped) == ("tiny", folder, False)
        assert found.card is not None


def test_a_model_in_this_folder_is_found_by_its_plain_name(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path / "mine")
    (tmp_path / "pictures").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_model("mine", folders).name == "tiny"
    with pytest.raises(UnknownNameError):
        find_model("pictures", folders)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("sd15.ckpt", HOSTILE["a zip"][0], "is a zip archive or a PyTorch file"),
        ("old.pt", HOSTILE["a pickle"][0], "is a Python pickle"),
        ("cut.safetensors", HOSTILE["a byte short"][0], "ends before its weights do"),
        ("page.safetensors", HOSTILE["a web page"][0], "is a web page"),
        ("foreign.safetensors", None, "has no card.json beside it"),
        ("empty.safetensors", b"", "is empty"),
    ],
)
def test_a_file_that_is_no_model_is_named_for_what_it_is(
    folders: Folders, tmp_path: Path, name: str, data: bytes | None, reason: str
) -> None:
    whole = (write_model(tmp_path / "whole") / "model.safetensors").read_bytes()
    (tmp_path / name).write_bytes(whole if data is None else data)
    with pytest.raises(CheckpointError, match=reason):
        find_model(str(tmp_path / name), folders)


@pytest.mark.parametrize(
    "name", ["nowhere/at/all", "/dev/zero", "a\0b/c", "x" * 5000 + "/y", "\ud800/x", "../.."]
)
def test_a_path_that_leads_nowhere_is_a_sentence(folders: Folders, name: str) -> None:
    with pytest.raises(CheckpointError):
        find_model(name.replace("/", os.sep), folders)


@pytest.mark.parametrize("name", ["", "x" * 5000, "a\0b", "\ud800", "<b>starter", "모델"])
def test_a_strange_name_is_an_unknown_one(folders: Folders, name: str) -> None:
    with pytest.raises(UnknownNameError) as refused:
        find_model(name, folders)
    assert len(str(refused.value)) < 300


def test_a_folder_that_cannot_be_listed_is_itself_what_is_broken(
    folders: Folders, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(shipped / "tiny")
    folders.models.mkdir(parents=True)
    listing = Path.iterdir

    def denied(self: Path) -> object:
        if self == folders.models:
            raise PermissionError(13, "denied")
        return listing(self)

    monkeypatch.setattr(
        Path, "iterdir", denied
    )  # root may list everything, so permission is not really taken
    good, broken = list_models(folders)
    assert good.error is None
    assert "cannot be read: this user has no permission" in (broken.error or "")


@pytest.mark.skipif(os.name != "posix", reason="only there may a name be no text")
def test_a_name_that_is_no_text_can_be_printed(folders: Folders) -> None:
    os.makedirs(os.fsencode(folders.models) + b"/\xff\xfe")
    (model,) = list_models(folders)
    assert model.name.encode() == rb"\udcff\udcfe"
    assert (model.error or "").encode()


# ------------------------------------------------------------------------------------------- models of other families
def test_a_model_that_was_listed_is_found_without_a_scan(
    folders: Folders, shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = tmp_path / "ComfyUI"
    add_folders(folders, [added])
    write_sparse(folders.models / "dreams.safetensors", sd1())
    path = added / "b" / "ink.safetensors"
    write_sparse(path, sd1())
    write_sparse(added / "bare.safetensors", sd1(vae=False))
    list_models(folders)
    with monkeypatch.context() as patched:
        patched.setattr(catalog, "scan", lambda *_, **__: pytest.fail("a folder was scanned"))
        for name, place in (("dreams", folders.models), ("ink", path.parent), ("bare", added)):
            found = find_model(name, folders)
            assert found.path == place / f"{name}.safetensors"
    bare = find_model("bare", folders).card
    assert isinstance(bare, FamilyInfo)
    assert dict(bare.files)["vae"] != dict(bare.files)["unet"]


def test_a_listed_model_that_is_gone_or_replaced_is_noticed(folders: Folders, shipped: Path) -> None:
    path = folders.models / "ink.safetensors"
    write_sparse(path, sd1())
    list_models(folders)
    path.write_bytes(HOSTILE["a web page"][0])
    with pytest.raises(CheckpointError, match="is a web page"):
        find_model("ink", folders)
    path.unlink()
    with pytest.raises(UnknownNameError):
        find_model("ink", folders)
    write_sparse(path.with_name("new.safetensors"), sd1())
    assert find_model("new", folders).name == "new"


def test_a_complete_model_at_a_path_is_found_without_a_scan_of_the_model_folders(
    folders: Folders, shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "scan_models", lambda *_, **__: pytest.fail("a folder was scanned"))
    path = tmp_path / "elsewhere" / "ink.safetensors"
    write_sparse(path, sd1())
    assert find_model(str(path), folders).path == path


def test_a_model_that_would_not_load_is_listed_as_broken_and_supplies_no_part(
    folders: Folders, shipped: Path
) -> None:
    broken = {
        name: shape for name, shape in sd1().items() if "first_stage_model.decoder.conv_out" not in name
    }
    write_sparse(folders.models / "broken.safetensors", broken)
    write_sparse(folders.models / "bare.safetensors", sd1(vae=False))
    listed = {model.name: model for model in list_models(folders)}
    assert "lacks tensors of the autoencoder (VAE)" in (listed["broken"].error or "")
    assert "lacks its VAE" in (listed["bare"].error or "")
    with pytest.raises(CheckpointError, match="lacks tensors of the autoencoder"):
        find_model("broken", folders)
