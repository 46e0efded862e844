import pytest

from colorbench.data.table import DATASETS, dataset_row, find_photos


def test_keys_are_those_of_the_rows():
    assert all(key == row.key for key, row in DATASETS.items())


def test_unknown_datasets_and_options_list_the_known():
    with pytest.raises(KeyError, match=r"unknown dataset 'foldr'; known datasets: .*did you mean 'folder'"):
        dataset_row("foldr")
    with pytest.raises(KeyError, match="'paired' takes no option column; its options: half"):
        dataset_row("paired", ["half", "column"])
    with pytest.raises(KeyError, match="its options: none"):
        dataset_row("embedded", ["half"])


@pytest.mark.parametrize("dataset", [key for key, row in DATASETS.items() if row.needs_source])
def test_a_dataset_says_what_it_needs(dataset):
    with pytest.raises(ValueError, match=f"dataset '{dataset}' needs {DATASETS[dataset].needs_source}"):
        find_photos(dataset, None, {})


def test_options_reach_the_dataset(tree):
    assert len(find_photos("folder", tree, {}).sources) == 12
    with pytest.raises(ValueError, match="half"):
        find_photos("paired", tree, {"half": "upper"})
