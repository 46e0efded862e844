from colorbench.generators import BASELINES, GENERATORS


def test_keys_are_those_of_the_rows_and_no_baseline_has_one():
    assert all(key == row.key for table in (GENERATORS, BASELINES) for key, row in table.items())
    assert not set(GENERATORS) & set(BASELINES)
